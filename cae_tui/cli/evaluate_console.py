"""`cae-tui evaluate`: the report of a model on other data than those of its run."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from rich.text import Text

from cae_tui.cli.data_console import progress, read_images
from cae_tui.cli.given_console import as_they_are
from cae_tui.cli.output_console import OutputConsole, tell
from cae_tui.printing import put
from engine.errors import EngineError
from engine.runs.directory import Home
from engine.specs.data_files import DataFiles
from engine.specs.measures import psnr
from engine.storage.files import FORMAT
from engine.text import LONGEST_CLASS, cell_len, counted, loss, one_line, padded, percent, plain, shortened

MOST_NAMED = 5
"""Classes."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.data.datasets import ImageData, ImageSet
    from engine.evaluation.measured import Answered, Rebuilt
    from engine.evaluation.model import Model


def evaluate(home: Home, named: str, given: Mapping[str, str | None], part: str | None, *, as_json: bool) -> int:
    """Measure a model on other data, and print what came of it.

    Args:
        home: where the runs are.
        named: the model: a run or a file.
        given: `data` and `test_data`, as they were typed.
        part: which images; where it is None the test images, and all where there are none.
        as_json: print one JSON object.

    Raises:
        EngineError: there is no such model, the data cannot be read, or their classes are not those of the model.
    """
    from engine.evaluation.given import parts_of
    from engine.evaluation.measured import measured_answers, measured_errors
    from engine.evaluation.model import load_model

    model = load_model(home, named)
    files = DataFiles.of({name: value for name, value in given.items() if value})
    data = read_images(files._replace(preprocessing=model.preprocessing))
    parts = parts_of(data, part)
    count = sum(len(images) for _, images in parts)
    of = " and ".join("training" if name == "train" else name for name, _ in parts)
    which = f"the {count:,} {of} images" if data.test is not None or data.validation else f"all {count:,} images"
    about: dict[str, Any] = {"format": FORMAT, "model": model.name, "kind": model.spec.kind, "data": data.name,
                             "parts": [name for name, _ in parts], "images": count}  # fmt: skip
    remarks = _remarks(model, data, parts)
    if model.classes:
        with progress("Measuring") as told:
            answered = measured_answers(model, data, parts, told)
        if as_json:
            put(json.dumps(about | _answers_as_json(answered) | {"remarks": remarks}))
            return 0
        put(f"{_measured(which, data, model)}; classes matched by name.")
        _print_answers(answered)
    else:
        with progress("Measuring") as told:
            rebuilt = measured_errors(model, data, parts, told)
        if model.run is not None:
            try:
                rebuilt = _compared(model, rebuilt, parts)
            except EngineError as error:  # the comparison is an extra
                remarks.append(f"Not compared with PCA, which is fitted on the images of the run: {error}")
        if as_json:
            put(json.dumps(about | _errors_as_json(rebuilt) | {"remarks": remarks}))
            return 0
        put(f"{_measured(which, data, model)}.")
        _print_errors(rebuilt)
    for remark in remarks:
        tell(remark)
    return 0


def _measured(which: str, data: "ImageData", model: "Model") -> str:
    return f"Measured: {which} of {plain(one_line(data.name))}, by {plain(one_line(model.name))}"


def _remarks(model: "Model", data: "ImageData", parts: "Sequence[tuple[str, ImageSet]]") -> list[str]:
    """What is to be known of the figures, in sentences."""
    from engine.evaluation.learned import learned_sentence
    from engine.runs.model_facts import all_light_on_dark

    found = list(data.notes)
    if not model.classes:
        found += as_they_are(model)
    if model.network.odd_threshold is not None:
        found.append("These are errors of reconstructions; `cae-tui predict` tells which images are odd.")
    own = model.spec.files.absolute()
    if own.labels_from is not None and own.whole == data.files.whole and data.classes:
        whose = f"Run {model.name}" if model.run is not None else "The model"
        file = one_line(own.labels_from.name)
        found.append(f"{whose} was trained with labels as {file} has them; these are as the set's own files have them.")
    if data.left_out:
        found.append(f"{counted(len(data.left_out), 'file')} of {data.name} left out: `cae-tui data show` lists them.")
    if said := learned_sentence(model, [images.images for _, images in parts]):
        found.append(said)
    elif not model.facts.learned_from and [name for name, _ in parts] != ["test"] and _is_data_of(model, data):
        found.append("These are images that the run has learned from or was chosen by: the figures flatter it.")
    learned = model.facts.light_on_dark
    if learned is not None and data.shape[2] == 1 and all_light_on_dark(data.train.images) is (not learned):
        ways = ("dark on light", "light on dark")
        found.append(
            f"The images are {ways[not learned]}, and the model learned from {ways[learned]}: they were measured as "
            "they are, and `cae-tui predict` exchanges dark and light."
        )
    return found


def _is_data_of(model: "Model", data: "ImageData") -> bool:
    """Whether a run of before, whose model file does not say so, had this set."""
    return model.run is not None and model.run.read_status().data_digest == data.digest


def _print_answers(answered: "Answered") -> None:
    from cae_tui.widgets.report_table import PrintedReport

    report = answered.report
    put(
        f"Accuracy {percent(report.accuracy)} · {report.correct:,} correct · {report.incorrect:,} incorrect · loss "
        f"{loss(answered.loss)}"
    )
    console = OutputConsole()
    console.print(Text())
    console.print(PrintedReport(report), crop=False)
    console.print(Text())
    names = [shortened(row.name, LONGEST_CLASS) for row in report.rows]
    cells = [str(count) for line in report.confusion for count in line]
    width = max(map(cell_len, [*names, *cells])) + 2
    head = "true \\ predicted"
    first = max(map(cell_len, [*names, head]))
    console.say(padded(head, first) + "".join(padded(name, width, right=True) for name in names))
    for name, line in zip(names, report.confusion, strict=True):
        console.say(padded(name, first) + "".join(f"{count:>{width}}" for count in line))
    if answered.missing:
        named = ", ".join(map(one_line, answered.missing[:MOST_NAMED])) + ", …" * (len(answered.missing) > MOST_NAMED)
        tell(f"No image shows {counted(len(answered.missing), 'class')} of the model: {named}.")


def _print_errors(rebuilt: "Rebuilt") -> None:
    rows = [("the model", rebuilt.mse)]
    if rebuilt.constant is not None:
        rows.append(("mean training image", rebuilt.constant))
    if rebuilt.pca is not None and rebuilt.pca.mse is not None:
        rows.append((f"PCA, {rebuilt.pca.components:,} numbers", rebuilt.pca.mse))
    put(f"{'':<24}{'MSE':>10}{'PSNR':>10}")
    for name, mse in rows:
        ratio = psnr(mse)
        put(f"{name:<24}{loss(mse):>10}{'–' if ratio is None else f'{ratio:.1f} dB':>10}")
    if rebuilt.pca is not None and rebuilt.pca.note:
        put(f"PCA: {rebuilt.pca.note}.")
    if rebuilt.by_class:
        names = [shortened(plain(name), LONGEST_CLASS) for name, _, _ in rebuilt.by_class]
        width = max(map(cell_len, [*names, "class"]))
        put(f"\n{padded('class', width)}{'images':>10}{'MSE':>10}")
        for name, (_, images, mse) in zip(names, rebuilt.by_class, strict=True):
            put(f"{padded(name, width)}{images:>10,}{loss(mse):>10}")
    if rebuilt.unlike is not None:
        share = percent(rebuilt.unlike / rebuilt.images)
        of = f"{rebuilt.unlike:,} of {rebuilt.images:,} ({share})"
        put(f"\n{of} are rebuilt worse than 99 % of the model's own validation images.")


def _compared(model: "Model", rebuilt: "Rebuilt", parts: Any) -> "Rebuilt":
    """The same beside what needs no learning, fitted on the images that the run learned from."""
    from engine.evaluation.measured import without_learning
    from engine.preparation import images_of

    assert model.run is not None
    data, training, _ = images_of(model.run)
    with progress("Comparing with PCA") as told:
        constant, pca = without_learning(model, data.train.take(training), parts, lambda: told(0, 0))
    return replace(rebuilt, constant=constant, pca=pca)


def _answers_as_json(answered: "Answered") -> dict[str, Any]:
    report = answered.report
    return {
        "accuracy": report.accuracy, "correct": report.correct, "incorrect": report.incorrect, "loss": answered.loss,
        "report": asdict(report), "classes_without_images": list(answered.missing),
    }  # fmt: skip


def _errors_as_json(rebuilt: "Rebuilt") -> dict[str, Any]:
    return {
        "mse": rebuilt.mse, "psnr": psnr(rebuilt.mse), "unlike_training": rebuilt.unlike,
        "by_class": [{"class": name, "images": images, "mse": mse} for name, images, mse in rebuilt.by_class],
        "constant_image": None if rebuilt.constant is None else {"mse": rebuilt.constant},
        "pca": None if rebuilt.pca is None else asdict(rebuilt.pca),
    }  # fmt: skip
