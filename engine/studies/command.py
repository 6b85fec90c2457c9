"""Studies and specs as the lines of the command line that ask for them."""

import shlex
from collections.abc import Collection, Iterable, Mapping

from pydantic import BaseModel

from engine.specs.base import Spec, preset, spec_fields
from engine.specs.fields import SpecField, write_value
from engine.studies import worth
from engine.studies.spec import StudySpec, study_fields, usual_rule


def as_flags(spec: Spec, always: Collection[str] = ()) -> list[str]:
    """The flags of the command line that ask for `spec`: `["--preset", "report", "--epochs", "5"]`.

    The preset is the one that leaves the fewest others to be written; fields in `always` are written anyhow.
    """
    kind = type(spec)
    given = {"encoder": "-"} if "encoder" in kind.model_fields else {}
    found = []
    for name in kind.presets:
        start = preset(kind, name, **given)
        usual = {field: getattr(start, field) for field in kind.model_fields if field not in always}
        flags = [] if name == "recommended" else ["--preset", name]
        found.append(flags + _flags(spec_fields(kind), spec, usual))
    return min(found, key=len)


def _flags(fields: Iterable[SpecField], asked_for: BaseModel, usual: Mapping[str, object]) -> list[str]:
    """The flags that ask for the values that are not the usual ones."""
    flags = []
    for field in fields:
        value = getattr(asked_for, field.name)
        if field.name in usual and value == usual[field.name]:
            continue
        if field.type is bool:
            flags.append(field.flag if value else f"--no-{field.flag[2:]}")
        else:
            flags += [field.flag, write_value(value)]
    return flags


def as_command(study: StudySpec) -> str:
    """The line that does the same study again."""
    mode = [] if study.mode == "one" else [study.mode]
    values = [f"{name}={','.join(values)}" for name, values in study.values.items()]
    if study.mode == "worth":
        labels = [number or "all" for number in study.values["labels_per_class"]]
        values = [study.baseline.built_on, f"labels_per_class={','.join(labels)}"]
    always = study.baseline.guided_baseline if study.mode == "guided" else ()
    usual = {name: field.default for name, field in StudySpec.model_fields.items()}
    usual["rule"] = usual_rule(study.mode)
    asked_for = as_flags(study.baseline, always)
    if study.mode == "worth":  # what such a study begins with is not said, nor the encoder again
        kind = type(study.baseline)
        start = preset(kind, "recommended", encoder=study.baseline.built_on, **worth.BASELINE)
        begun = {name: getattr(start, name) for name in kind.model_fields}
        asked_for = _flags(spec_fields(kind), study.baseline, begun)
        usual |= {"repeats": worth.SEEDS, "workers": "auto"}
    flags = [*asked_for, *_flags(study_fields(), study, usual)]
    return shlex.join(["cae-tui", "study", *mode, *values, *flags])
