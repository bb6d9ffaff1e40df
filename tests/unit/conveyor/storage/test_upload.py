"""Files on their way into an object store."""

from __future__ import annotations

import gc

import pytest

from conveyor.storage.objects import PART_BYTES
from conveyor.storage.upload import Upload

PATH = "files/in/a.bin"
MB = 1024 * 1024


@pytest.fixture
def fs(store):
    return store()


def _written(fs, *sizes, end=b""):
    upload = Upload(fs, PATH)
    for number, size in enumerate(sizes):
        upload.write(bytes([number + 1]) * size)
    if end:
        upload.write(end)
    return upload


def _content(*sizes):
    return b"".join(bytes([number + 1]) * size for number, size in enumerate(sizes))


@pytest.mark.parametrize("sizes", [(), (1,), (3, 0, 4), (PART_BYTES - 1,), (MB, 4 * MB - 1)])
def test_file_below_a_part_is_one_put(fs, sizes):
    _written(fs, *sizes).finish()

    assert fs.asked == [("put", PATH, sum(sizes))]
    assert fs.objects == {PATH: _content(*sizes)}


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ((PART_BYTES,), [5]),
        ((PART_BYTES - 1, 1), [5]),
        ((3 * MB, 4 * MB, 5 * MB), [5, 5, 2]),
        ((12 * MB,), [5, 5, 2]),
        ((PART_BYTES, PART_BYTES), [5, 5]),
        ((4 * MB, 2 * MB, MB, 3 * MB, MB), [5, 5, 1]),
    ],
    ids=str,
)
def test_file_of_a_part_or_more_is_sent_in_parts_that_are_full_to_the_byte(fs, sizes, parts):
    _written(fs, *sizes).finish()

    assert [each[0] for each in fs.asked if each[0] != "part"] == ["open", "begin", "complete"]
    assert [each[2] for each in fs.asked if each[0] == "part"] == [part * MB for part in parts]
    assert fs.asked[0] == ("open", PATH, "wb", PART_BYTES, None)
    assert fs.objects == {PATH: _content(*sizes)}


def test_small_file_that_holds_the_end_of_gcsfs_request_is_sent_in_parts(fs):
    _written(fs, end=b"a\n--==0==--\nb").finish()

    assert [each[0] for each in fs.asked] == ["open", "begin", "part", "complete"]
    assert fs.objects == {PATH: b"a\n--==0==--\nb"}


@pytest.mark.parametrize("size", [5, PART_BYTES + 5], ids=["small", "in parts"])
def test_upload_that_is_given_up_or_forgotten_never_appears(fs, size):
    given_up, _forgotten = _written(fs, size), _written(fs, size)
    given_up.abandon()
    del given_up, _forgotten
    gc.collect()

    assert fs.objects == {}
    assert ("complete", PATH) not in fs.asked


@pytest.mark.parametrize(("scheme", "times"), [("s3", 1), ("abfs", 1), ("gs", 0)])
def test_parts_of_a_given_up_upload_are_removed_where_the_store_does_not_do_it(
    store_of, scheme, times
):
    fs = store_of(scheme)()
    _written(fs, PART_BYTES).abandon()

    assert fs.asked.count(("abort", PATH)) == times


def test_fault_while_parts_are_removed_is_left_alone(fs):
    upload = _written(fs, PART_BYTES)
    fs.faults["abort"] = OSError("gone")
    upload.abandon()

    assert upload._parts.closed


def test_small_upload_that_is_given_up_asks_for_nothing_and_holds_nothing(fs):
    upload = _written(fs, 5)
    upload.abandon()

    assert fs.asked == []
    assert upload._piece == b""


def test_upload_whose_part_fails_never_appears(fs):
    upload = _written(fs, PART_BYTES)
    fs.faults["part"] = OSError("away")
    with pytest.raises(OSError, match="away"):
        upload.write(bytes(PART_BYTES))
    del upload
    gc.collect()

    assert fs.objects == {}
