"""A run's events as TensorBoard reads them, and how damage to them is seen."""

import io
import math
import struct
from pathlib import Path

import pytest

from engine.errors import ExportError, RunError, StorageError
from engine.exporters import export, tensorboard
from engine.exporters.events_file import EventsWriter, Scalar, masked_crc, read_records, scalar_in
from engine.protocol.events import EpochEnded
from engine.runs.directory import Home
from tests.engine.conftest import small, train
from tests.engine.training.test_training import Trained


def test_the_checksum_is_that_of_the_format() -> None:
    # RFC 3720, B.4: CRC-32C of 32 bytes of zeros, then turned and moved.
    crc = 0x8A9136AA
    assert masked_crc(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@pytest.mark.parametrize("value", [0.25, -1e30, 1e39, math.inf, math.nan, 0.0])
def test_a_number_is_read_back_as_it_was_written(value: float) -> None:
    file = io.BytesIO()
    EventsWriter(file, 7.0).scalar("loss/train", value, 300, 8.0)
    file.seek(0)
    head, record = read_records(file)
    assert scalar_in(head) is None
    found = scalar_in(record)
    assert found is not None
    assert (found.tag, found.step) == ("loss/train", 300)
    held = math.inf if value == 1e39 else struct.unpack("<f", struct.pack("<f", value))[0]
    assert found.value == held or (math.isnan(found.value) and math.isnan(held))


@pytest.mark.parametrize("place", [0, 9, 20, -1])
def test_one_flipped_bit_and_a_lost_end_are_seen(place: int) -> None:
    file = io.BytesIO()
    EventsWriter(file, 7.0).text("spec", "it is so", 0, 8.0)
    data = bytearray(file.getvalue())
    data[place] ^= 1
    for damaged in (bytes(data), file.getvalue()[:-3]):
        with pytest.raises(ValueError, match="damaged"):
            list(read_records(io.BytesIO(damaged)))


def scalars(folder: Path) -> list[Scalar]:
    (file,) = folder.iterdir()
    assert file.name.startswith("events.out.tfevents.")
    return [found for record in read_records(io.BytesIO(file.read_bytes())) if (found := scalar_in(record))]


def test_every_epoch_has_its_losses_and_rate_and_its_samples_are_there(
    trained_home: Home, autoencoder: Trained, classifier: Trained, tmp_path: Path
) -> None:
    for run, _, events in (autoencoder, classifier):
        folder = export(trained_home, "tensorboard", [run], tmp_path / run.id).path
        found = scalars(folder)
        epochs = [event for event in events if isinstance(event, EpochEnded)]
        by_tag = {tag: [one.value for one in found if one.tag == tag] for tag in {one.tag for one in found}}
        assert by_tag["loss/train"] == pytest.approx([epoch.train["loss"] for epoch in epochs])
        assert by_tag["loss/validation"] == pytest.approx([epoch.validation["loss"] for epoch in epochs])
        assert by_tag["learning_rate"] == pytest.approx([epoch.learning_rate for epoch in epochs])
        assert [one.step for one in found if one.tag == "loss/train"] == list(range(1, len(epochs) + 1))
        (file,) = folder.iterdir()
        assert file.read_bytes().count(b"\x89PNG") == (len(epochs) if run is autoencoder[0] else 0)
        assert b"| learning_rate |" in file.read_bytes()
        assert str(tmp_path.parent).encode() not in file.read_bytes()  # where the images lie
    assert "accuracy/validation" in by_tag


def test_samples_that_are_gone_are_left_out(home: Home, autoencoder: Trained, tmp_path: Path) -> None:
    run = home.create()
    for name in ("spec", "events"):
        getattr(run, name).write_bytes(getattr(autoencoder[0], name).read_bytes())
    assert scalars(export(home, "tensorboard", [run], tmp_path / "it").path)


def test_a_run_without_an_epoch_has_nothing_to_show(home: Home, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="has no epoch that is over"):
        export(home, "tensorboard", [home.create()], tmp_path / "it")


def test_what_is_not_what_the_run_wrote_is_not_kept(
    trained_home: Home, autoencoder: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(EventsWriter, "scalar", lambda self, tag, value, step, at: None)
        with pytest.raises(ExportError, match="are not those of the run"):
            export(trained_home, "tensorboard", [autoencoder[0]], tmp_path / "it")
    monkeypatch.setattr(tensorboard, "read_records", lambda file: read_records(io.BytesIO(file.read()[:-1])))
    with pytest.raises(StorageError, match="cannot be read back"):
        export(trained_home, "tensorboard", [autoencoder[0]], tmp_path / "it")
    assert [path.name for path in tmp_path.iterdir()] == []


def test_of_a_denoiser_the_noisy_images_stand_over_what_was_made_of_them(
    tmp_path: Path, files: dict[str, Path]
) -> None:
    plain, noisy = (train(Home(tmp_path), small(files, epochs=1, noise=noise))[0] for noise in ("none", "gaussian"))
    (height, width, _), (tall, wide, _) = (
        tensorboard._picture(next(run.samples.iterdir()))[1] for run in (plain, noisy)
    )
    assert (2 * tall, wide) == (3 * height, width)
