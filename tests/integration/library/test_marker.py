"""Producers and workers tell by a marker whether they have the same storage."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from uuid import uuid4

import fsspec
import pytest

from conveyor import Conveyor
from conveyor.errors import StorageError
from conveyor.ledger import connect
from conveyor.ledger.keys import Keys
from conveyor.ledger.storage_mark import StorageMark
from conveyor.storage.marker import Marker, OtherStorage
from conveyor.storage.marker_file import MARKER

KEYS = Keys()
AT_ONCE = 8
ROUNDS = 10


@pytest.fixture
def connected(redis_url):
    with connect(redis_url) as client:
        yield client


@pytest.fixture
def marker_of(client, connected):
    """As another process has it."""
    return lambda url: Marker(str(url), StorageMark(connected))


@pytest.fixture
def folder(tmp_path, marker_of):
    """A storage in use."""
    folder = tmp_path / "files"
    marker_of(folder).check()
    return folder


def test_first_user_marks_the_storage(folder, marker_of, client):
    mark = client.get(KEYS.storage)

    assert (folder / MARKER).read_text().startswith(f"{mark}\n")
    marker_of(folder).check()
    assert (folder / MARKER).read_text().startswith(f"{mark}\n")


def test_folder_that_is_not_mounted_is_another_storage_and_stays_empty(folder, marker_of):
    marker = marker_of(folder)
    marker.check()
    shutil.rmtree(folder)
    folder.mkdir()

    with pytest.raises(OtherStorage, match=r"has no file \.conveyor.*Mount it"):
        marker.check()
    with pytest.raises(OtherStorage):
        marker_of(folder).check()
    assert list(folder.iterdir()) == []


def test_mount_point_that_is_gone_is_another_storage_and_is_not_made(folder, marker_of):
    shutil.rmtree(folder)

    with pytest.raises(OtherStorage):
        marker_of(folder).check()
    assert not folder.exists()


def test_storage_with_another_marker_is_another_storage(folder, marker_of, client, tmp_path):
    client.delete(KEYS.storage)
    marker_of(tmp_path / "others").check()

    with pytest.raises(OtherStorage, match="CONVEYOR_STORAGE_URL as the other processes have it"):
        marker_of(folder).check()


def test_storage_that_comes_back_is_right_again_immediately(folder, marker_of, tmp_path):
    marker = marker_of(folder)
    folder.rename(tmp_path / "away")
    with pytest.raises(OtherStorage):
        marker.check()
    (tmp_path / "away").rename(folder)

    marker.check()


def test_storage_that_was_copied_with_its_marker_is_the_same(folder, marker_of, tmp_path):
    shutil.copytree(folder, tmp_path / "moved")

    marker_of(tmp_path / "moved").check()


def test_storage_that_was_moved_without_its_marker_is_adopted(folder, marker_of, tmp_path):
    moved = tmp_path / "moved"
    moved.mkdir()
    marker_of(moved).adopt()

    marker_of(moved).check()
    with pytest.raises(OtherStorage):
        marker_of(folder).check()


def test_removed_marker_is_restored_by_adopting(folder, marker_of):
    (folder / MARKER).unlink()
    with pytest.raises(OtherStorage):
        marker_of(folder).check()
    marker_of(folder).adopt()

    marker_of(folder).check()


def test_empty_redis_takes_over_the_marker_that_is_there(folder, marker_of, client):
    mark = client.get(KEYS.storage)
    client.flushdb()
    marker_of(folder).check()

    assert client.get(KEYS.storage) == mark


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_many_processes_derive_the_same(marker_of, client, tmp_path, kind):
    for number in range(ROUNDS):
        client.flushdb()
        url = tmp_path / str(number) if kind == "folder" else f"memory://{uuid4()}"
        together = Barrier(AT_ONCE)

        def begin(url=url, together=together):
            marker = marker_of(url)
            together.wait()
            marker.check()

        with ThreadPoolExecutor(AT_ONCE) as pool:
            for begun in [pool.submit(begin) for _ in range(AT_ONCE)]:
                begun.result()
        with fsspec.open(f"{url}/{MARKER}", "rt") as file:
            assert file.read().startswith(client.get(KEYS.storage))


def test_process_that_died_while_it_marked_lets_another_do_it(marker_of, client, tmp_path):
    client.set(KEYS.storage_claim, "1", px=300)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / MARKER).touch()  # it came no further
    marker_of(tmp_path / "files").check()

    assert (tmp_path / "files" / MARKER).read_text().startswith(client.get(KEYS.storage))


def test_slow_process_that_was_taken_for_dead_does_not_spoil_the_marker(
    marker_of, client, tmp_path
):
    slow, files = marker_of(tmp_path / "files"), tmp_path / "files"
    make = slow._file.make

    def make_late():
        client.delete(KEYS.storage_claim)
        marker_of(files).check()
        return make()

    slow._file.make = make_late
    slow.check()
    marker_of(files).check()


def test_object_store_is_not_asked_for_every_conversion(marker_of):
    url = f"memory://{uuid4()}"
    marker = marker_of(url)
    marker.check()
    fsspec.filesystem("memory").rm_file(f"/{url.removeprefix('memory://')}/{MARKER}")
    marker.check()

    with pytest.raises(OtherStorage):
        marker.check(anew=True)
    with pytest.raises(OtherStorage):
        marker.check()


def test_unreachable_storage_is_not_reported_as_another_storage(folder, marker_of):
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / MARKER).mkdir()  # can't be read

    with pytest.raises(StorageError) as raised:
        marker_of(folder).check()
    assert not isinstance(raised.value, OtherStorage)


def test_producer_with_another_storage_stages_nothing(folder, redis_url, tmp_path):
    other = tmp_path / "others"
    with (
        closing(Conveyor(broker_url=redis_url, storage_url=str(other))) as producer,
        pytest.raises(StorageError, match="as the other processes have it"),
    ):
        producer.stage("a.md", [b"# Words\n"])
    assert not other.exists()
