"""The figures that documents share: images in rows, networks, colours of a page."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.documents.network_figure import network
from engine.documents.network_words import layer_rows, network_sentence
from engine.documents.page import CSS, in_page_colours
from engine.documents.style import WIDEST, images, svg
from engine.evaluation.predictions import pca_errors, pca_rebuilt
from engine.network.architecture import plan_autoencoder
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset


def test_colours_become_those_of_the_page_in_signs_and_never_in_words() -> None:
    drawn = '<svg><path style="fill: #1a1f26; stroke: #123456"/><text>#1a1f26 style="fill: #ffffff"</text></svg>'
    assert in_page_colours(drawn) == (
        '<svg><path style="fill: var(--ink); stroke: #123456"/><text>#1a1f26 style="fill: #ffffff"</text></svg>'
    )


def test_every_colour_of_the_dark_is_told_from_its_page() -> None:
    """By the contrast of WCAG: 3 for what is drawn, 7 for text."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    def contrast(one: str, other: str) -> float:
        low, high = sorted((luminance(one), luminance(other)))
        return (high + 0.05) / (low + 0.05)

    blocks = [part.split("}")[0] for part in CSS.split(":root {")[1:]]
    for block in blocks:
        colours = dict(pair.strip().split(": ") for pair in block.split(";") if pair.strip().startswith("--"))
        for name, colour in colours.items():
            if name.startswith("--colour-"):
                assert contrast(colour, colours["--page"]) > (3 if block is blocks[1] else 2), name
        assert contrast(colours["--ink"], colours["--page"]) > 7
        assert contrast(colours["--soft"], colours["--page"]) > 4.5
        assert contrast(colours["--link"], colours["--page"]) > 4.5


@pytest.mark.parametrize(("shape", "count"), [((8, 8, 1), 10), ((300, 200, 3), 3), ((5, 90, 3), 10), ((90, 5, 1), 1)])
def test_images_in_rows_are_no_wider_than_a_page_whatever_they_are(shape: tuple[int, int, int], count: int) -> None:
    row = np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)
    drawn = images(
        [row, row[: count // 2]], ["a label that is so long that it has to be cut", "b"], [["x\ny"] * count, []]
    )
    width, height = drawn.get_size_inches()
    assert width <= WIDEST + 1e-6
    assert height < 9
    assert svg(drawn, "x").count("<image") == 1


def test_a_picture_of_images_has_their_pixels() -> None:
    row = np.random.default_rng(0).integers(0, 256, (2, 6, 6, 3), dtype=np.uint8)
    (axes,) = images([row], ["x"]).axes
    canvas = np.asarray(axes.images[0].get_array())
    height, width = canvas.shape[:2]
    found = [
        place
        for place in range(width - 5)
        if np.array_equal(canvas[:6, place : place + 6, :3], row[0])
        or np.array_equal(canvas[:6, place : place + 6, :3], row[1])
    ]
    assert len(found) == 2
    assert found[1] - found[0] > 6  # and something between them
    assert height >= 6


@given(
    half=st.integers(1, 20),
    kernels=st.integers(1, 300),
    latent=st.sampled_from([0, 1, 64, 2000]),
    side=st.sampled_from([(28, 28, 1), (8, 90, 3), (64, 64, 3)]),
)
def test_any_network_is_drawn_within_a_page_with_a_name_for_each_layer(
    half: int, kernels: int, latent: int, side: tuple[int, int, int]
) -> None:
    spec = preset(AutoencoderSpec, "recommended", layers=2 * half, kernels=kernels, latent=latent)
    plan = plan_autoencoder(spec, side)
    drawn = network(plan)
    assert drawn.get_size_inches()[0] <= WIDEST + 0.1
    words = [text.get_text() for text in drawn.axes[0].texts]
    assert all(layer.name in words for layer in plan.layers)
    rows = layer_rows(plan, spec, None)
    assert len(rows) == len(plan.layers) + 1
    assert rows[-1][3] == f"{plan.parameters:,}"
    assert f"{plan.latent:,} number" in network_sentence(plan)


def test_what_pca_makes_of_images_has_the_error_that_is_told_of_it() -> None:
    random = np.random.default_rng(0)
    basis = random.random((3, 36))
    training, new = ((random.random((n, 3)) @ basis / 3 * 255).astype(np.uint8).reshape(n, 6, 6, 1) for n in (200, 20))
    rebuilt = pca_rebuilt(training, new, 2)
    assert rebuilt.shape == new.shape
    error = float(np.square((rebuilt.astype(float) - new) / 255).mean())
    (told,) = pca_errors(training, [new], 2)
    assert told.mse is not None
    assert math.isclose(error, told.mse, rel_tol=0.05)  # but for rounding to whole numbers
