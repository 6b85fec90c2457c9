"""What a model is asked about: read piece by piece, and made as its training images were."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import DatasetError
from engine.evaluation import given
from engine.evaluation.given import asked_about, given_images, made_ready
from engine.evaluation.model import Model, load_model
from tests.pictures import write_folder
from tests.shapes import content, drawn, train_shapes


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A classifier of bars and dots, light on dark."""
    home, ids, _ = train_shapes(tmp_path_factory.mktemp("shapes"))
    return load_model(home, ids["classifier"])


def of_mnist(model: Model) -> Model:
    """The same, as if its images had been centred."""
    return replace(model, facts=replace(model.facts, centred=True))


def test_pieces_are_all_of_it_in_order_and_none_is_larger_than_it_may_be(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"bar/{n:02}.png": content(drawn("bar", n)) for n in range(12)}
    files |= {f"dot/{n:02}.png": content(drawn("dot", n)) for n in range(7)} | {"dot/05.png": b"torn"}
    files |= {f"dot/{n}.png": b"torn" for n in range(90, 98)}
    folder = write_folder(tmp_path / "many", files)
    whole = given_images(model, [str(folder)])
    monkeypatch.setattr(given, "AT_ONCE", 4)
    asked = asked_about(model, [str(folder)])
    told: list[tuple[int, int]] = []
    pieces = list(asked.pieces(lambda done, of: told.append((done, of))))
    assert asked.count == 27
    assert [len(piece.names) for piece in pieces] == [4, 4, 4, 4, 2, 0, 0]  # of the last ones none can be read
    assert [name for piece in pieces for name in piece.names] == list(whole.names)
    np.testing.assert_array_equal(np.concatenate([piece.images for piece in pieces]), whole.images)
    assert whole.labels is not None
    np.testing.assert_array_equal(
        np.concatenate([piece.labels for piece in pieces if piece.labels is not None]), whole.labels
    )
    assert sum(len(piece.bad) for piece in pieces) == 9
    assert told
    assert all(of == 27 for _, of in told)


def test_pieces_of_a_set_are_slices_of_the_part(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.stack([np.asarray(drawn("bar", n)) for n in range(10)])
    np.savez(tmp_path / "set.npz", train_images=images, test_images=images[:7])
    monkeypatch.setattr(given, "AT_ONCE", 5)
    asked = asked_about(model, [str(tmp_path / "set.npz")])
    assert [list(piece.names)[:1] for piece in asked.pieces(None)] == [["set test 0"], ["set test 5"]]
    asked = asked_about(model, [str(tmp_path / "set.npz")], "all")
    assert [len(piece.images) for piece in asked.pieces(None)] == [5, 5, 5, 2]


def test_dark_on_light_paper_that_is_not_square_is_recognised_and_padded_as_training_images_were(
    model: Model, tmp_path: Path
) -> None:
    light = Image.new("L", (8, 16), 0)
    light.paste(drawn("bar", 1), (0, 4))
    dark = Image.fromarray(255 - np.asarray(light))
    folder = write_folder(tmp_path / "tall", {"dark.png": content(dark), "light.png": content(light)})
    found = made_ready(model, given_images(model, [str(folder)]))
    assert found.inverted.tolist() == [True, False]
    np.testing.assert_allclose(found.images[0].astype(int), found.images[1].astype(int), atol=1)  # of shrinking
    assert not found.images[:, :, [0, 1, 6, 7]].any()  # black beside it, as where it was trained


def test_black_ink_on_a_transparent_ground_is_seen(model: Model, tmp_path: Path) -> None:
    ink = np.asarray(drawn("bar", 1))
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[..., 3] = np.where(ink, 255, 0)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    folder = write_folder(tmp_path / "clear", {"a.png": file.getvalue()})
    found = made_ready(model, given_images(model, [str(folder)]))
    assert found.inverted.tolist() == [True]
    np.testing.assert_array_equal(found.images[0, :, :, 0], np.where(ink, 255, 0))


def test_pictures_are_centred_for_a_model_of_such_and_for_no_other(model: Model, tmp_path: Path) -> None:
    photograph = np.full((90, 120), 200, np.uint8)
    photograph[10:60, 84:92] = 60
    photograph[:, :50] -= 40  # a shadow
    folder = write_folder(tmp_path / "photographs", {"a.png": content(Image.fromarray(photograph))})
    asked = given_images(model, [str(folder)])
    assert not made_ready(model, asked).centred.any()
    assert made_ready(model, asked, centre="yes").centred.all()
    found = made_ready(of_mnist(model), asked)
    assert found.centred.tolist() == found.inverted.tolist() == [True]
    rows, columns = np.nonzero(found.images[0, :, :, 0] > 100)
    assert np.ptp(rows) + 1 == 6  # 20 of 28, of 8
    assert set(columns.tolist()) <= {3, 4}
    assert not made_ready(of_mnist(model), asked, centre="no").centred.any()


def test_an_empty_sheet_is_left_as_it_is(model: Model, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "empty", {"a.png": content(Image.new("L", (60, 80), 0))})
    found = made_ready(of_mnist(model), given_images(model, [str(folder)]))
    assert not found.centred.any()
    assert not found.images.any()


def test_images_of_a_set_are_turned_all_or_none(model: Model, tmp_path: Path) -> None:
    dark = np.stack([np.asarray(drawn("bar", n, inverted=True)) for n in range(8)])
    for name, images, all_of_them in (
        ("dark", dark, True),
        ("mixed", np.concatenate([dark[:4], 255 - dark[4:]]), False),
    ):
        np.savez(tmp_path / f"{name}.npz", images=images)
        found = made_ready(model, given_images(model, [str(tmp_path / f"{name}.npz")]))
        assert found.inverted.tolist() == [all_of_them] * 8


def test_images_with_colours_are_not_centred(model: Model) -> None:
    colours = replace(model, image=(8, 8, 3))
    asked = given.Given(["a"], np.zeros((1, 8, 8, 3), np.uint8))
    with pytest.raises(DatasetError, match=r"--centre: .* is for images with colours, and only grey ones are centred"):
        made_ready(colours, asked, centre="yes")
