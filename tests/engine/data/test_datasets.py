import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.data import datasets
from engine.data.datasets import MNIST_IMAGES_DIGEST, ImageData, assets_folder, class_counts
from engine.data.sources import idx
from engine.data.split import split
from engine.errors import DatasetError
from engine.specs.data_files import DataFiles
from tests.idx import idx_bytes, load_idx, numbers, pictures, write_idx


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a complete small set."""
    write_idx(tmp_path / "images", pictures())
    write_idx(tmp_path / "labels", numbers(0, 1, 2, 0, 1, 2))
    write_idx(tmp_path / "test-images", pictures(3))
    write_idx(tmp_path / "test-labels", numbers(2, 1, 0))
    return tmp_path


@pytest.fixture(scope="module")
def mnist() -> ImageData:
    return load_idx()


class TestMnist:
    def test_it_is_what_comes_without_any_path(self, mnist: ImageData) -> None:
        assert mnist.name == "MNIST"
        assert (mnist.shape, mnist.classes) == ((28, 28, 1), 10)
        assert mnist.test is not None
        assert (len(mnist.train), len(mnist.test)) == (60_000, 10_000)
        assert mnist.train.labels is not None
        assert mnist.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
        assert mnist.files == DataFiles()

    def test_the_values_are_those_in_the_file(self, mnist: ImageData) -> None:
        raw = gzip.decompress((assets_folder() / "mnist" / "t10k-images-idx3-ubyte.gz").read_bytes())
        assert mnist.test is not None
        assert mnist.test.images.tobytes() == raw[16:]

    def test_a_slice_of_it_written_and_read_again_is_the_same(self, mnist: ImageData, tmp_path: Path) -> None:
        assert mnist.train.labels is not None
        images = write_idx(tmp_path / "slice.gz", mnist.train.images[:200, ..., 0], gz=True)
        labels = write_idx(tmp_path / "labels", mnist.train.labels[:200])
        data = load_idx(images, labels)
        assert np.array_equal(data.train.images, mnist.train.images[:200])
        assert data.train.labels is not None
        assert np.array_equal(data.train.labels, mnist.train.labels[:200])
        assert data.classes == 10
        assert data.digest != mnist.digest

    def test_its_split_holds_back_the_same_part_of_every_digit(self, mnist: ImageData) -> None:
        training, validation = split(mnist.train, 0.1, seed=0)
        assert mnist.train.labels is not None
        assert (len(training), len(validation)) == (54_000, 6_000)
        everything = np.array(class_counts(mnist.train.labels, 10))
        held_back = np.array(class_counts(mnist.train.labels[validation], 10))
        assert np.abs(held_back - everything / 10).max() < 1

    def test_its_assets_are_found_inside_the_package_or_beside_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        package = tmp_path / "engine"
        package.mkdir()
        monkeypatch.setattr(datasets, "__file__", str(package / "data" / "datasets.py"))
        with pytest.raises(DatasetError, match=r"ship with the program are not in .*: install it again"):
            assets_folder()
        (tmp_path / "assets").mkdir()
        assert assets_folder() == tmp_path / "assets"
        (package / "assets").mkdir()
        assert assets_folder() == package / "assets"


class TestReading:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        count=st.integers(2, 5),
        height=st.integers(8, 20),
        width=st.integers(8, 20),
        colours=st.sampled_from([None, 3]),
        gz=st.booleans(),
        seed=st.integers(0, 1000),
    )
    def test_what_was_written_is_read_plain_or_gzip_grey_or_colour_square_or_not(
        self, count: int, height: int, width: int, colours: int | None, gz: bool, seed: int, tmp_path: Path
    ) -> None:
        array = pictures(count, height, width, colours)
        labels = np.random.default_rng(seed).integers(0, 256, count, dtype=np.uint8)
        data = load_idx(write_idx(tmp_path / "images", array, gz=gz), write_idx(tmp_path / "labels", labels, gz=not gz))
        assert data.shape == (height, width, colours or 1)
        assert np.array_equal(data.train.images, array.reshape(count, height, width, -1))
        assert data.train.labels is not None
        assert np.array_equal(data.train.labels, labels)
        assert data.classes == 1 + int(labels.max())
        assert data.test is None

    @pytest.mark.parametrize("side", [8, 256])
    def test_the_smallest_and_the_largest_side_are_allowed(self, side: int, tmp_path: Path) -> None:
        assert load_idx(write_idx(tmp_path / "images", pictures(2, side, 264 - side))).shape[0] == side

    def test_the_name_does_not_decide_whether_it_is_gzip(self, tmp_path: Path) -> None:
        plain_called_gz = write_idx(tmp_path / "a.gz", pictures())
        gzip_called_plain = write_idx(tmp_path / "b.idx", pictures(), gz=True)
        assert load_idx(plain_called_gz).digest == load_idx(gzip_called_plain).digest

    def test_a_gzip_file_in_several_members_is_one_file(self, tmp_path: Path) -> None:
        raw = idx_bytes(pictures())
        (tmp_path / "images").write_bytes(gzip.compress(raw[:100]) + gzip.compress(raw[100:]))
        assert np.array_equal(load_idx(tmp_path / "images").train.images[..., 0], pictures())

    def test_a_file_of_many_chunks_arrives_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(idx, "_CHUNK", 7)
        for gz in (False, True):
            data = load_idx(write_idx(tmp_path / "images", pictures(), gz=gz))
            assert np.array_equal(data.train.images[..., 0], pictures())

    @pytest.mark.parametrize(
        ("file", "name"),
        [
            ("digits.idx", "digits"),
            ("digits.idx.gz", "digits"),
            ("plain", "plain"),
            ("evil\x1b[31m.idx", "evil�[31m"),
        ],
    )
    def test_a_set_is_called_like_its_file_of_training_images(self, file: str, name: str, tmp_path: Path) -> None:
        assert load_idx(write_idx(tmp_path / file, pictures())).name == name

    def test_the_paths_are_kept_absolute(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(folder)
        data = load_idx(Path("images"), test_images=Path("test-images"))
        assert data.files == DataFiles(images=folder / "images", test_images=folder / "test-images")

    def test_labels_and_test_files_are_optional(self, folder: Path) -> None:
        alone = load_idx(folder / "images")
        assert (alone.classes, alone.train.labels, alone.test) == (0, None, None)
        both = load_idx(folder / "images", test_images=folder / "test-images")
        assert both.test is not None
        assert (len(both.test), both.test.classes) == (3, 0)
        some = load_idx(folder / "images", folder / "labels", folder / "test-images")
        assert some.test is not None
        assert (some.classes, some.test.labels) == (3, None)

    def test_a_single_test_image_is_enough(self, folder: Path) -> None:
        one = write_idx(folder / "one", pictures(1))
        data = load_idx(folder / "images", test_images=one)
        assert data.test is not None
        assert len(data.test) == 1


class TestDigest:
    def test_it_is_of_what_the_files_hold_and_not_of_the_files(self, folder: Path) -> None:
        plain = load_idx(folder / "images", folder / "labels", folder / "test-images", folder / "test-labels")
        other = folder / "other"
        other.mkdir()
        zipped = [
            write_idx(other / "a", pictures(), gz=True),
            write_idx(other / "b", numbers(0, 1, 2, 0, 1, 2), gz=True),
            write_idx(other / "c", pictures(3), gz=True),
            write_idx(other / "d", numbers(2, 1, 0), gz=True),
        ]
        assert load_idx(*zipped).digest == plain.digest
        assert len(plain.digest) == len(hashlib.sha256().hexdigest())

    def test_every_part_of_a_set_counts(self, folder: Path) -> None:
        images, labels = folder / "images", folder / "labels"
        tests, test_labels = folder / "test-images", folder / "test-labels"
        changed = pictures()
        changed[5, 7, 7] ^= 1
        digests = [
            load_idx(images).digest,
            load_idx(images, labels).digest,
            load_idx(images, labels, tests).digest,
            load_idx(images, labels, tests, test_labels).digest,
            load_idx(images, test_images=tests).digest,
            load_idx(write_idx(folder / "changed", changed)).digest,
            load_idx(write_idx(folder / "wide", pictures().reshape(3, 8, 16))).digest,
            load_idx(images, write_idx(folder / "changed-labels", numbers(0, 1, 2, 0, 1, 1))).digest,
        ]
        assert len(set(digests)) == len(digests)

    def test_that_of_the_images_alone_depends_on_nothing_else(self, folder: Path) -> None:
        images, labels, tests = folder / "images", folder / "labels", folder / "test-images"
        alone = load_idx(images)
        assert alone.images_digest == alone.digest
        assert load_idx(images, labels).images_digest == alone.digest
        assert load_idx(images, labels, tests, folder / "test-labels").images_digest == alone.digest
        assert load_idx(write_idx(folder / "zipped", pictures(), gz=True)).images_digest == alone.digest
        assert load_idx(tests).images_digest != alone.digest
        wide = write_idx(folder / "wide", pictures().reshape(3, 8, 16))
        assert load_idx(wide).images_digest != alone.digest

    def test_that_of_the_images_of_mnist_is_known(self) -> None:
        alone = load_idx(assets_folder() / "mnist" / "train-images-idx3-ubyte.gz")
        assert load_idx().images_digest == MNIST_IMAGES_DIGEST == alone.digest
