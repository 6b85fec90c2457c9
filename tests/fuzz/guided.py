"""Bad input that looks for branches nobody has been in: libFuzzer, by way of atheris, where that installs.

    python -m tests.fuzz.guided                       # every reader, 20,000 inputs each
    python -m tests.fuzz.guided idx --runs 1000000    # one reader

Each reader has a process of its own, for libFuzzer ends the one it runs in. It begins with good documents, and keeps
what led it further; what a reader may give is what it may give in the other modules here.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

RUNS = 20_000
LONGEST = 1 << 14  # bytes of an input
DONE = re.compile(r"Done (\d+) runs")

Reader = Callable[[bytes], object]


def readers(folder: Path) -> dict[str, tuple[Reader, list[bytes]]]:
    """What reads bytes, writing them to a file in `folder` where it reads one, and documents to begin with."""
    from engine.data.sources.idx import IdxFile
    from engine.protocol.events import EventFormat
    from engine.runs.checkpoint import read_tensors
    from engine.runs.directory import RunDirectory
    from engine.runs.filter import parse_filter
    from engine.runs.notes import read_notes
    from engine.runs.spec_file import read_spec_file
    from engine.studies.records import StudyDirectory
    from engine.studies.spec import study_from_json
    from tests.cae_tui.script import scripted_events
    from tests.fuzz import test_events, test_model_file, test_results, test_spec_json, test_study_json
    from tests.fuzz.mutations import as_json
    from tests.idx import idx_bytes, numbers, pictures

    run, study = RunDirectory(folder / "a7f3000000"), StudyDirectory(folder / "study")
    for path in (run.path, study.path):
        path.mkdir()

    def from_file(path: Path, read: Callable[[], object]) -> Reader:
        def of(data: bytes) -> object:
            path.write_bytes(data)
            return read()

        return of

    arrays = folder / "arrays.npz"
    images, labels, model = folder / "images", folder / "labels", folder / "model"
    statuses = [as_json(test_events.status_document(kind)) for kind in ("autoencoder", "classifier")]
    specs = [as_json(document) for document in test_spec_json.DOCUMENTS]
    return {
        "idx images": (
            from_file(images, lambda: IdxFile(images, "training images").read()),
            [idx_bytes(pictures(2, 8, 8, colours)) for colours in (None, 3)],
        ),
        "idx labels": (
            from_file(labels, lambda: IdxFile(labels, "training labels").read()),
            [idx_bytes(numbers(0, 1, 2))],
        ),
        "model file": (from_file(model, lambda: read_tensors(model)), list(test_model_file.FILES.values())),
        "arrays": (
            from_file(arrays, lambda: test_results.READERS[0](arrays)),
            [test_results.FILES["samples"]],
        ),
        "events": (
            EventFormat.read,
            [EventFormat.write(event).encode() for event in scripted_events("classifier")],
        ),
        "spec.json": (from_file(run.spec, lambda: read_spec_file(run)), specs),
        "status.json": (from_file(run.status, run.read_status), statuses),
        "result.json": (
            from_file(run.result, run.read_result),
            [as_json(document) for document in test_results.RESULTS],
        ),
        "marks.json": (
            from_file(run.notes, lambda: read_notes(run.notes)),
            [b'{"format": 1, "star": true, "tags": ["x"], "note": "y", "kind": "marks"}'],
        ),
        "study.json": (
            from_file(study.study, lambda: study_from_json(study.read().spec)),
            [as_json(document) for document in test_study_json.DOCUMENTS[:2]],
        ),
        "filter": (
            lambda data: parse_filter(data.decode(errors="replace")),
            [b'kernels>=32 val_loss<0.002 -state:failed tag:"a b"', b"age<3d epochs>1 time<5m test_accuracy>=99%"],
        ),
    }


NAMES = (
    "idx images", "idx labels", "model file", "arrays", "events", "spec.json", "status.json", "result.json",
    "marks.json", "study.json", "filter",
)  # fmt: skip


def look(name: str, runs: int) -> None:
    """Give a reader so many inputs; never comes back."""
    import atheris

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with atheris.instrument_imports(include=["engine"]):
            read, documents = readers(folder)[name]
        from tests.fuzz.outcome import value_or_sentence

        corpus = folder / "corpus"
        corpus.mkdir()
        for number, document in enumerate(documents):
            (corpus / f"{number}").write_bytes(document)

        def one(data: bytes) -> None:
            value_or_sentence(name, lambda: read(data))

        atheris.Setup([sys.argv[0], f"-runs={runs}", f"-max_len={LONGEST}", str(corpus)], one)
        atheris.Fuzz()


def main() -> int:
    """Each reader in its own process; gives back the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", nargs="?", choices=NAMES, help="one of them alone")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if find_spec("atheris") is None:
        print("atheris is not installed, so that no branches are looked for: pip install atheris")
        return 2
    if options.here:
        look(options.reader, options.runs)
    failed, total = [], 0
    for name in [options.reader] if options.reader else NAMES:
        words = [sys.executable, "-m", "tests.fuzz.guided", name, "--runs", str(options.runs), "--here"]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        count = int(found[1]) if (found := DONE.search(done.stdout)) else 0
        total += count
        print(f"{name:<12} {count:>9,} inputs{'' if done.returncode == 0 else '  FAILED'}", flush=True)
        if done.returncode:
            failed.append(name)
            print(done.stdout[-4000:])
    print(f"{total:,} inputs, led by coverage" + (f"; FAILED: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
