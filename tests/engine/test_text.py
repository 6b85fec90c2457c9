"""What screens, lists and reports call the same things."""

import pytest

from engine.text import epoch_label, epoch_words, fitting


def test_an_epoch_is_told_with_its_stage_where_a_run_may_have_several() -> None:
    assert epoch_label("autoencoder", 3, 20) == "epoch 3/20"
    assert epoch_label("from scratch", 3, 20, digits=2) == "epoch  3/20"
    assert epoch_label("fine-tuning", 3, 15) == "fine-tuning 3/15"
    assert epoch_label("frozen", 3, 0, digits=3) == "frozen   3"
    assert epoch_words("autoencoder", 3) == "epoch 3"
    assert epoch_words("", 3) == "epoch 3"
    assert epoch_words("frozen", 3) == "frozen epoch 3"


@pytest.mark.parametrize(
    ("room", "left"),
    [(10, "abcd"), (9, "acd"), (8, "acd"), (7, "ad"), (4, "ad"), (3, "ad"), (0, "ad")],
)
def test_columns_give_way_one_by_one_and_only_those_that_may(room: int, left: str) -> None:
    sizes = {"a": 1, "b": 2, "c": 4, "d": 3}
    assert "".join(fitting(sizes, ["b", "no such", "c"], room)) == left
    assert list(sizes) == ["a", "b", "c", "d"]
