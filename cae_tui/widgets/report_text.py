"""A run's result in words and aligned numbers, for the report and for the clipboard."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content

from cae_tui import formats
from engine.words import views

Result = Mapping[str, Any]


def headline(result: Result, *, one_view: bool = False) -> Content:
    """`Test accuracy 99.61 % · test loss 0.0142 · 9,961 correct · 39 incorrect`, and what one view would give."""
    if "evaluated_on" not in result:
        symbol, colour = formats.state_mark(str(result.get("state", "")))
        told = f"{symbol} {result.get('state', '')}. {result.get('message', '')}".strip()
        return Content.styled(told, f"bold ${colour}") + Content(" Press e to change the spec and run it again.")
    of = "Test" if result.get("evaluated_on") == "test" else "Validation"
    if result.get("kind") == "classifier":
        parts = [
            f"{of} accuracy {formats.percent(result.get('accuracy', result.get('test_accuracy')))}",
            *(
                [f"{of.lower()} loss {formats.loss(result['test_loss'])}"]
                if result.get("test_loss") is not None
                else []
            ),
            f"{formats.count(result.get('correct'))} correct",
            f"{formats.count(result.get('incorrect'))} incorrect",
            *([f"by one view {formats.percent(result['one_view_accuracy'])}"] if one_view and views(result) else []),
        ]
    elif of == "Test":
        parts = [f"Test MSE {formats.loss(result.get('test_mse'))}", f"PSNR {decibels(result.get('test_psnr'))}"]
    else:
        parts = [
            f"Validation MSE {formats.loss(result.get('validation_mse'))}",
            f"PSNR {decibels(result.get('validation_psnr'))}",
        ]
    if result.get("kind") == "autoencoder" and result.get("latent"):
        parts.append(f"latent {formats.count(result['latent'])}")
    return Content.styled(parts[0], "bold $success") + Content(" · " + " · ".join(parts[1:]))


def decibels(value: float | None) -> str:
    """`42.3 dB`; a reconstruction without any error has no such number."""
    return formats.NOTHING if value is None else f"{value:.1f} dB"


def report_lines(result: Result) -> Content:
    """The classification report exactly as scikit-learn prints it, its header told apart."""
    lines = str(result.get("report", {}).get("text", "")).rstrip("\n").split("\n")
    head = Content.styled(lines[0], "bold $primary")
    return Content("\n").join([head, *(Content(line) for line in lines[1:])])


def stage_lines(result: Result) -> list[Content]:
    """One line a stage: how it ended and its best epoch."""
    lines = []
    for stage in result.get("stages", ()):
        if not stage.get("best_epoch"):
            lines.append(Content(f"{stage['stage']:<12}no epoch was complete"))
            continue
        accuracy = stage.get("best_accuracy")
        best = (
            f"val_accuracy {formats.percent(accuracy)}"
            if accuracy is not None
            else formats.loss(stage.get("best_loss"))
        )
        lines.append(
            Content.assemble(
                f"{stage['stage']:<12}",
                f"{best}, epoch {stage['best_epoch']}/{stage['epochs']}, {formats.duration(stage['seconds'])}",
            )
        )
    return lines


def latent_sentence(latent: int, pixels: int) -> str:
    """The latent's size beside the image's: a loss says nothing without it."""
    if not latent or not pixels:
        return ""
    if latent > pixels:
        return f"{latent / pixels:.1f} × the image's {pixels:,} numbers: overcomplete, nothing is compressed."
    if latent == pixels:
        return f"As many as the image's {pixels:,} numbers: nothing is compressed."
    return f"The image's {pixels:,} numbers are compressed {pixels / latent:.1f} times."


def pca_sentence(pca: Result, mse: float | None) -> str:
    """How the autoencoder does beside the best linear one."""
    components, other = pca.get("components"), pca.get("mse")
    if other is None:
        if str(pca.get("note", "")).startswith("overcomplete"):
            return "exact with a latent of this size: no comparison."
        return str(pca.get("note") or "not computed")
    known = f"with {components:,} components: MSE {formats.loss(other)}, PSNR {decibels(pca.get('psnr'))}"
    if not mse:
        return known + "."
    ratio = other / mse
    if ratio >= 1.05:
        return f"{known}. The autoencoder's error is {ratio:.1f} times smaller."
    if ratio > 1 / 1.05:
        return f"{known}. The autoencoder does as well."
    return f"{known}. The autoencoder's error is {1 / ratio:.1f} times larger: train it longer, or make it larger."


def numbers_of(result: Result, image_shape: Sequence[int] = (), width: int = 80, *, with_views: bool = True) -> Content:
    """What stands in the report's first pane, for either kind of run."""
    if result.get("kind") != "classifier":
        return measures(result, image_shape, width)
    parts, stages, told = [report_lines(result)], stage_lines(result), views(result) if with_views else ""
    if len(stages) > 1:
        parts += [Content(), *stages]
    if result.get("message"):
        parts += [Content(), *(Content(line) for line in textwrap.wrap(str(result["message"]), width))]
    if told:
        parts += [Content(), *(Content(line) for line in textwrap.wrap(told, width))]
    return Content("\n").join(parts)


def measures(result: Result, image_shape: Sequence[int] = (), width: int = 80) -> Content:
    """An autoencoder's errors, latent, and the comparison with PCA."""
    rows: list[Content] = [Content.styled(f"{'':<12}{'MSE':>10}{'PSNR':>12}", "bold $primary")]
    for name, title in (("validation", "validation"), ("test", "test")):
        mse, psnr = result.get(f"{name}_mse"), result.get(f"{name}_psnr")
        if mse is not None:
            rows.append(Content(f"{title:<12}{formats.loss(mse):>10}{decibels(psnr):>12}"))
    pca = result.get("pca") or {}
    if pca.get("mse") is not None:
        rows.append(Content(f"{'PCA':<12}{formats.loss(pca['mse']):>10}{decibels(pca.get('psnr')):>12}"))
    latent, pixels = int(result.get("latent") or 0), int(result.get("pixels") or 0)
    shape = "×".join(str(size) for size in image_shape)
    error = result.get("test_mse") if result.get("test_mse") is not None else result.get("validation_mse")
    facts = [
        *([("end", str(result["message"]))] if result.get("message") else []),
        ("latent", f"{latent:,} numbers an image{f' of {shape}' if shape else ''}"),
        ("", latent_sentence(latent, pixels)),
        ("PCA", pca_sentence(pca, error)),
        ("parameters", formats.count(result.get("parameters"))),
        ("best epoch", f"{result.get('best_epoch')} of {result.get('epochs')}"),
        ("time", f"{formats.duration(result.get('seconds'))} · {_speed(result)}"),
        ("device", str(result.get("device", ""))),
    ]
    rows.append(Content())
    for name, text in facts:
        for place, line in enumerate(textwrap.wrap(text, max(width - 12, 12))):
            rows.append(Content.assemble((f"{'' if place else name:<12}", "$foreground-muted"), line))
    return Content("\n").join(rows)


def _speed(result: Result) -> str:
    step, images = result.get("ms_per_step"), result.get("images_per_second")
    return " · ".join(
        text for value, text in ((step, f"{step or 0:.0f} ms/step"), (images, f"{images or 0:,.0f} images/s")) if value
    )


def as_text(result: Result, image_shape: Sequence[int] = ()) -> str:
    """The whole report as plain text."""
    title = f"{result.get('kind', '')} {result.get('id', '')}  {result.get('title', '')}".strip()
    body = numbers_of(result, image_shape)
    parts = [title, headline(result).plain, "", body.plain]
    report = result.get("report") if result.get("kind") == "classifier" else None
    if report:
        matrix, names = report["confusion"], [row["label"] for row in report["rows"]]
        width = max(len(str(number)) for line in (names, *matrix) for number in line) + 2
        head = "true \\ predicted"
        parts += ["", head + "".join(str(name).rjust(width) for name in names)]
        parts += [
            str(name).rjust(len(head)) + "".join(str(count).rjust(width) for count in row)
            for name, row in zip(names, matrix, strict=True)
        ]
    return "\n".join(parts) + "\n"
