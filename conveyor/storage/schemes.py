"""Whether a storage's URL is of a kind that can be opened here: known when a process starts.

Nothing is asked of the storage itself, and the packages of object stores, which take a second to
load, are only looked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final

from conveyor.installing import how_to_install
from conveyor.storage.objects import AZURE, is_object_store

__all__ = ["EXTRAS", "check_url", "has_host_in_path"]

EXTRAS: Final = MappingProxyType(
    {
        **dict.fromkeys(("s3", "s3a"), "s3"),
        **dict.fromkeys(("gs", "gcs"), "gcs"),
        **dict.fromkeys(("az", "abfs", "abfss"), "azure"),
    }
)
"""Which extra brings the package of an object store, by scheme."""

_PACKAGES: Final = MappingProxyType({"s3": "s3fs", "gcs": "gcsfs", "azure": "adlfs"})
_LOCAL: Final = frozenset({"file", "local"})
_BUILT_IN: Final = _LOCAL | {"memory"}
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+")
_UNKNOWN: Final = (
    "is not a storage that fsspec knows. Use a folder, or a URL, e.g. s3://bucket/prefix"
)
_ONE_SLASH: Final = re.compile(rf"{_SCHEME.pattern}:(?!//)/?")


def check_url(url: str) -> None:
    """Refuse what can't be opened, before anything depends on it.

    Args:
        url: An fsspec URL, or a local path.

    Raises:
        ValueError: It can't be opened here. The message says why and what to do.
    """
    if "://" not in url:
        if _ONE_SLASH.match(url):
            raise ValueError("must be a folder, or a URL with two slashes, e.g. s3://bucket/prefix")
        _check_folder(url)
        return
    for scheme in _schemes_of(url):
        _check_scheme(scheme)
    scheme, _, path = url.partition("://")
    if scheme.lower() in _LOCAL:
        _check_folder(path)
    _check_bucket(scheme, path)


def has_host_in_path(scheme: str, path: str) -> bool:
    """Whether a path would be misread: adlfs, Azure's, takes what is in brackets for a host.

    Args:
        scheme: The URL's, in lower case.
        path: What comes behind it.
    """
    return scheme in AZURE and not {"[", "]"}.isdisjoint(path)


def _schemes_of(url: str) -> Iterator[str]:
    """Its scheme; those of a chain, as in ``simplecache::s3://bucket``."""
    *links, last = url.split("::")
    for link in links:
        yield link.partition("://")[0].lower()
    if "://" in last:
        yield last.partition("://")[0].lower()


def _check_scheme(scheme: str) -> None:
    if scheme in _BUILT_IN:
        return
    extra = EXTRAS.get(scheme)
    if extra is None:
        _check_fsspec_knows(scheme)
    elif find_spec(_PACKAGES[extra]) is None:
        raise ValueError(
            f"{scheme}:// needs the package {_PACKAGES[extra]}. {how_to_install(extra)}"
        )


def _check_fsspec_knows(scheme: str) -> None:
    if not _SCHEME.fullmatch(scheme):
        raise ValueError(f"this {_UNKNOWN}")
    try:
        # It takes a tenth of a second to load, and common kinds need none of it.
        import_module("fsspec").get_filesystem_class(scheme)
    except ImportError as error:
        package = error.name or getattr(error.__cause__, "name", None) or "what fsspec asks for"
        raise ValueError(f"{scheme}:// needs a package. Run: pip install {package}") from None
    except ValueError:
        raise ValueError(f"{scheme}:// {_UNKNOWN}") from None


def _check_folder(path: str) -> None:
    """One that is missing may be made, or mounted later. A file never becomes one."""
    if os.path.isfile(os.path.expanduser(path)):  # noqa: PTH111, PTH113 - they never raise
        raise ValueError("is a file: name a folder")


def _check_bucket(scheme: str, path: str) -> None:
    if is_object_store(scheme.lower()) and not path.strip("/"):
        raise ValueError(f"names no bucket: use {scheme}://bucket/prefix")
    if has_host_in_path(scheme.lower(), path):
        raise ValueError("can't contain brackets on Azure. Choose another folder")
