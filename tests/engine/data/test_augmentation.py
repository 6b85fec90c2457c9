import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.augmentation import ROTATION, SCALE, UNCHANGED, _inverse_maps, affine, augment
from engine.network.views import SHIFT, VIEWS, views


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draws(**values: float) -> torch.Tensor:
    names = ("rotation", "shear", "size", "right", "down")
    return torch.tensor([[values.get(name, 0.0) for name in names]])


def warped(images: torch.Tensor, **values: float) -> torch.Tensor:
    maps = _inverse_maps(draws(**values), images.shape[2], images.shape[3])
    grid = torch.nn.functional.affine_grid(maps, list(images.shape), align_corners=False)
    return torch.nn.functional.grid_sample(images, grid, align_corners=False)


def centre_of_mass(image: torch.Tensor) -> tuple[float, float]:
    height, width = image.shape
    down = torch.arange(height, dtype=torch.float32) - (height - 1) / 2
    right = torch.arange(width, dtype=torch.float32) - (width - 1) / 2
    total = image.sum()
    return float((image.sum(1) * down).sum() / total), float((image.sum(0) * right).sum() / total)


@settings(max_examples=30, deadline=None)
@given(
    count=st.integers(1, 4),
    channels=st.sampled_from([1, 3]),
    height=st.integers(8, 40),
    width=st.integers(8, 40),
    seed=st.integers(0, 2**40),
)
def test_shape_type_and_range_stay_and_the_input_is_not_touched(
    count: int, channels: int, height: int, width: int, seed: int
) -> None:
    images = torch.rand(count, channels, height, width, generator=seeded(seed))
    before = images.clone()
    changed = affine(images, seeded(seed))
    assert changed.shape == images.shape
    assert changed.dtype == images.dtype
    assert float(changed.min()) >= 0
    assert float(changed.max()) <= 1 + 1e-6
    assert torch.equal(images, before)


def test_equal_generator_states_change_images_in_the_same_way_and_others_do_not() -> None:
    images = torch.rand(6, 1, 28, 28, generator=seeded())
    assert torch.equal(affine(images, seeded(7)), affine(images, seeded(7)))
    assert not torch.equal(affine(images, seeded(7)), affine(images, seeded(8)))


def test_a_restored_generator_state_goes_on_as_it_would_have() -> None:
    images = torch.rand(3, 1, 28, 28, generator=seeded())
    generator = seeded(1)
    affine(images, generator)
    state = generator.get_state()
    expected = affine(images, generator)
    generator.set_state(state)
    assert torch.equal(affine(images, generator), expected)


def test_a_given_generator_leaves_the_default_one_alone() -> None:
    before = torch.get_rng_state()
    affine(torch.rand(3, 1, 28, 28, generator=seeded()), seeded())
    assert torch.equal(torch.get_rng_state(), before)


def test_without_a_generator_the_default_one_decides() -> None:
    images = torch.rand(3, 1, 28, 28, generator=seeded())
    with torch.random.fork_rng():
        torch.manual_seed(3)
        first = affine(images, None)
        torch.manual_seed(3)
        assert torch.equal(affine(images, None), first)


def test_each_image_of_a_batch_is_changed_by_its_own_amounts() -> None:
    image = torch.rand(1, 1, 28, 28, generator=seeded())
    first, second = affine(image.expand(2, 1, 28, 28), seeded())
    assert not torch.equal(first, second)


def test_all_channels_of_an_image_are_changed_alike() -> None:
    image = torch.rand(2, 1, 20, 30, generator=seeded()).repeat(1, 3, 1, 1)
    changed = affine(image, seeded())
    assert torch.equal(changed[:, 0], changed[:, 1])
    assert torch.equal(changed[:, 0], changed[:, 2])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_memory_format_stays(layout: torch.memory_format) -> None:
    images = torch.rand(4, 3, 16, 20, generator=seeded()).contiguous(memory_format=layout)
    changed = affine(images, seeded())
    assert changed.is_contiguous(memory_format=layout)
    assert torch.allclose(changed, affine(images.contiguous(), seeded()), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_other_floating_point_types_stay_what_they_are(dtype: torch.dtype) -> None:
    images = torch.rand(4, 1, 28, 28, generator=seeded())
    changed = affine(images.to(dtype), seeded())
    assert changed.dtype == dtype
    assert torch.allclose(changed.float(), affine(images, seeded()), atol=0.1)


def test_draws_of_zero_change_nothing() -> None:
    images = torch.rand(1, 1, 12, 31, generator=seeded())
    assert torch.allclose(warped(images), images, atol=1e-5)


def test_a_whole_draw_shifts_by_two_pixels_of_a_digit_to_the_right_and_downwards() -> None:
    images = torch.zeros(1, 1, 28, 28)
    images[0, 0, 10, 12] = 1
    shifted = warped(images, right=1.0, down=1.0)
    assert shifted[0, 0, 12, 14] == pytest.approx(1, abs=1e-5)


@settings(max_examples=50, deadline=None)
@given(
    rotation=st.floats(-1, 1),
    size=st.floats(-1, 1),
    height=st.integers(8, 256),
    width=st.integers(8, 256),
)
def test_without_shear_an_image_that_is_not_square_is_turned_and_scaled_but_not_skewed(
    rotation: float, size: float, height: int, width: int
) -> None:
    linear = _inverse_maps(draws(rotation=rotation, size=size), height, width)[0, :, :2].double()
    half_sides = torch.tensor([width / 2, height / 2], dtype=torch.float64)
    in_pixels = half_sides[:, None] * linear / half_sides[None, :]
    # A similarity: the transpose times the map is a multiple of the identity.
    expected = torch.eye(2, dtype=torch.float64) / (1 + SCALE * size) ** 2
    assert torch.allclose(in_pixels.T @ in_pixels, expected, atol=1e-5)
    angle = math.atan2(float(in_pixels[1, 0]), float(in_pixels[0, 0]))
    assert abs(angle) == pytest.approx(abs(rotation) * ROTATION, abs=1e-5)


def test_a_point_in_a_wide_image_turns_on_a_circle() -> None:
    image = torch.zeros(1, 1, 32, 96)
    image[0, 0, 15:17, 77:79] = 1  # 30 pixels to the right of the centre
    down, right = centre_of_mass(warped(image, rotation=1.0)[0, 0])
    assert math.hypot(down, right) == pytest.approx(30, abs=0.2)
    assert abs(math.degrees(math.atan2(down, right))) == pytest.approx(10, abs=0.5)


def test_a_positive_draw_of_size_makes_things_larger() -> None:
    image = torch.zeros(1, 1, 28, 28)
    image[0, 0, 9:19, 9:19] = 1
    assert float(warped(image, size=1.0).sum()) == pytest.approx(100 * (1 + SCALE) ** 2, rel=0.03)
    assert float(warped(image, size=-1.0).sum()) == pytest.approx(100 * (1 - SCALE) ** 2, rel=0.03)


def test_no_point_moves_further_than_the_bounds_allow() -> None:
    image = torch.zeros(1, 1, 28, 28)
    image[0, 0, 13:15, 13:15] = 1
    for changed in affine(image.repeat(200, 1, 1, 1), seeded(5)):
        for moved in centre_of_mass(changed[0]):
            assert abs(moved) <= 28 * SHIFT + 0.1


def test_what_comes_in_from_outside_is_black() -> None:
    white = torch.ones(1, 1, 28, 28)
    shifted = warped(white, right=1.0)
    assert float(shifted[..., :2].max()) == pytest.approx(0, abs=1e-5)
    assert float(shifted[..., 2:].min()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_of_a_batch_to_train_on_a_part_stays_as_it_is_and_the_rest_is_changed(layout: torch.memory_format) -> None:
    images = torch.rand(10, 3, 28, 28, generator=seeded()).contiguous(memory_format=layout)
    changed = augment(images, seeded(4))
    kept = round(10 * UNCHANGED)
    assert 0 < kept < 10
    assert torch.equal(changed[:kept], images[:kept])
    assert torch.equal(changed[kept:], affine(images[kept:], seeded(4)))
    assert all(not torch.equal(one, other) for one, other in zip(changed[kept:], images[kept:], strict=True))
    assert changed.is_contiguous(memory_format=layout)


def test_a_batch_too_small_to_be_parted_is_changed_as_a_whole() -> None:
    image = torch.rand(1, 1, 28, 28, generator=seeded())
    assert torch.equal(augment(image, seeded(4)), affine(image, seeded(4)))


@pytest.mark.parametrize(("height", "width", "down", "right"), [(28, 28, 1, 1), (8, 8, 1, 1), (56, 112, 2, 4)])
def test_views_are_the_image_and_itself_shifted_to_each_side(height: int, width: int, down: int, right: int) -> None:
    images = torch.zeros(2, 3, height, width).contiguous(memory_format=torch.channels_last)
    images[:, :, height // 2 - 2 : height // 2 + 2, width // 2 - 2 : width // 2 + 2] = torch.rand(2, 3, 4, 4)
    found = views(images)
    assert len(found) == VIEWS
    assert torch.equal(found[0], images)
    for view, shift in zip(found[1:], [(0, -right), (0, right), (-down, 0), (down, 0)], strict=True):
        assert torch.equal(view, torch.roll(images, shift, (2, 3)))  # nothing but black is at the edges
        assert view.is_contiguous(memory_format=torch.channels_last)


def test_what_a_view_shifts_out_does_not_come_in_on_the_other_side() -> None:
    left, right, up, down = (view[0, 0] for view in views(torch.ones(1, 1, 8, 8))[1:])
    for edge in (left[:, 7], right[:, 0], up[7], down[0]):
        assert edge.tolist() == [0] * 8
    assert [int(view.sum()) for view in (left, right, up, down)] == [56] * 4
