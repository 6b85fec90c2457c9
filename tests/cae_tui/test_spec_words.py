"""Titles of specs as lists show them."""

from cae_tui.spec_words import common_data, cut, natural, shared_parts, shorten, spec_words
from engine.runs import RunStatus


def test_titles_lose_whole_parts_and_end_in_an_ellipsis() -> None:
    assert [shorten("10 × 32, 3×3, b128", width) for width in (18, 17, 13, 12, 8, 7)] == [
        "10 × 32, 3×3, b128", "10 × 32, 3×3…", "10 × 32, 3×3…", "10 × 32…", "10 × 32…", "10 ×…",
    ]  # fmt: skip


def test_what_all_titles_share_goes_first_and_what_tells_them_apart_stays() -> None:
    titles = ["10 × 32, 3×3, b128, lr 0.001", "10 × 32, 3×3, b128, lr 0.01", "10 × 32, 3×3, b128"]
    shared = shared_parts(titles)
    assert [shorten(title, 20, shared) for title in titles] == ["10 × 32, lr 0.001…", "10 × 32, lr 0.01…", titles[2]]


def test_a_latent_that_version_0_1_0_wrote_last_comes_second() -> None:
    assert shorten("10 × 32, 3×3, b128, z16", 40) == "10 × 32, z16, 3×3, b128"
    assert shorten("10 × 32, 3×3, b128, z16", 14) == "10 × 32, z16…"
    assert shorten("10 × 32, 3×3, b128, z16", 8, {"10 × 32", "3×3", "b128"}) == "…z16"


def test_one_title_alone_shares_nothing() -> None:
    assert shared_parts(["10 × 32, 3×3"]) == frozenset()


def test_no_word_and_no_number_is_cut_in_half_where_that_can_be_helped() -> None:
    assert cut("10 × 16-32-64", 10) == "10 × 16…"
    assert cut("Fashion-MNIST", 9) == "Fashion…"
    assert cut("plankton", 5) == "plan…"
    assert cut("plankton", 8) == "plankton"


def test_a_classifier_is_told_by_its_encoder_first() -> None:
    run = RunStatus(id="c01b000000", kind="classifier", title="fc 128, lr 0.001", encoder="a7f3000000")
    assert spec_words(run, {"a7f3000000": "a7f3"}) == "on a7f3, fc 128, lr 0.001"


def test_data_are_common_where_their_content_is_the_same() -> None:
    runs = [RunStatus(id=name, data="MNIST", data_digest=digest) for name, digest in (("a", "1"), ("b", "1"))]
    assert common_data(runs) == "MNIST"
    assert common_data([*runs, RunStatus(id="c", data="MNIST", data_digest="2")]) == ""
    assert common_data([]) == ""


def test_numbers_in_text_sort_by_their_size() -> None:
    assert sorted(["10 × 8", "4 × 8", "4 × 16"], key=natural) == ["4 × 8", "4 × 16", "10 × 8"]
