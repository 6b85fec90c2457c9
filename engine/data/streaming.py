"""Images that do not fit where they are trained: read a window at a time, the next one while this one is trained on.

A window is a stretch of an epoch's order. What it holds is read in the order of the file, through a plain read and not
through the mapping, so that the process holds two windows and no more, however large the set is.
"""

import os
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data.batches import DeviceImages, evaluation_batch
from engine.data.datasets import BLOCK_BYTES, WINDOW_BYTES, ImageSet
from engine.errors import DatasetError


class FileRows:
    """Images of a set by their indices, in the order asked for, from memory or from the file that is mapped.

    Args:
        images: (n, height, width, channels), uint8.
    """

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._images = images
        self._each = images[:1].nbytes
        self._file = -1  # before anything can fail: it is closed at the end
        self._first = 0  # where the images begin in the file
        whole = images
        while isinstance(whole.base, np.memmap):
            whole = whole.base
        if isinstance(whole, np.memmap) and whole.filename is not None and images.flags.c_contiguous:
            self._first = images.ctypes.data - whole.ctypes.data + whole.offset
            try:
                self._file = os.open(whole.filename, os.O_RDONLY)
            except OSError:  # its name is gone, and the mapping stays
                self._file = -1

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __del__(self) -> None:
        self.close()

    def read(self, rows: NDArray[np.int64], into: NDArray[np.uint8]) -> None:
        """Put the images at `rows` into `into`, shape (len(rows), height, width, channels).

        Raises:
            OSError: the file cannot be read any more.
        """
        if self._file < 0:
            np.take(self._images, rows, axis=0, out=into)
            return
        order = np.argsort(rows, kind="stable")
        ascending = rows[order]
        # Stretches without a gap that is larger than what is read at once anyway.
        far = np.flatnonzero(np.diff(ascending) * self._each > BLOCK_BYTES) + 1
        for stretch in np.split(np.arange(len(rows)), far):
            for start in range(0, len(stretch), most := max(4 * BLOCK_BYTES // self._each, 1)):
                part = stretch[start : start + most]
                low, high = int(ascending[part[0]]), int(ascending[part[-1]]) + 1
                into[order[part]] = self._span(low, high)[ascending[part] - low]

    def _span(self, low: int, high: int) -> NDArray[np.uint8]:
        """The images from `low` to below `high`."""
        shape = (high - low, *self._images.shape[1:])
        buffer = np.empty(shape, np.uint8)
        view, place = buffer.reshape(-1).data, self._first + low * self._each
        while view:
            read = os.preadv(self._file, [view], place)
            if not read:
                raise OSError(f"the file of the images ends before image {high:,}")
            view, place = view[read:], place + read
        return buffer


class StreamedImages(DeviceImages):
    """As `DeviceImages`, of which two windows are on the device.

    Args:
        dataset: images and, perhaps, labels.
        device: where the windows go.
        batch_size: the most images that are taken at once, but for evaluations.
    """

    def __init__(self, dataset: ImageSet, device: torch.device, batch_size: int) -> None:
        self._rows = FileRows(dataset.images)
        self._known_labels = dataset.labels
        each = max(dataset.images[:1].nbytes, 1)
        self.block = max(BLOCK_BYTES // each, 1)
        self.window = max(WINDOW_BYTES // each, 1)
        shape, on_gpu = dataset.images.shape[1:], device.type == "cuda"
        # A batch touches two windows at most, for each but the last of an order has as many images as a batch.
        self.evaluation_batch = evaluation_batch(torch.empty((0, *shape), device=device))
        self.least = max(batch_size, self.evaluation_batch)
        self.room = self.window + self.least
        self._host = torch.empty((2, self.room, *shape), dtype=torch.uint8, pin_memory=on_gpu)
        self._there = self._host if not on_gpu else torch.empty_like(self._host, device=device)
        self.images = self._there.view(-1, *shape)
        self.labels = None if dataset.labels is None else torch.empty(2 * self.room, dtype=torch.int64, device=device)
        self._copied: list[torch.cuda.Event | None] = [None, None]  # when a slot of the host was last copied from
        self._reader = ThreadPoolExecutor(1, "images")
        self._waiting: Future[None] | None = None
        self.order = 0  # the number of the order whose windows are there

    def indices(self, indices: NDArray[np.int64]) -> "WindowedOrder":
        """The order; its images are read as slices of it are taken, from the first to the last."""
        return WindowedOrder(self, indices)

    def load(self, slot: int, rows: NDArray[np.int64]) -> Future[None]:
        """Begin to read those images into one of the two slots of the host."""

        def read() -> None:
            if (copied := self._copied[slot]) is not None:
                copied.synchronize()
            self._rows.read(rows, self._host[slot, : len(rows)].numpy())

        self._waiting = self._reader.submit(read)
        return self._waiting

    def hand_over(self, slot: int, rows: NDArray[np.int64]) -> None:
        """What was read into a slot is what batches are taken from, from now on."""
        if self._there is not self._host:
            self._there[slot, : len(rows)].copy_(self._host[slot, : len(rows)], non_blocking=True)
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch has no types for it
            event.record()
            self._copied[slot] = event
        if self.labels is not None and self._known_labels is not None:
            first = slot * self.room
            self.labels[first : first + len(rows)] = torch.from_numpy(self._known_labels[rows].astype(np.int64))

    def settle(self) -> None:
        """Wait until nothing is read any more: an order that nobody goes on with may have begun a window."""
        if self._waiting is not None:
            self._waiting.exception()


class WindowedOrder:
    """Indices whose images are read a window at a time; slices are taken of it in order, from anywhere on."""

    def __init__(self, images: StreamedImages, rows: NDArray[np.int64]) -> None:
        self._images, self._rows = images, rows
        self._bounds = windows_of(rows, images.block, images.window, images.least)
        self._loading: dict[int, Future[None]] = {}
        self._ready: set[int] = set()
        images.settle()
        images.order += 1
        self._number = images.order

    def __getitem__(self, part: slice) -> Tensor:
        """Where the images of that part of the order are in `StreamedImages.images`."""
        if self._number != self._images.order:
            raise ValueError("another order was begun: its windows are in the place of this one's")
        start, stop, _ = part.indices(len(self._rows))
        first, last = (
            int(np.searchsorted(self._bounds, place, "right")) - 1 for place in (start, max(stop - 1, start))
        )
        self._ready &= {first, last}
        for window in range(first, last + 1):
            self._need(window)
        if first == last and first + 1 < len(self._bounds) - 1 and not self._is_there(first + 1):
            self._loading[first + 1] = self._images.load((first + 1) % 2, self._of(first + 1))
        places = np.arange(start, stop)
        windows = np.searchsorted(self._bounds, places, "right") - 1
        found = (windows % 2) * self._images.room + places - self._bounds[windows]
        return torch.from_numpy(found).to(self._images.images.device)

    def _is_there(self, window: int) -> bool:
        return window in self._loading or window in self._ready

    def _of(self, window: int) -> NDArray[np.int64]:
        return self._rows[self._bounds[window] : self._bounds[window + 1]]

    def _need(self, window: int) -> None:
        """Have a window in its slot."""
        if window in self._ready:
            return
        rows = self._of(window)
        reading = self._loading.pop(window, None) or self._images.load(window % 2, rows)
        try:
            reading.result()
        except OSError as error:
            raise DatasetError(f"The images cannot be read any more: {error.strerror or error}.", "data") from error
        self._images.hand_over(window % 2, rows)
        self._ready.add(window)


def windows_of(rows: NDArray[np.int64], block: int, window: int, least: int) -> NDArray[np.int64]:
    """Where an order is cut into windows: the first of each, and the end.

    It is cut where every block of the file that was begun is over, so that none is read twice, and else after `window`
    images; each part but the last has at least `least` images.
    """
    blocks = rows // block
    last = np.zeros(int(blocks.max(initial=0)) + 1, np.int64)
    last[blocks] = np.arange(len(rows))  # of equal ones the last stays
    whole = np.flatnonzero(np.maximum.accumulate(last[blocks]) == np.arange(len(rows))) + 1
    bounds = [0]
    while bounds[-1] < len(rows):
        begun = bounds[-1]
        fit = whole[(whole >= begun + least) & (whole <= begun + window)]
        end = int(fit[-1]) if len(fit) else begun + max(window, least)
        bounds.append(min(end, len(rows)))
    return np.array(bounds)


def device_images(dataset: ImageSet, device: torch.device, batch_size: int) -> DeviceImages:
    """`dataset` on the device, whole where that has room for it, else as it is needed."""
    size = dataset.images.nbytes
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if size > free // 2:
            return StreamedImages(dataset, device, batch_size)
    elif dataset.from_disk:
        return StreamedImages(dataset, device, batch_size)
    return DeviceImages(dataset, device)
