"""Sets of the catalogue, fetched from a server that does what servers do."""

import gzip
import hashlib
import io
import multiprocessing
import re
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from engine.data import cache, transfer
from engine.data.fetching import MIRROR, discard, fetch, is_here, place_of, size_here
from engine.data.keeping import keep_in
from engine.errors import DatasetError, EngineError, StorageError
from engine.specs.catalogue import CatalogueSet, catalogue
from engine.specs.data_files import DataFiles, data_of, set_names, set_title
from tests.file_server import FileServer, serving
from tests.idx import idx_bytes
from tests.sets import file_of, idx_set, in_place, set_of

SIZE = 300_000


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.delenv(MIRROR, raising=False)
    monkeypatch.setattr(transfer, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(transfer, "LONGEST_WAIT", 0.02)
    with serving() as found:
        yield found


def some_bytes(seed: int = 0, size: int = SIZE) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def refused(entry: CatalogueSet, sets: Path) -> str:
    with pytest.raises(EngineError) as error:
        fetch(entry, sets)
    sentence = str(error.value)
    assert "Traceback" not in sentence
    assert sentence.endswith((".", "!"))
    return sentence


# -- the table --------------------------------------------------------------------------------------


def test_every_entry_of_the_table_is_whole() -> None:
    assert {"fashion-mnist", "kmnist", "emnist-letters", "cifar-10", "cifar-100", "svhn", "bloodmnist"} <= set(
        catalogue()
    )
    medical = [name for name, entry in catalogue().items() if entry.folder == "medmnist"]
    assert len(medical) == 12  # its 2D sets
    for name, entry in catalogue().items():
        assert set_title(name) == entry.title
        assert data_of(f" {name.upper()} ") == name
        assert entry.licence
        assert entry.citation
        assert entry.checked
        assert entry.page.startswith("http")
        assert entry.images == sum(entry.counts) > 0
        assert entry.opens in entry.makes
        assert len(set(entry.classes)) == len(entry.classes)
        for file in entry.files:
            algorithm, _, digest = file.hash.partition(":")
            assert re.fullmatch(r"[0-9a-f]{64}" if algorithm == "sha256" else r"[0-9a-f]{32}", digest), name
            assert file.url.startswith("http")
            assert file.size > 0
    assert "digits" in set_names()
    assert set_title("./svhn") is None


# -- from a server ----------------------------------------------------------------------------------


def test_every_file_is_fetched_told_of_and_found_the_next_time(server: FileServer, tmp_path: Path) -> None:
    contents = {"one": some_bytes(1), "two": some_bytes(2, 1000)}
    for name, content in contents.items():
        server.serve(name, content)
    entry = set_of(*(file_of(server, name, content) for name, content in contents.items()))
    told: list[tuple[int, int]] = []
    assert not is_here(entry, tmp_path)
    place = fetch(entry, tmp_path, lambda done, of: told.append((done, of)))
    assert is_here(entry, tmp_path)
    assert place == place_of(entry, tmp_path) == tmp_path / "things" / "one"
    assert {name: (tmp_path / "things" / name).read_bytes() for name in contents} == contents
    assert told == sorted(told)
    assert told[-1] == (SIZE + 1000, SIZE + 1000)
    assert len(told) > 4
    fetch(entry, tmp_path)
    assert len(server.asked) == 2
    assert size_here(entry, tmp_path) == SIZE + 1000


def test_a_file_that_is_cut_off_is_gone_on_with(server: FileServer, tmp_path: Path) -> None:
    content = some_bytes()
    server.serve("one", content, cut_after=[100_000, 0, 70_000])
    place = fetch(set_of(file_of(server, "one", content)), tmp_path)
    assert place.read_bytes() == content
    assert [asked for _, asked in server.asked] == ["", "bytes=100000-", "bytes=100000-", "bytes=170000-"]


def test_without_a_length_an_end_that_comes_too_early_is_seen(server: FileServer, tmp_path: Path) -> None:
    content = some_bytes()
    server.serve("one", content, no_length=True, cut_after=[100_000])
    assert fetch(set_of(file_of(server, "one", content)), tmp_path).read_bytes() == content


def test_a_server_that_always_cuts_ends_in_a_sentence_and_what_came_is_kept(server: FileServer, tmp_path: Path) -> None:
    content = some_bytes()
    entry = set_of(file_of(server, "one", content))
    server.serve("one", content, cut_after=[100_000, *[0] * 20])
    sentence = refused(entry, tmp_path)
    assert "127.0.0.1 broke off" in sentence
    assert "100 kB have come and are kept: the next time it goes on from there." in sentence
    assert size_here(entry, tmp_path) == 100_000
    assert not is_here(entry, tmp_path)
    server.serve("one", content)
    assert fetch(entry, tmp_path).read_bytes() == content
    assert server.asked[-1] == ("one", "bytes=100000-")


def test_a_server_that_knows_no_ranges_or_other_ones_begins_anew(server: FileServer, tmp_path: Path) -> None:
    content = some_bytes()
    for name, manner in (("one", {"no_ranges": True}), ("two", {"wrong_range": True})):
        server.serve(name, content, cut_after=[100_000], **manner)
        assert fetch(set_of(file_of(server, name, content), folder=name), tmp_path).read_bytes() == content


def test_a_server_that_stalls_is_left_with_a_sentence(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "STALL_SECONDS", 0.2)
    content = some_bytes()
    server.serve("one", content, stall_after=50_000)
    sentence = refused(set_of(file_of(server, "one", content)), tmp_path)
    assert re.search(r"127\.0\.0\.1 broke off \(Read timed out\.?\)", sentence)
    assert "have come and are kept" in sentence


@pytest.mark.parametrize(
    ("manner", "words"),
    [
        ({"says": SIZE + 5}, r"has 300,005 bytes as one, and 300,000 were expected: it is another file\."),
        ({"says": SIZE - 5}, r"has 299,995 bytes as one, and 300,000 were expected: it is another file\."),
        ({"more": b"more", "no_length": True}, r"sends more than 300,000 bytes as one: it is another file\."),
    ],
)
def test_a_length_that_is_another_is_refused(
    manner: dict[str, Any], words: str, server: FileServer, tmp_path: Path
) -> None:
    content = some_bytes()
    server.serve("one", content, **manner)
    entry = set_of(file_of(server, "one", content))
    assert re.search(words, refused(entry, tmp_path))
    assert not is_here(entry, tmp_path)


def test_another_file_of_that_length_is_refused_and_deleted(server: FileServer, tmp_path: Path) -> None:
    content, other = some_bytes(), some_bytes(9)
    entry = set_of(file_of(server, "one", content))
    server.serve("one", other)
    sentence = refused(entry, tmp_path)
    found, wanted = (hashlib.sha256(some).hexdigest()[:16] for some in (other, content))
    assert f"one from 127.0.0.1 has the SHA-256 {found}…, and {wanted}… was expected: it is another file" in sentence
    assert f"It was deleted. Try again, or name a mirror with {MIRROR}; https://example.org/things" in sentence
    assert size_here(entry, tmp_path) == 0
    assert not is_here(entry, tmp_path)


def test_what_came_of_another_version_is_fetched_anew(server: FileServer, tmp_path: Path) -> None:
    content = some_bytes()
    server.serve("one", some_bytes(9), cut_after=[100_000, *[0] * 9])
    entry = set_of(file_of(server, "one", content))
    refused(entry, tmp_path)
    server.serve("one", content)
    assert fetch(entry, tmp_path).read_bytes() == content


def test_md5_is_compared_where_there_is_nothing_else(server: FileServer, tmp_path: Path) -> None:
    content = some_bytes()
    server.serve("one", content)
    file = file_of(server, "one", content, hash=f"md5:{hashlib.md5(content).hexdigest()}", size=200_000, exact=False)
    told: list[tuple[int, int]] = []
    assert fetch(set_of(file), tmp_path, lambda done, of: told.append((done, of))).read_bytes() == content
    assert told[0][1] == SIZE  # as the server says: the table has it rounded
    server.serve("one", some_bytes(9))
    assert "has the MD5" in refused(set_of(file, folder="other"), tmp_path)


def test_a_redirect_is_followed_and_one_in_a_circle_is_not(server: FileServer, tmp_path: Path) -> None:
    content = some_bytes()
    server.serve("one", b"", to="/there/it/is")
    server.serve("there/it/is", content)
    assert fetch(set_of(file_of(server, "one", content)), tmp_path).read_bytes() == content
    server.serve("two", b"", to="/two")
    assert "cannot be asked for" in refused(set_of(file_of(server, "two", content), folder="two"), tmp_path)


def test_what_is_not_there_is_told_at_once(server: FileServer, tmp_path: Path) -> None:
    sentence = refused(set_of(file_of(server, "gone", b"12345")), tmp_path)
    assert "127.0.0.1 does not give gone (404 Not Found)." in sentence
    assert len(server.asked) == 1


def test_a_server_that_is_not_ready_is_asked_again(server: FileServer, tmp_path: Path) -> None:
    content = some_bytes()
    server.serve("one", content, refuses=[503, 429, 200], retry_after="1")
    assert fetch(set_of(file_of(server, "one", content)), tmp_path).read_bytes() == content
    server.serve("two", content, refuses=[503])
    assert "127.0.0.1 is not ready (503 Service Unavailable): try again later." in refused(
        set_of(file_of(server, "two", content), folder="two"), tmp_path
    )
    assert [path for path, _ in server.asked].count("two") == transfer.TRIES


def test_without_a_network_a_sentence_says_so_at_once(server: FileServer, tmp_path: Path) -> None:
    entry = set_of(file_of(server, "one", b"12345", url="http://127.0.0.1:9/one"))
    sentence = refused(entry, tmp_path)
    assert re.search(r"127\.0\.0\.1 cannot be reached \(.*refused\): check the network\.", sentence)


def test_giving_up_keeps_what_has_come(server: FileServer, tmp_path: Path) -> None:
    content = some_bytes()
    server.serve("one", content)
    entry = set_of(file_of(server, "one", content))

    def told(done: int, of: int) -> None:
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(entry, tmp_path, told)
    come = size_here(entry, tmp_path)
    assert 100_000 < come < SIZE
    assert not is_here(entry, tmp_path)
    assert fetch(entry, tmp_path).read_bytes() == content
    assert server.asked[-1] == ("one", f"bytes={come}-")


@pytest.mark.parametrize("manner", [{"no_ranges": True}, {"wrong_range": True}, {"refuses_ranges": True}])
def test_a_server_that_cuts_and_knows_no_ranges_ends_in_a_sentence(
    manner: dict[str, Any], server: FileServer, tmp_path: Path
) -> None:
    content = some_bytes()
    server.serve("one", content, cut_after=[100_000] * 50, **manner)
    assert "127.0.0.1 " in refused(set_of(file_of(server, "one", content)), tmp_path)
    assert len(server.asked) <= 2 * transfer.TRIES


def test_a_file_whose_size_is_rounded_does_not_come_without_end(server: FileServer, tmp_path: Path) -> None:
    content = some_bytes()
    for number, manner in enumerate(({}, {"no_length": True})):
        server.serve("one", content, **manner)
        file = file_of(server, "one", content, size=1000, exact=False)
        assert "it is another file." in refused(set_of(file, folder=str(number)), tmp_path)
        assert size_here(set_of(file, folder=str(number)), tmp_path) == 0


def test_a_disk_that_is_full_is_told_before_or_when_it_is(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = some_bytes()
    server.serve("one", content)
    entry = set_of(file_of(server, "one", content))
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
        sentence = refused(entry, tmp_path)
    assert "Things needs 300 kB more, and" in sentence
    assert "has 1 kB free: make room" in sentence
    assert not server.asked

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(transfer, "pour", full)
        with pytest.raises(StorageError, match=r"No space left on device\. Make room"):
            fetch(entry, tmp_path)
    assert fetch(entry, tmp_path).read_bytes() == content


def _fetch_in_process(entry: CatalogueSet, sets: Path) -> None:
    fetch(entry, sets)


def test_two_processes_that_want_the_same_get_it_once(server: FileServer, tmp_path: Path) -> None:
    content = some_bytes(size=4_000_000)
    server.serve("one", content)
    entry = set_of(file_of(server, "one", content))
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_fetch_in_process, args=(entry, tmp_path)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(server.asked) == 1
    assert place_of(entry, tmp_path).read_bytes() == content


def test_who_waits_for_another_can_give_up(server: FileServer, tmp_path: Path) -> None:
    content = some_bytes()
    server.serve("one", content, stall_after=1000)
    entry = set_of(file_of(server, "one", content))
    begun = threading.Event()

    def first() -> None:
        def told(done: int, _: int) -> None:
            if done:
                begun.set()

        with pytest.raises(DatasetError):
            fetch(entry, tmp_path, told)

    thread = threading.Thread(target=first)
    thread.start()
    assert begun.wait(60)

    def tell(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(entry, tmp_path, tell)
    server.manners["one"].refuses = [404]
    server.go_on.set()
    thread.join()


# -- what is there already, and mirrors -----------------------------------------------------------------


def test_a_damaged_file_is_fetched_anew(server: FileServer, tmp_path: Path) -> None:
    content = some_bytes()
    server.serve("one", content)
    entry = set_of(file_of(server, "one", content))
    place = place_of(entry, tmp_path)
    place.parent.mkdir()
    place.write_bytes(content[:-1] + b"!")
    assert fetch(entry, tmp_path).read_bytes() == content


def test_a_file_that_another_program_has_is_taken_if_it_is_right(server: FileServer, tmp_path: Path) -> None:
    content = some_bytes()
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "one").write_bytes(content)
    entry = set_of(file_of(server, "one", content), elsewhere=(tmp_path / "none", theirs))
    assert fetch(entry, tmp_path / "sets").read_bytes() == content
    assert not server.asked
    (theirs / "one").write_bytes(some_bytes(9))
    server.serve("one", content)
    assert fetch(entry, tmp_path / "other").read_bytes() == content
    assert len(server.asked) == 1


def test_a_mirror_is_an_address_or_a_folder(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = some_bytes()
    entry = set_of(file_of(server, "one", content, url="http://127.0.0.1:9/one"))
    server.serve("mirror/things/one", content)
    monkeypatch.setenv(MIRROR, f"{server.address}/mirror/")
    assert fetch(entry, tmp_path / "a").read_bytes() == content
    folder = tmp_path / "mirror" / "things"
    folder.mkdir(parents=True)
    (folder / "one").write_bytes(content)
    monkeypatch.setenv(MIRROR, str(tmp_path / "mirror"))
    assert fetch(entry, tmp_path / "b").read_bytes() == content
    (folder / "one").write_bytes(some_bytes(9))
    assert "which CAE_TUI_MIRROR names, has no things/one with the right checksum" in refused(entry, tmp_path / "c")
    monkeypatch.setenv(MIRROR, server.address.replace("//", "//me:secret@") + "/nothing")
    assert "secret" not in refused(entry, tmp_path / "c")
    monkeypatch.setenv(MIRROR, "nowhere")
    assert f"{MIRROR} is “nowhere”; an address that begins with" in refused(entry, tmp_path / "c")
    monkeypatch.setenv(MIRROR, "ftp://example.org")
    assert "cannot be asked for" in refused(entry, tmp_path / "c")
    monkeypatch.setenv(MIRROR, f"{server.address}/nothing")
    assert f"{MIRROR} names {server.address}/nothing: check it, or leave it out." in refused(entry, tmp_path / "c")


# -- archives -------------------------------------------------------------------------------------------


def packed(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def test_what_is_fetched_is_not_discarded_meanwhile(server: FileServer, tmp_path: Path) -> None:
    content = some_bytes()
    server.serve("one", content)
    entry = set_of(file_of(server, "one", content))
    with in_place(tmp_path / "table", entry):
        refusals: list[str] = []

        def told(done: int, _: int) -> None:
            if done and not refusals:
                with pytest.raises(DatasetError) as error:
                    discard(entry, tmp_path)
                refusals.append(str(error.value))

        assert fetch(entry, tmp_path, told).read_bytes() == content
        assert "is being fetched: end that first." in refusals[0]
        assert discard(entry, tmp_path) == len(content)
        assert discard(entry, tmp_path) == 0


def test_what_is_packed_is_unpacked_and_shared(server: FileServer, tmp_path: Path) -> None:
    content = packed({"in/a-images": b"aaa", "in/b-images": b"bbb", "in/other": b"c"})
    server.serve("all.zip", content)
    file = file_of(server, "all.zip", content)
    entries = {
        name: set_of(file, name=name, folder="both", opens=f"{name}-images", unpack=(f"in/{name}-images",))
        for name in "ab"
    }
    with in_place(tmp_path / "table", *entries.values()):
        assert fetch(entries["a"], tmp_path).read_bytes() == b"aaa"
        assert not is_here(entries["b"], tmp_path)
        assert fetch(entries["b"], tmp_path).read_bytes() == b"bbb"
        assert len(server.asked) == 1
        assert discard(entries["a"], tmp_path) == 3
        assert is_here(entries["b"], tmp_path)
        assert discard(entries["b"], tmp_path) == 3 + len(content)
        assert not (tmp_path / "both").exists()


def test_an_archive_that_is_damaged_or_lacks_a_file_is_refused(server: FileServer, tmp_path: Path) -> None:
    for name, content in (("no.zip", b"no zip"), ("lacks.zip", packed({"other": b"1"}))):
        server.serve(name, content)
        entry = set_of(file_of(server, name, content), folder=name, opens="one", unpack=("in/one",))
        sentence = refused(entry, tmp_path)
        assert "cannot be unpacked" in sentence
        assert "delete it, and get the set again." in sentence
        assert not is_here(entry, tmp_path)
        assert not list((tmp_path / name).glob("one*"))


# -- read by its name -------------------------------------------------------------------------------------


@pytest.fixture
def served(server: FileServer, tmp_path: Path) -> Iterator[CatalogueSet]:
    """A set of IDX files, in place of the catalogue."""
    entry = idx_set(server)
    with in_place(tmp_path / "table", entry):
        yield entry
    keep_in(None)
    cache.forget()


def test_a_set_is_read_by_its_name_with_its_classes_and_kept(served: CatalogueSet, tmp_path: Path) -> None:
    keep_in(tmp_path / "data")
    files = DataFiles.of({"data": "Things"})
    assert files == files.absolute() == DataFiles("things")
    assert not files.gone
    with pytest.raises(DatasetError, match=r"Things is not here yet: `cae-tui data get things`, or Catalogue"):
        cache.load(files)
    fetch(served, tmp_path / "sets")
    data = cache.load(files)
    assert (data.name, len(data.train), data.class_names) == ("Things", 20, ("round", "square"))
    assert data.words.startswith("IDX, training images")
    cache.forget()
    shutil.rmtree(tmp_path / "sets")  # what was decoded is kept
    assert cache.load(files).digest == data.digest


@pytest.mark.usefixtures("served")
def test_a_folder_of_the_same_name_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "things").mkdir()
    with pytest.raises(DatasetError, match=r"A folder or a file of that name is \./things\."):
        cache.load(DataFiles("things"))


def stand_in(entry: CatalogueSet, folder: Path) -> None:
    """A few images in files that are called and laid out as those of a real set."""
    folder.mkdir(parents=True, exist_ok=True)
    height, width, channels = entry.shape
    rng = np.random.default_rng(0)
    classes = len(entry.classes) or 10
    labels = {"train": np.arange(2 * classes) % classes, "test": np.arange(classes)}
    images = {part: rng.integers(0, 256, (len(known), *entry.shape), np.uint8) for part, known in labels.items()}
    name = entry.opens
    if name.endswith("idx3-ubyte.gz"):
        for part in ("train", "test"):
            file = name.replace("train", "t10k" if part == "test" and name.startswith("train") else part)
            first = 1 if "letters" in name else 0
            (folder / file).write_bytes(gzip.compress(idx_bytes(images[part][..., 0])))
            known = (labels[part] + first).astype(np.uint8)
            (folder / file.replace("images-idx3", "labels-idx1")).write_bytes(gzip.compress(idx_bytes(known)))
    elif name.endswith(".tar.gz"):
        hundred = "100" in name
        with tarfile.open(folder / name, "w:gz") as archive:
            for part, file in (("train", "train.bin" if hundred else "data_batch_1.bin"),
                               ("test", "test.bin" if hundred else "test_batch.bin")):  # fmt: skip
                rows = [bytes([0, label] if hundred else [label]) + image.transpose(2, 0, 1).tobytes()
                        for label, image in zip(labels[part].tolist(), images[part], strict=True)]  # fmt: skip
                member = tarfile.TarInfo(f"cifar/{file}")
                member.size = len(content := b"".join(rows))
                archive.addfile(member, io.BytesIO(content))
    elif name.endswith(".mat"):
        for part in ("train", "test"):
            savemat(
                folder / f"{part}_32x32.mat", {"X": images[part].transpose(1, 2, 3, 0), "y": labels[part][:, None] + 1}
            )
    else:
        grey = images if channels == 3 else {part: some[..., 0] for part, some in images.items()}
        several = name.startswith("chest")
        told = {
            part: rng.integers(0, 2, (len(some), 14)) if several else some[:, None] for part, some in labels.items()
        }
        np.savez(folder / name, train_images=grey["train"], train_labels=told["train"], val_images=grey["test"],
                 val_labels=told["test"], test_images=grey["test"], test_labels=told["test"])  # fmt: skip
    assert (height, width) == images["train"].shape[1:3]


@pytest.mark.parametrize("name", catalogue())
def test_the_files_of_every_entry_are_read_by_its_name(name: str, tmp_path: Path) -> None:
    entry = catalogue()[name]
    stand_in(entry, tmp_path / "sets" / entry.folder)
    keep_in(tmp_path / "data")
    try:
        assert is_here(entry, tmp_path / "sets")
        data = cache.load(DataFiles(name))
        assert (data.name, data.shape) == (entry.title, entry.shape)
        assert data.test is not None
        assert bool(data.validation) == bool(entry.counts[1])
        if entry.classes:
            assert data.class_names == entry.classes
        if name == "chestmnist":
            assert data.class_names == ()
            assert "several classes" in data.notes[0]
    finally:
        keep_in(None)
        cache.forget()
