import pytest

from cae_tui.bridge.run_state import replay
from cae_tui.bridge.study_runner import Lane
from cae_tui.widgets.study_words import lanes_words, progress, reason
from engine.studies.records import PointRecord, StageRecord, StudyRecord, Trial
from tests.cae_tui.script import halfway


def study(state: str = "running", message: str = "", *, second: str = "", problem: str = "") -> StudyRecord:
    """Of two stages: the first has picked 16 kernels; `second` is what the other says of its pick."""
    first = StageRecord(names=["kernels"], points=[ended(1), ended(2)], pick=1, reason="16 kernels: better.")
    then = StageRecord(names=["layers"], points=[], reason=second, problem=problem)
    return StudyRecord(id="a", state=state, message=message, stages=[first, then])


def ended(number: int) -> PointRecord:
    trial = Trial(number=number, seed=0, run=f"r{number}", state="finished", planned=20, epochs=20, seconds=60.0)
    return PointRecord(values={"kernels": str(8 * number)}, trials=[trial], weight=1)


@pytest.mark.parametrize(
    ("state", "message", "mine", "words", "waits"),
    [
        ("running", "", True, "This stage has not started: its baseline is what the previous stages pick.", False),
        ("waiting", "", True, "The rule would pick: 10 layers. t picks the row under the cursor.", True),
        (
            "waiting",
            "",
            False,
            "The rule would pick: 10 layers. Answer it in the process that runs the study.",
            True,
        ),
        ("failed", "No memory was left.", True, "✗ No memory was left.", False),
    ],
)
def test_the_stage_under_way_says_what_is_waited_for(
    state: str, message: str, mine: bool, words: str, waits: bool
) -> None:
    record = study(state, message, second="10 layers." if state == "waiting" else "")
    assert reason(record, record.stages[1], mine=mine) == (words, waits)
    assert reason(record, record.stages[0], mine=mine) == ("★ 16 kernels: better.", False)


def test_a_stage_without_a_pick_says_why() -> None:
    record = study(problem="no trial was trained to its end.")
    assert reason(record, record.stages[1], mine=True) == ("No pick: no trial was trained to its end.", False)
    begun = StageRecord(names=["layers"], points=[ended(3)])
    record = StudyRecord(id="a", stages=[begun])
    assert reason(record, begun, mine=True) == ("The pick is made once all trials have ended.", False)


def test_a_bar_is_as_full_as_the_study() -> None:
    assert progress(study("stopped"), None, wide=False).plain == "━" * 10 + "  ■ stopped  2 of 2 trials · 0:00"
    record = study()
    now = Trial(number=3, seed=0, run="a7f3", state="running", planned=20, epochs=1)
    waiting = Trial(number=4, seed=0, planned=20)
    record.stages[1].points = [PointRecord(values={"layers": "8"}, trials=[now, waiting], weight=1)]
    words = "trial 3 of 4  epoch 2/20"
    plain = progress(record, None, wide=False).plain
    assert plain.startswith("━" * 5 + "─" * 5 + f"  ● running  {words}  ETA ")
    assert plain.endswith(" for all")
    run = replay("a7f3", halfway())
    assert f"{words} step 2/4" in progress(record, run, wide=True).plain
    assert "step" not in progress(record, run, wide=False).plain
    record.stages[1].points[0].trials[1].state = "finished"
    assert progress(record, None, wide=True).plain.startswith("━" * 15 + "─" * 5)


def test_each_worker_has_a_line_and_what_has_no_room_is_counted() -> None:
    on = [Trial(number=number, seed=0, run=f"r{number}", state="running", planned=20) for number in range(3, 8)]
    points = [PointRecord(values={"kernels": str(8 * trial.number)}, trials=[trial]) for trial in on]
    record = StudyRecord(id="a", stages=[StageRecord(names=["kernels"], points=points)])
    lanes = [
        Lane(1, on[0], "running", "epoch 2/20", 0.0123, 11.2),
        Lane(2, on[1], "paused", "epoch 1/20", 0.2, 9.0),
        Lane(10, on[2], "running", "", None, None),
    ]
    assert lanes_words(record, lanes, 80, 3).plain.splitlines() == [
        "worker 1   trial 3  24 kernels  epoch 2/20  loss 0.0123  11 ms/step",
        "worker 2   trial 4  32 kernels  ‖ paused",
        "worker 10  trial 5  40 kernels  preparing",
    ]
    narrow = lanes_words(record, lanes, 60, 3).plain.splitlines()
    assert narrow[0] == "worker 1   trial 3  24…  epoch 2/20  loss 0.0123  11 ms/step"
    more = [*lanes, Lane(11, on[3], "running", "", None, None), Lane(12, on[4], "running", "", None, None)]
    assert lanes_words(record, more, 80, 3).plain.splitlines()[2] == "… and 3 more"
    assert progress(record, None, wide=False).plain.startswith("──────────  ● running  0 of 5 trials, 5 at once")
