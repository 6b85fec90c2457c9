"""What is read of a run for its document: what cannot be read is left out, or is a sentence in its place."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.datasets import ImageData, ImageSet
from engine.data.remarks import for_run
from engine.data.split import SPLIT_RULE
from engine.errors import EngineError, RunError, SpecError
from engine.kinds import kind_of
from engine.network.architecture import Plan
from engine.preparation import split_for
from engine.protocol.events import EpochEnded, Event, MistakesCounted, OverfittingSeen, RunStarted, Warned
from engine.results.result import Result
from engine.runs.directory import Home, RunDirectory
from engine.runs.facts import facts_of
from engine.runs.moved import known_of_run, load_known
from engine.specs.base import Spec
from engine.specs.kinds import spec_from_json
from engine.specs.listed import listed


class ReadRun:
    """A run, each part of it read when it is asked for, once.

    Raises:
        RunError: its `status.json` cannot be read.
    """

    def __init__(self, home: Home, run: RunDirectory) -> None:
        self.run = run
        self.status = run.read_status()
        self.facts = facts_of(home, run)
        self.written: Mapping[str, Any] = {}
        with suppress(RunError):
            self.written = run.read_spec()
        self.spec, self.encoder_spec = (_spec(self.written.get(name)) for name in ("spec", "encoder_spec"))

    @cached_property
    def events(self) -> list[Event]:
        """All that were told."""
        return self.run.read_events()[0]

    @cached_property
    def epochs(self) -> list[EpochEnded]:
        """Those that were completed."""
        return [event for event in self.events if isinstance(event, EpochEnded)]

    @cached_property
    def counted(self) -> list[MistakesCounted]:
        """What its validation images were taken for, epoch by epoch, where classes are told apart."""
        return [event for event in self.events if isinstance(event, MistakesCounted)]

    @cached_property
    def warnings(self) -> list[str]:
        """What was warned of while it trained, each sentence once."""
        return list(dict.fromkeys(e.message for e in self.events if isinstance(e, Warned | OverfittingSeen)))

    @cached_property
    def result(self) -> Result | None:
        """What it came to; None where it has not ended, or where that cannot be read."""
        with suppress(RunError):
            return self.run.read_result()
        return None

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """By label, as they were told at its start; of earlier versions their numbers."""
        told = next((event.class_names for event in self.events if isinstance(event, RunStarted)), ())
        about = self.written.get("data")
        classes = about.get("classes") if isinstance(about, dict) else 0
        return told or tuple(map(str, range(min(classes, 256) if isinstance(classes, int) else 0)))

    @cached_property
    def data(self) -> ImageData:
        """Its images.

        Raises:
            EngineError: they are gone, or others.
        """
        if self.spec is None:
            raise RunError("`spec.json` of the run cannot be read.")
        return load_known(known_of_run(self.run.id, self.spec, self.written), self.spec.files)

    @cached_property
    def split(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Indices of training and validation images among those of `data.train`.

        Raises:
            EngineError: as for `data`.
        """
        data = self.data
        assert self.spec is not None  # or there were no images
        rule = self.written.get("split", 1)
        return split_for(self.spec, data, rule if isinstance(rule, int) else SPLIT_RULE)

    @cached_property
    def data_remarks(self) -> tuple[str, ...]:
        """Sentences on its images and their split; none where they cannot be read."""
        with suppress(EngineError):
            split = self.split
            assert self.spec is not None  # or there were no split
            return for_run(self.data, *split, self.spec)
        return ()

    @cached_property
    def plan(self) -> Plan | None:
        """The layers of its network, which need no images; None where that cannot be told."""
        shape = self.status.image_shape
        takes_encoder = listed(self.status.kind).takes_encoder
        if self.spec is None or len(shape) != 3 or min(shape) < 1 or (takes_encoder and self.encoder_spec is None):
            return None
        height, width, channels = shape
        of_no_image = ImageData(
            name="", train=ImageSet(np.empty((0, height, width, channels), np.uint8)), test=None, digest="",
            files=self.spec.files, class_names=self.class_names,
        )  # fmt: skip
        with suppress(EngineError):
            return kind_of(self.spec).plan(self.spec, of_no_image, self.encoder_spec)
        return None


def _spec(values: object) -> Spec | None:
    with suppress(SpecError):
        return spec_from_json(values)
    return None
