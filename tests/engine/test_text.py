"""What screens, lists and reports call the same things."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text import (
    cell_len,
    class_name,
    class_of_title,
    class_title,
    counted,
    epoch_label,
    epoch_words,
    fitting,
    names_of,
    padded,
    shortened,
)


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


@given(text=st.text(), room=st.integers(1, 40), right=st.booleans())
def test_a_name_takes_the_cells_that_it_is_given(text: str, room: int, right: bool) -> None:
    assert cell_len(shortened(text, room)) <= room
    assert shortened(text, room) == text or "…" in shortened(text, room)
    assert cell_len(padded(text, room, right=right)) == room


@pytest.mark.parametrize(
    ("text", "room", "short"),
    [
        ("automobile", 10, "automobile"),
        ("automobile", 8, "auto…ile"),
        ("automobile", 2, "a…"),
        ("automobile", 1, "…"),
        ("猫猫猫猫猫", 8, "猫猫…猫"),
        ("e\u0301te\u0301", 3, "e\u0301te\u0301"),
    ],
)
def test_a_name_that_is_too_long_loses_its_middle(text: str, room: int, short: str) -> None:
    assert shortened(text, room) == short


def test_a_class_is_called_by_its_name_or_else_by_its_number() -> None:
    assert [class_title(class_name(("cat",), label)) for label in (0, 1)] == ["cat", "Class 1"]
    assert [class_of_title(title) for title in ("cat", "Class 1", "Class A")] == ["cat", "1", "Class A"]
    assert names_of([0, 1], ("cat", "dog" * 20)) == ("Classes cat and dogdogdogdog…ogdogdogdog", "have")


def test_a_count_stands_with_the_plural_of_its_noun() -> None:
    assert [counted(count, noun) for count, noun in ((1, "class"), (2, "class"), (0, "image"), (1568, "number"))] == [
        "1 class", "2 classes", "0 images", "1,568 numbers",
    ]  # fmt: skip
