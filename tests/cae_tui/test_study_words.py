import pytest

from cae_tui.widgets.study_words import progress, reason
from engine.studies.records import PointRecord, StageRecord, StudyRecord, Trial


def study(state: str = "running", message: str = "", *, second: str = "") -> StudyRecord:
    """Of two stages: the first has picked 16 kernels; `second` is what the other says of its pick."""
    points = [
        PointRecord(values={"kernels": str(8 * number)}, trials=[Trial(number=number, seed=0, state="finished")])
        for number in (1, 2)
    ]
    first = StageRecord(names=["kernels"], points=points, pick=1, reason="16 kernels: better.")
    then = StageRecord(names=["layers"], points=[], reason=second)
    return StudyRecord(id="a", state=state, message=message, stages=[first, then])


@pytest.mark.parametrize(
    ("state", "message", "mine", "words"),
    [
        ("running", "", True, "This stage has not begun: its baseline is what the stages before it pick."),
        ("waiting", "", True, "The rule would take: 10 layers. t takes the row under the cursor."),
        ("waiting", "", False, "The rule would take: 10 layers. The process that works on the study is asked for it."),
        ("failed", "No memory was left.", True, "✗ No memory was left."),
    ],
)
def test_the_stage_under_way_says_what_is_waited_for(state: str, message: str, mine: bool, words: str) -> None:
    record = study(state, message, second="10 layers." if state == "waiting" else "")
    assert reason(record, record.stages[1], mine=mine) == words
    assert reason(record, record.stages[0], mine=mine) == "★ 16 kernels: better."


def test_a_bar_is_as_full_as_the_study() -> None:
    plain = progress(study("stopped"), None, wide=False).plain
    assert plain.startswith("━" * 10 + "  ■ stopped  2 of 2 trials")
