"""The errors of each class over the epochs."""

from engine.protocol.events import EpochEnded, MistakesCounted
from engine.runs.class_errors import class_errors


def epoch(stage: str, number: int) -> EpochEnded:
    return EpochEnded(
        time=0.0, stage=stage, epoch=number, train={"loss": 1.0}, validation={"loss": 1.0}, learning_rate=0.1,
        seconds=1.0, images_per_second=1.0, ms_per_step=1.0, best=True, best_epoch=1, best_loss=1.0, patience_left=None,
    )  # fmt: skip


def counted(stage: str, number: int, *rows: tuple[int, ...]) -> MistakesCounted:
    return MistakesCounted(time=0.0, stage=stage, epoch=number, counts=rows)


EPOCHS = [epoch("frozen", 1), epoch("frozen", 2), epoch("fine-tuning", 1)]


def test_epochs_count_over_all_stages_and_the_worst_class_comes_first() -> None:
    found = class_errors(
        EPOCHS,
        [
            counted("frozen", 1, (5, 5, 0), (0, 10, 0), (0, 0, 0)),
            counted("fine-tuning", 1, (10, 0, 0), (1, 8, 1), (0, 0, 0)),
        ],
    )
    assert list(found) == [1, 0]  # the third has no image
    assert found[1] == [(1, 0.0), (3, 1 - 0.8)]
    assert found[0] == [(1, 0.5), (3, 0.0)]


def test_what_was_counted_of_an_epoch_that_is_not_there_is_left_out() -> None:
    assert class_errors(EPOCHS[:1], [counted("frozen", 2, (1, 0), (0, 1))]) == {}
    assert class_errors(EPOCHS, []) == {}
