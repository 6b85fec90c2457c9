"""`cae-tui study …`: its flags, and the study that they ask for.

Every flag of a spec sets the baseline, which makes the flags depend on the kind of run that is studied: the one that
`--baseline` names, one that is built on an encoder where `--encoder` is given, else the first.
"""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cae_tui.cli.parser import ACTIONS, MODES, given_fields, with_encoder_images
from cae_tui.cli.spec_flags import USAGE
from cae_tui.printing import put
from engine.errors import EngineError, RunError, SpecError, StudyError
from engine.runs.directory import Home
from engine.specs.data_files import FIELDS
from engine.specs.listed import KINDS, kinds_that_take_encoders
from engine.storage.files import absolute
from engine.storage.paths import path_of
from engine.text import excerpt

if TYPE_CHECKING:
    from engine.specs.base import Spec
    from engine.studies.spec import StudySpec

_TAKE_ANYTHING = (
    "--images", "--labels", "--test-images", "--test-labels", "--baseline", "--to", "--home", "--encoder",
)  # fmt: skip
"""Flags whose value may look like an assignment."""
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z_0-9-]*=")


def in_order(words: Sequence[str]) -> list[str]:
    """`words` with the assignments moved to the front: argparse takes what has no flag only in one piece."""
    at = words.index("study") + 1
    rest = list(words[at:])
    lead = next((place for place, word in enumerate(rest) if word.startswith("-")), len(rest))
    moved = [
        place
        for place in range(lead, len(rest))
        if _ASSIGNMENT.match(rest[place]) and rest[place - 1] not in _TAKE_ANYTHING
    ]
    others = [rest[place] for place in range(lead, len(rest)) if place not in moved]
    return [*words[:at], *rest[:lead], *(rest[place] for place in moved), *others]


def kind_asked(words: Sequence[str], home: Home) -> str:
    """The kind of run that is studied."""
    named = _value_of(words, "--baseline")
    if named:
        try:
            return read_baseline(home, named).kind
        except EngineError:
            return next(iter(KINDS))  # it is said once all words are read
    if _value_of(words, "--encoder") or "worth" in words:
        return kinds_that_take_encoders()[0]
    return next((kind for kind in KINDS if _alone_has(kind, words)), next(iter(KINDS)))


def _alone_has(kind: str, words: Sequence[str]) -> bool:
    """Whether one of `words` is a flag for a field of this kind of run that no other has, and that needs no encoder."""
    from engine.specs.kinds import SPECS

    if kind in kinds_that_take_encoders():
        return False
    others = {name for other, spec in SPECS.items() if other != kind for name in spec.model_fields}
    own = {f"--{name.replace('_', '-')}" for name in SPECS[kind].model_fields if name not in others}
    return any(word.partition("=")[0].replace("--no-", "--") in own for word in words)


def _value_of(words: Sequence[str], flag: str) -> str:
    for place, word in enumerate(words):
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
        if word == flag and place + 1 < len(words):
            return words[place + 1]
    return ""


def study_asked(options: argparse.Namespace, home: Home, kind: str) -> "StudySpec":
    """The study that the flags and words ask for.

    Raises:
        EngineError: it is refused.
    """
    from engine.specs.base import parse, preset
    from engine.specs.kinds import SPECS
    from engine.studies.spec import make_study, study_fields
    from engine.studies.values import assignments
    from engine.studies.worth import BASELINE as WORTH

    mode = options.words[0] if options.words and "=" not in options.words[0] else "one"
    words = options.words if mode == "one" else options.words[1:]
    if mode not in ("one", *MODES):
        from cae_tui.cli.mistakes import unknown_action

        raise StudyError(f"{unknown_action(mode, (*ACTIONS, *MODES))} What there is:{USAGE.rstrip()}")
    given = given_fields(options, kind)
    if mode == "worth":
        words, given = _of_worth(words, given)
    values = assignments(words)
    if options.baseline is not None:
        if options.preset != "recommended":
            raise SpecError({"preset": "A baseline is named too: use only one of the two."})
        own = read_baseline(home, options.baseline).model_dump(mode="json")
        if {"data", "images"} & given.keys():  # other images: nothing of the baseline's set is left
            own = {name: value for name, value in own.items() if name not in FIELDS}
        baseline = parse(SPECS[kind], {**own, **given})
    else:
        given = with_encoder_images(home, kind, given)
        first = SPECS[kind].guided_baseline if mode == "guided" else WORTH if mode == "worth" else {}
        baseline = preset(SPECS[kind], options.preset, **{**first, **given})
    settings = {field.name: getattr(options, f"study_{field.name}") for field in study_fields()}
    chosen = {name: value for name, value in settings.items() if value is not None}
    try:
        return make_study(mode, baseline, values, **chosen)
    except SpecError as error:
        if not any(name in values or name == "values" for name in error.problems):
            raise
        lines = [sentence if name == "values" else f"{name}: {sentence}" for name, sentence in error.problems.items()]
        raise StudyError("\n".join(lines)) from None


def _of_worth(words: Sequence[str], given: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """The rest of the words of `study worth RUN …`, and the fields with that encoder.

    Raises:
        StudyError: no run is named, or several.
    """
    runs = [word for word in words if "=" not in word]
    if len(runs) + ("encoder" in given) != 1:
        raise StudyError("`study worth RUN` takes one autoencoder: name its run, or its model file.")
    rest = [word for word in words if "=" in word]
    return rest, {**given, **({"encoder": runs[0]} if runs else {})}


def read_baseline(home: Home, named: str) -> "Spec":
    """The spec of a run, or of a JSON file that holds one.

    Raises:
        EngineError: there is none, or it is damaged.
    """
    from engine.data.recognise import Sort, recognise_file
    from engine.specs.kinds import spec_again, spec_from_json
    from engine.storage.files import read_json

    path = absolute(path_of(named))
    file = path / "spec.json" if path.is_dir() else path
    if not file.exists():
        if len(Path(named).parts) > 1 or Path(named).suffix:
            raise RunError(
                f"{file} does not exist: name a run, or a file that holds a spec, as a run's spec.json does."
            )
        file = home.find(named).spec
    try:
        values = read_json(file)
    except OSError as error:
        what = error.strerror or error
        raise RunError(f"{file} cannot be read: {what}. Name a run, or a file like a run's spec.json.") from None
    except ValueError as error:
        found = recognise_file(file) if file.is_file() else None
        if found is None or found.sort is Sort.JSON:
            raise RunError(f"{file} cannot be read ({error}): name a run, or a file like a run's spec.json.") from None
        raise RunError(f"{file} is {found.what}: name a run, or a JSON file like a run's spec.json.") from None
    try:
        if "spec" in values:
            return spec_again(values)
        values.pop("format", None)
        return spec_from_json(values)
    except SpecError as error:
        words = "; ".join(f"{name}: {sentence}" for name, sentence in error.problems.items())
        raise RunError(f"{file} holds no spec ({words}): name a run, or a file like a run's spec.json.") from None


def one_id(options: argparse.Namespace) -> str:
    """The id that an action is for.

    Raises:
        StudyError: none is given, or several.
    """
    action, *ids = options.words
    if len(ids) != 1:
        raise StudyError(f"`study {action} ID` takes one study: `cae-tui study list` lists them.")
    return str(ids[0])


def refuse_more_words(options: argparse.Namespace) -> None:
    """Refuse words behind an action that is for no study in particular.

    Raises:
        StudyError: there is one.
    """
    action, *more = options.words
    if more:
        raise StudyError(f"“{excerpt(more[0])}” is not expected here: `study {action}` takes only flags.")


def print_json(values: object) -> None:
    """One JSON object on stdout."""
    put(json.dumps(values))
