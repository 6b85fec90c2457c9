"""How many of each class's validation images are taken for another class, epoch by epoch."""

from collections.abc import Mapping, Sequence

from engine.protocol.events import EpochEnded, MistakesCounted


def class_errors(
    epochs: Sequence[EpochEnded], counted: Sequence[MistakesCounted]
) -> Mapping[int, Sequence[tuple[int, float]]]:
    """By label, the epoch (over all stages, from 1) and the share of the class's images that were taken wrongly.

    The classes with the most errors in the latest epoch come first; of equals the lower label. A class without
    validation images is left out, and an epoch whose counts were not kept has no value.
    """
    places = {(epoch.stage, epoch.epoch): place for place, epoch in enumerate(epochs, start=1)}
    found: dict[int, dict[int, float]] = {}
    for one in counted:
        place = places.get((one.stage, one.epoch))
        if place is None:  # its epoch was cut off by a resume
            continue
        for label, row in enumerate(one.counts):
            if images := sum(row):
                found.setdefault(label, {})[place] = 1 - row[label] / images
    series = {label: sorted(values.items()) for label, values in found.items()}
    return dict(sorted(series.items(), key=lambda pair: (-pair[1][-1][1], pair[0])))
