"""How object stores are opened and read."""

from __future__ import annotations

import logging

import fsspec.config
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from conveyor.storage.objects import (
    PART_BYTES,
    can_move,
    is_object_store,
    open_url,
    options_of,
    parts_of,
)

S3, GCS, AZURE = ("s3", "s3a"), ("gs", "gcs"), ("abfs", "abfss", "az")
STORES = (*S3, *GCS, *AZURE)
PATH = "files/a.bin"


@pytest.fixture(autouse=True)
def conf(monkeypatch):
    """What fsspec's own configuration says: nothing, at first."""
    conf = {}
    monkeypatch.setattr(fsspec.config, "conf", conf)
    return conf


@pytest.mark.parametrize("scheme", STORES)
def test_object_store_is_known_by_its_scheme(scheme):
    assert is_object_store(scheme)


@pytest.mark.parametrize("scheme", ["", "file", "local", "memory", "sftp", "http", "S3"])
def test_other_file_system_is_no_object_store(scheme):
    assert not is_object_store(scheme)
    assert options_of(scheme) == {}


def test_part_is_the_least_that_s3_takes():
    assert PART_BYTES == 5 * 2**20


@pytest.mark.parametrize("scheme", STORES)
def test_listings_are_not_cached_because_others_write_too(scheme):
    assert options_of(scheme)["use_listings_cache"] is False


@pytest.mark.parametrize("scheme", S3)
def test_botocore_tries_twice_because_s3fs_tries_again(scheme):
    retries = options_of(scheme)["config_kwargs"]["retries"]

    assert retries == {"mode": "standard", "total_max_attempts": 2}


@pytest.mark.parametrize(
    ("schemes", "option", "value"),
    [
        (GCS, "requests_timeout", 120),
        # Otherwise a large file is in memory as a whole.
        (AZURE, "blocksize", PART_BYTES),
        (AZURE, "max_concurrency", 1),
        # Azure's client would wait for 20 s and for 60 s.
        (AZURE, "connection_timeout", 5),
        (AZURE, "read_timeout", 30),
    ],
)
def test_memory_and_waits_are_bounded(schemes, option, value):
    for scheme in schemes:
        assert options_of(scheme)[option] == value


@pytest.mark.parametrize(
    ("scheme", "configured"),
    [(one, other) for family in (S3, GCS, AZURE) for one in family for other in family],
)
def test_configuration_of_any_name_of_a_store_goes_before_ours(conf, scheme, configured):
    conf[configured] = {"use_listings_cache": True, "project": "fsspec hands this on itself"}
    options = options_of(scheme)

    assert options["use_listings_cache"] is True
    assert "project" not in options


@pytest.mark.parametrize(("scheme", "configured"), [("s3", "gs"), ("gs", "az"), ("az", "s3")])
def test_configuration_of_another_store_is_left_alone(conf, scheme, configured):
    conf[configured] = {"use_listings_cache": True}

    assert options_of(scheme)["use_listings_cache"] is False


def test_groups_of_options_are_merged(conf):
    conf["s3"] = {"config_kwargs": {"proxies": {}, "retries": {"mode": "adaptive"}}}

    assert options_of("s3")["config_kwargs"] == {
        "proxies": {},
        "retries": {"mode": "adaptive"},
        "signature_version": "s3v4",
    }
    conf["s3"] = {"config_kwargs": {"proxies": {}}}
    assert set(options_of("s3")["config_kwargs"]) == {"proxies", "retries", "signature_version"}


@pytest.mark.parametrize(
    ("theirs", "options"),
    [
        ({"config_kwargs": None}, {"use_listings_cache": False, "config_kwargs": None}),
        ({"use_listings_cache": {}}, {"use_listings_cache": {}}),
    ],
    ids=["no group of theirs", "no group of ours"],
)
def test_group_and_single_value_are_not_merged(conf, theirs, options):
    conf["s3"] = theirs

    assert options.items() <= options_of("s3").items()


def test_configuration_that_is_no_group_is_left_alone(conf):
    conf["s3"] = "odd"

    assert options_of("s3")["use_listings_cache"] is False


def test_one_storage_does_not_change_the_options_of_the_next(conf):
    options_of("s3")["use_listings_cache"] = True

    assert options_of("s3")["use_listings_cache"] is False


@pytest.mark.parametrize(
    ("kind", "scheme"),
    [(family[0], scheme) for family in (S3, GCS, AZURE) for scheme in family],
)
def test_store_is_opened_with_the_options(store_of, kind, scheme):
    store_of(kind)
    fs, path = open_url(f"{scheme}://files/in", {"project": "x"})

    assert fs.options == {"project": "x"}
    assert path == "files/in"


def test_google_store_logs_no_failed_request(store_of):
    store_of("gs")
    logger = logging.getLogger("gcsfs")
    before = logger.level
    try:
        logger.setLevel(logging.NOTSET)
        open_url("gs://files", {})
        assert not logger.isEnabledFor(logging.ERROR)
    finally:
        logger.setLevel(before)


def test_file_system_that_renames_by_itself_is_told_from_one_that_copies():
    assert can_move(LocalFileSystem())
    assert not can_move(MemoryFileSystem())


@pytest.mark.parametrize(
    ("start", "end", "asked"),
    [
        (0, 3, [(0, 3)]),
        (2, 5, [(2, 5)]),
        (0, PART_BYTES, [(0, PART_BYTES)]),
        (1, PART_BYTES + 2, [(1, PART_BYTES + 1), (PART_BYTES + 1, PART_BYTES + 2)]),
        (4, 4, []),
        (5, 4, []),
    ],
)
def test_range_is_read_in_parts_that_are_exact(store, start, end, asked):
    store.objects[PATH] = bytes(range(256)) * 4 * 5200
    parts = list(parts_of(store(), PATH, start, end))

    assert store.asked == [("get", PATH, *each) for each in asked]
    assert b"".join(parts) == store.objects[PATH][start:end]


def test_object_that_ends_before_the_range_is_asked_for_no_further(store):
    store.objects[PATH] = bytes(7)

    assert list(parts_of(store(), PATH, 0, 3 * PART_BYTES)) == [bytes(7)]
    assert len(store.asked) == 1


class _Empty:
    """Answers with nothing."""

    def cat_file(self, path, start, end):
        return b""


def test_empty_part_is_not_handed_on():
    assert list(parts_of(_Empty(), PATH, 0, 5)) == []
