"""The table beneath the curves of several runs."""

from cae_tui.bridge.run_state import RunState
from cae_tui.bridge.values import RunView
from cae_tui.screens.compare import differences
from engine.runs.status import RunStatus


def view(data: str, digest: str, images: str | None) -> RunView:
    status = RunStatus(id="a7f3000000", kind="autoencoder", data=data, data_digest=digest)
    return RunView(status=status, state=RunState("a7f3000000"), spec={"spec": {"images": images}}, result=None)


def test_two_sets_of_one_name_are_told_apart_by_their_folders() -> None:
    runs = [view("s", "1", "/a/s.idx"), view("s", "2", "/b/s.idx"), view("MNIST", "0", None)]
    assert dict(differences(runs))["data"] == ["a/s.idx", "b/s.idx", "MNIST"]


def test_one_set_at_two_places_has_one_name() -> None:
    assert dict(differences([view("s", "1", "/a/s.idx"), view("s", "1", "/b/s.idx")]))["data"] == ["s", "s"]
