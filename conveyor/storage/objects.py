"""Object stores: how each kind is opened and read. Each request to them has a price."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

__all__ = [
    "AZURE",
    "GCS",
    "PART_BYTES",
    "can_move",
    "is_object_store",
    "open_url",
    "options_of",
    "parts_of",
]

# The least that S3 takes as a part. Two or three of them are in memory at once.
PART_BYTES: Final = 5 * 1024 * 1024

_S3 = ("s3", "s3a")
GCS: Final = ("gs", "gcs")
AZURE: Final = ("abfs", "abfss", "az")

# What another process has written must be seen, so listings are not cached.
_FRESH: Final = {"use_listings_cache": False}
# s3fs repeats by itself what broke off. botocore's own repeats multiply with those. Unless told
# otherwise, botocore signs URLs in an older form, which newer regions refuse.
_S3_OPTIONS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        **_FRESH,
        "config_kwargs": {
            "retries": {"mode": "standard", "total_max_attempts": 2},
            "signature_version": "s3v4",
        },
    }
)
_AZURE_OPTIONS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        **_FRESH,
        "blocksize": PART_BYTES,
        "max_concurrency": 1,
        "connection_timeout": 5,
        "read_timeout": 30,
    }
)
_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        **dict.fromkeys(_S3, _S3_OPTIONS),
        **dict.fromkeys(GCS, MappingProxyType({**_FRESH, "requests_timeout": 120})),
        **dict.fromkeys(AZURE, _AZURE_OPTIONS),
    }
)


def is_object_store(scheme: str) -> bool:
    """Whether a file appears there only when its write ends."""
    return scheme in _OPTIONS


def options_of(scheme: str) -> dict[str, Any]:
    """How an object store is opened; what fsspec's own configuration says goes before ours.

    Args:
        scheme: Of its URL.
    """
    ours = dict(_OPTIONS.get(scheme, {}))
    theirs = {name: value for known in _family(scheme) for name, value in _conf(known).items()}
    for name in theirs.keys() & ours.keys():
        mergeable = isinstance(ours[name], Mapping) and isinstance(theirs[name], Mapping)
        ours[name] = {**ours[name], **theirs[name]} if mergeable else theirs[name]
    return ours


def open_url(url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """Open a file system.

    Args:
        url: An fsspec URL, or a local path.
        options: How, as `options_of` says.

    Returns:
        The file system, fsspec's, and the URL's path in it.
    """
    if url.partition("://")[0] not in GCS:
        found: tuple[Any, str] = _fsspec("core").url_to_fs(url, **options)
        return found
    # It writes each failed request with a traceback, and we tell it in one line.
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)
    # gcsfs' newer class asks by gRPC what kind of bucket it is, for a minute where nobody answers.
    made = import_module("gcsfs.core").GCSFileSystem(**options)
    return made, made._strip_protocol(url)  # noqa: SLF001 - as fsspec does


def can_move(fs: Any) -> bool:
    """Whether a file system renames by itself. fsspec's own `mv` expands names.

    Args:
        fs: The file system, fsspec's.
    """
    return type(fs).mv is not _fsspec("spec").AbstractFileSystem.mv


def parts_of(fs: Any, path: str, start: int, end: int) -> Iterator[bytes]:
    """Read a range of an object, exactly, in parts: a request for each.

    Args:
        fs: The file system, fsspec's.
        path: The object's path there.
        start: The first byte.
        end: The first byte that is not wanted any more.
    """
    while start < end:
        asked = min(PART_BYTES, end - start)
        part = fs.cat_file(path, start=start, end=start + asked)
        if part:
            yield part
        start += asked
        if len(part) < asked:
            return


def _family(scheme: str) -> tuple[str, ...]:
    """All names of a kind of store: fsspec takes the configuration of each."""
    return next((family for family in (_S3, GCS, AZURE) if scheme in family), ())


def _conf(scheme: str) -> Mapping[str, Any]:
    found = _fsspec("config").conf.get(scheme, {})
    return found if isinstance(found, Mapping) else {}


def _fsspec(part: str) -> Any:
    """A module of fsspec's, which takes a tenth of a second to load.

    A program that only imports us has opened no storage yet, and may never open one.
    """
    return import_module(f"fsspec.{part}")
