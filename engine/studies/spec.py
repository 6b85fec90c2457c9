"""What a study asks for: a baseline, the hyperparameters to vary with their values, and how a value is picked.

`make_study` turns what a person typed into a `StudySpec`, or into one sentence for each thing that is wrong. Nothing
here imports torch, so that a form can be drawn and a plan written before the engine is loaded.
"""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, SerializeAsAny, ValidationError

from engine.errors import SpecError
from engine.specs.base import Spec, parse
from engine.specs.fields import AutoOrMany, Number, SpecField, Whole, asked, fields_of, write_value
from engine.specs.kinds import spec_from_json
from engine.specs.problems import problems_of
from engine.studies import worth
from engine.studies.checking import Why, check_points, check_space, problems_with
from engine.studies.picks import EXPONENT, Rule
from engine.studies.values import Range, Values, choices_of, range_of, read_values, studied_fields
from engine.text import either, excerpt, number, numbers

Mode = Literal["one", "guided", "grid", "search", "worth"]
MODES: Mapping[str, str] = {
    "one": "One at a time",
    "guided": "Guided",
    "grid": "Grid",
    "search": "Search",
    "worth": "Worth of an encoder",
}
MOST_POINTS = 10_000
MOST_PAIRS = 2_000
OF_EPOCHS = ("epochs", "frozen_epochs", "finetune_epochs")

EPOCHS_TRIED = "15,20,50"
"""For the guided study's last stage under a schedule that depends on the number of epochs."""

_FRACTION = re.compile(r"\d+\.\d+(e-?\d+)?|\d+e-?\d+", re.ASCII)


def _baseline(values: object) -> Spec:
    """A spec of whatever kind as JSON has it, or one that is one.

    Raises:
        ValueError: it is none.
    """
    if isinstance(values, Spec):
        return values
    try:
        return spec_from_json(values)
    except SpecError as error:
        name, sentence = next(iter(error.problems.items()))
        raise ValueError(f"{name}: {sentence}") from None


class StudySpec(BaseModel):
    """A study, whole: everything that decides which runs are made and which value is picked."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    kind: Literal["study"] = "study"
    mode: Mode
    baseline: Annotated[SerializeAsAny[Spec], BeforeValidator(_baseline)]
    values: Mapping[str, Values]  # by hyperparameter, as they are typed; a search may have one range: `16..64`
    repeats: Whole = asked(
        1, "Study", "Repeats", "How many runs each point has, each with its own seed.", unit="seeds", ge=1, le=100
    )
    rule: Rule = asked(
        "trade",
        "Study",
        "Pick by",
        "trade: a longer time must pay off in loss; lowest: the lowest loss; tolerance: the fastest near the lowest; "
        "budget: the lowest loss within a time.",
    )
    exponent: Number = asked(
        EXPONENT,
        "Study",
        "Exponent of the trade",
        "A slower value is picked where ln(loss now / its loss) ≥ this × ln(its time / time now).",
        ge=0,
        le=100,
    )
    tolerance: Number = asked(
        0.05, "Study", "Tolerance", "How much above the lowest loss is near enough: 0.05 is 5 %.", ge=0, le=100
    )
    budget: Number = asked(
        60.0, "Study", "Time budget", "What an epoch (a run, for a classifier) may take.", unit="seconds", gt=0
    )
    trials: Whole = asked(30, "Study", "Trials", "How many points a search tries.", ge=1, le=MOST_POINTS)
    minutes: Number = asked(
        0.0,
        "Study",
        "Time limit",
        "After this time a search starts no further trial; 0 sets no limit.",
        unit="minutes",
        ge=0,
    )
    prune: bool = asked(True, "Study", "Pruning", "A search ends a trial early when its losses are far behind.")
    search_seed: Whole = asked(0, "Study", "Search seed", "Fixes what a search tries.", ge=0, le=2**31 - 1)
    workers: AutoOrMany = asked(
        1,
        "Study",
        "Workers",
        "How many trials are trained at once on this machine, each in a process of its own. auto: one a GPU; without a "
        "GPU, one a core.",
        unit="workers",
    )
    per_gpu: Whole = asked(1, "Study", "Workers a GPU", "How many of the workers share a GPU.", ge=1, le=64)
    ask: bool = asked(
        False, "Study", "Ask at each pick", "A guided study waits for you to agree with a pick, or to choose another."
    )

    @property
    def title(self) -> str:
        """The essentials in a few words: `kernels 16, 32, 50, 64`."""
        if self.mode == "worth":
            return f"worth of encoder {Path(self.baseline.built_on).name}"
        if self.mode == "one":
            ((name, values),) = self.values.items()
            return f"{name} {', '.join(numbers(values))}"
        return f"{self.mode} {', '.join(self.values)}"

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """The hyperparameters that vary in each stage."""
        if self.mode == "guided":
            return tuple((name,) for name in self.values)
        return (tuple(self.values),)

    @property
    def points(self) -> int:
        """How many points it has at most, all stages together."""
        if self.mode == "search":
            choices = choices_of(space_of(self))
            return self.trials if choices is None else min(self.trials, math.prod(map(len, choices.values())))
        if self.mode == "worth":
            return len(self.combinations(()))
        counts = [1 if self.is_long_run(name) else len(values) for name, values in self.values.items()]
        return sum(counts) if self.mode == "guided" else math.prod(counts)

    @property
    def prunes(self) -> bool:
        """Whether trials may be ended early: never where epochs are what is searched."""
        return self.mode == "search" and self.prune and not any(name in OF_EPOCHS for name in self.values)

    def is_long_run(self, name: str) -> bool:
        """Whether that stage is one long run, read off at each epoch: its schedule knows of no number of epochs."""
        return self.mode == "guided" and name == "epochs" and self.baseline.schedule != "one-cycle"

    def combinations(self, names: Sequence[str]) -> list[dict[str, str]]:
        """The points of a stage in which those hyperparameters vary, in order."""
        if self.mode == "worth":
            usual = {name: write_value(getattr(self.baseline, name)) for name in worth.NAMES}
            return worth.points(self.values["labels_per_class"], usual, self.values["steps_per_epoch"])
        if len(names) == 1 and self.is_long_run(names[0]):
            return [{names[0]: max(self.values[names[0]], key=int)}]
        lists = [self.values[name] for name in names]
        return [dict(zip(names, values, strict=True)) for values in itertools.product(*lists)]

    def for_so_many(self, training: int) -> "StudySpec":
        """The same for so many training images: with all of few, an epoch has as many steps as with fewer."""
        steps = self.values["steps_per_epoch"]
        if worth.ALL not in steps or training // self.baseline.batch_size >= int(worth.STEPS):
            return self
        return self.model_copy(update={"values": {**self.values, "steps_per_epoch": (worth.STEPS,)}})

    def repeats_at(self, values: Mapping[str, str]) -> int:
        """How many seeds a point has."""
        return worth.seeds_at(values, self.repeats) if self.mode == "worth" else self.repeats

    def possible(self) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
        """Points that it may come to, but for a search: what tells each of them, and all of its values.

        What the stages of a guided study carry on is not known before. Each of its values is there with the first of
        all earlier stages, and with each other value of one of them, as far as those are not too many.
        """
        base: dict[str, str] = {}
        for names in self.stages:
            for values in self.combinations(names):
                yield values, {**base, **values}
            if self.mode == "guided":
                base |= {name: self.values[name][0] for name in names}
        yield from itertools.islice(self._pairs(base), MOST_PAIRS)

    def _pairs(self, first: Mapping[str, str]) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
        """Each value of a guided study's stages with each that an earlier one may pick instead of its first."""
        base: dict[str, str] = {}
        for name in first:
            for (earlier, usual), values in itertools.product(base.items(), self.combinations((name,))):
                for other in self.values[earlier]:
                    if other != usual:
                        yield {earlier: other, **values}, {**base, earlier: other, **values}
            base[name] = first[name]


def study_fields() -> list[SpecField]:
    """What can be asked of a study besides its values and its baseline."""
    return fields_of(StudySpec)


def default_values(mode: str, baseline: Spec) -> dict[str, str]:
    """The values of a guided study or a search for which none are named."""
    if mode == "search":
        return dict(baseline.searched)
    if mode == "worth":
        return {"labels_per_class": ",".join(worth.LABELS)}
    values = dict(baseline.guided)
    if "epochs" in values and baseline.schedule == "one-cycle":
        values["epochs"] = EPOCHS_TRIED
    return values


def make_study(mode: str, baseline: Spec, values: Mapping[str, str], **settings: object) -> StudySpec:
    """A study from what a person typed.

    Args:
        mode: one of `MODES`.
        baseline: what every point has but for what varies.
        values: by hyperparameter, joined by commas: `8,10,12`; for a search also a range: `16..64`.
        settings: the other fields of `StudySpec`, as typed or as values.

    Raises:
        SpecError: with a sentence for each field or hyperparameter that is wrong.
    """
    if mode not in MODES:
        raise SpecError({"mode": f"“{excerpt(mode)}” is not known: choose {either(MODES)}."})
    if mode == "worth":
        settings = {"repeats": worth.SEEDS, "rule": "lowest", "workers": "auto", **settings}
    values = dict(values) or (default_values(mode, baseline) if mode in ("guided", "search", "worth") else {})
    study = _read(mode, baseline.compared(values), values, {"rule": usual_rule(mode), **settings})
    _check(study)
    return study


def _read(mode: str, baseline: Spec, values: Mapping[str, str], settings: Mapping[str, object]) -> StudySpec:
    """A study each of whose values is one; whether they go together is not looked at."""
    if not values:
        raise SpecError({"values": "Nothing is varied: name a hyperparameter and its values, as in layers=8,10,12."})
    if mode == "one" and len(values) > 1:
        raise SpecError(
            {
                "values": f"{len(values)} hyperparameters are named: name one, or choose a grid for every combination, "
                "or a guided study for one after the other."
            }
        )
    if mode == "worth":
        return _validated(
            {
                "mode": mode,
                "baseline": baseline.model_dump(mode="json"),
                "values": _of_worth(baseline, values),
                **settings,
            }
        )
    problems: dict[str, str] = {}
    read: dict[str, Values] = {}
    for name, text in values.items():
        try:
            read[name] = read_values(baseline, name, text, ranges=mode == "search")
        except SpecError as error:
            problems |= error.problems
    if problems:
        raise SpecError(problems)
    return _validated({"mode": mode, "baseline": baseline.model_dump(mode="json"), "values": read, **settings})


def _of_worth(baseline: Spec, values: Mapping[str, str]) -> dict[str, Values]:
    """What the hyperparameters of such a study come to, by the numbers of labels that are named."""
    if not baseline.built_on:
        raise SpecError({"baseline": "The worth of an encoder is that of a classifier's: name its autoencoder."})
    if strange := [name for name in values if name not in worth.NAMES]:
        raise SpecError(
            {excerpt(strange[0]): "Only labels_per_class can be named here, as in labels_per_class=1,10,all."}
        )
    labels = []
    for text in values.get("labels_per_class", "").split(","):
        word = text.strip().lower()
        if word not in ("", "all") and not (word.isascii() and word.isdigit() and 0 < int(word) < 10**9):
            raise SpecError({"labels_per_class": f"“{excerpt(text)}” is no number of labels: write 1 or more, or all."})
        labels.append(worth.ALL if word in ("", "all") else str(int(word)))
    labels = sorted(dict.fromkeys(labels), key=lambda word: worth.labels_at(word, math.inf))
    usual = {name: write_value(getattr(baseline, name)) for name in worth.NAMES}
    steps = tuple(values.get("steps_per_epoch", f"{worth.STEPS},").split(","))  # as one that began has written them
    every = worth.points(labels, usual, steps)
    return {name: tuple(dict.fromkeys(point[name] for point in every)) for name in worth.NAMES}


def _validated(values: object) -> StudySpec:
    try:
        return StudySpec.model_validate(values)
    except ValidationError as error:
        raise SpecError(problems_of(StudySpec, error)) from None


def study_from_json(values: object) -> StudySpec:
    """The study that decoded JSON describes.

    Raises:
        SpecError: it is not one.
    """
    found = _validated(values)
    settings = {field.name: getattr(found, field.name) for field in study_fields()}
    typed = {name: ",".join(listed) for name, listed in found.values.items()}
    if _read(found.mode, found.baseline, typed, settings).values != found.values:
        raise SpecError({"values": "They are not written as a study writes them: restore them."})
    return found


def with_workers(study: StudySpec, workers: object) -> StudySpec:
    """The study with another number of workers, as typed or as a value.

    Raises:
        SpecError: it is none.
    """
    return _validated({**study.model_dump(mode="json"), "workers": workers})


def spec_of(baseline: Spec, values: Mapping[str, str], repeat: int = 0) -> Spec:
    """The spec of a point: the baseline with `values`, and the seed of that repeat.

    Raises:
        SpecError: the values are refused, alone or together.
    """
    kind, own = type(baseline), baseline.model_dump(mode="json")
    return parse(kind, kind.point({**own, **values, "seed": baseline.seed + repeat}, values.keys()))


def space_of(study: StudySpec) -> dict[str, Range | Values]:
    """What a search may take of each hyperparameter."""
    fields = {field.name: field for field in studied_fields(type(study.baseline))}
    return {
        name: range_of(fields[name], values[0]) if len(values) == 1 and ".." in values[0] else values
        for name, values in study.values.items()
    }


def _check(study: StudySpec) -> None:
    """Refuse too many points, and points that no run could begin with, whatever the images are."""
    if study.mode == "grid" and study.points > MOST_POINTS:
        raise SpecError(
            {
                "values": f"This grid has {study.points:,} points: at most {MOST_POINTS:,}. Remove values, "
                "or use a search: it tries as many as you say."
            }
        )
    check_together(study, lambda values: problems_with(lambda: spec_of(study.baseline, values)))


def check_together(study: StudySpec, why: Why) -> None:
    """Refuse a study with values that do not go together, as far as `why` tells.

    Raises:
        SpecError: for `values`, with such values and the reason.
    """
    if study.mode == "search":
        check_space(space_of(study), why)
    else:
        check_points(study.possible(), why)


def written(name: str, value: str) -> tuple[str, str]:
    """A value with its unit, for a sentence: `("32", "kernels")`, `("3×3", "")`, `("dropout 0.3", "")`."""
    value = number(value)
    match name:
        case "kernel_size":
            return f"{value}×{value}", ""
        case "kernels" | "layers" | "epochs":
            return value, name.removesuffix("s") if value == "1" else name
        case "fc_units":
            return value, f"fully connected unit{'' if value == '1' else 's'}"
        case "fc_layers":
            return value, f"fully connected layer{'' if value == '1' else 's'}"
        case "batch_size":
            return f"batch {value}", ""
        case _:
            return f"{name} {value}", ""


def describe(values: Mapping[str, str]) -> str:
    """A point in a few words: `10 layers, 32 kernels`."""
    if worth.is_point(values):
        return worth.said(values)
    return ", ".join(" ".join(written(name, value)).strip() for name, value in values.items())


def brief(values: Mapping[str, str]) -> str:
    """A point as a chart names it: `10 layers`, and of several hyperparameters the values, `10 · 32 · 0.0034`."""
    if len(values) == 1 or worth.is_point(values):
        return describe(values)
    return " · ".join(f"{float(value):.2g}" if _FRACTION.fullmatch(value) else value for value in values.values())


def usual_rule(mode: str) -> Rule:
    """The rule by which a study of that mode picks where nobody says."""
    return "lowest" if mode in ("search", "worth") else "trade"
