"""What else here uses runs that are about to be deleted: what a person is told before they say yes."""

from collections.abc import Collection

from engine.protocol.states import FINISHED
from engine.runs.directory import Home
from engine.studies.records import Studies


def uses_of(home: Home, runs: Collection[str]) -> list[str]:
    """A sentence for each kind of use: studies whose trials they are, and classifiers and studies built on them."""
    it = "it" if len(runs) == 1 else "one of them"
    every = home.list_runs()
    studies, _ = Studies(home).read_all()
    known = set(Studies(home).ids())
    said = []
    if trials := sum(run.id in runs and run.study in known for run in every):
        how_many = "It is" if len(runs) == 1 else "One is" if trials == 1 else f"{trials:,} are"
        said.append(f"{how_many} part of a study, whose table keeps the numbers but can no longer open the run.")
    built = [run.prefix for run in every if run.encoder in runs and run.id not in runs]
    if len(built) == 1:
        said.append(f"Classifier {built[0]} was built on {it}, and keeps its own copy of the encoder.")
    elif built:
        said.append(f"{len(built):,} classifiers were built on {it}; each keeps its own copy of the encoder.")
    waiting = [
        study.prefix for study in studies if study.state != FINISHED and study.spec["baseline"].get("encoder") in runs
    ]
    if waiting:
        names = f"Study {waiting[0]}" if len(waiting) == 1 else f"Studies {', '.join(waiting)}"
        said.append(f"{names}, not finished yet, could not be resumed: {it} is the encoder it builds on.")
    return said
