"""Titles of specs as lists show them."""

from dataclasses import replace

from cae_tui.bridge.run_titles import (
    common_data,
    cut,
    natural,
    shared_by_kind,
    shared_parts,
    shorten,
    shorten_study,
    spec_words,
)
from engine.runs.status import RunStatus


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
    shared = shared_parts(["10 × 32, 3×3, b128, z16", "10 × 32, z32, 3×3, b128"])
    assert shorten("10 × 32, 3×3, b128, z16", 8, shared) == "…z16"


def test_of_one_title_alone_the_network_stays() -> None:
    shared = shared_parts(["10 × 32, 3×3, lr 0.001"])
    assert shorten("10 × 32, 3×3, lr 0.001", 9, shared) == "10 × 32…"


def test_what_few_runs_of_the_list_say_is_kept_before_what_most_say() -> None:
    sampled = [f"2 × 4, 3×3, b16, lr {rate}" for rate in ("0.002618", "0.0107", "0.000412", "0.0312")]
    shared = shared_parts([*sampled, "10 × 32, 5×5, b128", "10 × 32, z16, 5×5, b64"])
    for width, expected in ((24, "2 × 4, 3×3, lr 0.002618…"), (19, "2 × 4, lr 0.002618…"), (18, "…lr 0.002618")):
        shown = [shorten(title, width, shared) for title in sampled]
        assert shown[0] == expected
        assert len(set(shown)) == len(sampled)


def test_runs_on_one_encoder_are_told_by_what_else_they_have() -> None:
    runs = [
        RunStatus(id=f"c{place}", kind="classifier", title=f"fc 64, b16, lr {rate}", encoder="sxyc8t3j47")
        for place, rate in enumerate(("0.002618", "0.0107", "0.000412"))
    ]
    shared = shared_by_kind(runs, {})["classifier"]
    assert [shorten(spec_words(run, {}), 14, shared) for run in runs] == ["…lr 0.002618", "…lr 0.0107", "…lr 0.000412"]


def test_an_encoder_is_named_by_few_letters_where_its_run_is_gone_or_not_listed() -> None:
    run = RunStatus(id="c01b000000", kind="classifier", title="fc 128", encoder="sxyc8t3j47")
    assert spec_words(run, {}) == "on sxyc, fc 128"
    assert spec_words(run, {"sxyc8t3j47": "sxyc8"}) == "on sxyc8, fc 128"
    assert spec_words(replace(run, encoder="/models/my.safetensors"), {}) == "on my.safetensors, fc 128"


def test_studies_are_told_by_what_they_vary() -> None:
    searches = ["search learning_rate, kernels", "search learning_rate, batch_size"]
    titles = [*searches, "grid layers, latent", "kernels 16, 32, 64"]
    shared = shared_parts(titles)
    assert [shorten_study(title, 29, shared) for title in titles[:1]] == titles[:1]
    assert [shorten_study(title, 18, shared) for title in titles] == [
        "…kernels", "…batch_size", "…layers, latent", "kernels 16, 32, 64",
    ]  # fmt: skip
    two = shared_parts(["activation relu, gelu", "activation relu, gelu, elu"])
    assert shorten_study("activation relu, gelu, elu", 18, two) == "activation relu…"


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
