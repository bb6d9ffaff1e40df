"""Faults of file systems, turned into our errors once.

Each fsspec back end raises types of its own, and some know the cause by a code alone. A text of
theirs is never shown: it may quote what opens the storage.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from conveyor.domain.redaction import redact_server_url
from conveyor.errors import InvalidRequest, StorageError
from conveyor.installing import how_to_install
from conveyor.storage.causes import BY_CODE, BY_NAME, BY_NUMBER, CREDENTIALS, DENIED, MISSING
from conveyor.storage.schemes import EXTRAS

__all__ = ["translated"]

_SETTING: Final = "CONVEYOR_STORAGE_URL"


@contextmanager
def translated(what: str, url: str, setting: str = _SETTING) -> Iterator[None]:
    """Turn a file system's own errors into ours, once.

    Args:
        what: What is being done, as "write to the storage".
        url: Where. It is shown without what may be secret in it.
        setting: The setting that names the place.
    """
    try:
        yield
    except (StorageError, InvalidRequest):
        raise
    except Exception as error:  # noqa: BLE001 - each back end raises types of its own
        cause = _cause(error, url).replace(_SETTING, setting)
        # Nothing is chained: some quote a secret, and logs show what is chained.
        raise StorageError(f"Can't {what} ({redact_server_url(url)}): {cause}.") from None


def _cause(error: BaseException, url: str) -> str:
    """The cause and its cure, in words."""
    scheme = url.partition("://")[0].lower()
    if isinstance(error, ImportError):
        return f"a package is missing. {_cure(error, scheme)}"
    chain = list(_chain(error))
    # What a service says itself is more than what a back end makes of it.
    for knows in (_by_code, _by_name, _by_number):
        for each in chain:
            found = knows(each)
            if found:
                return found
    if isinstance(error, ValueError) and "rotocol not known" in str(error):
        return f"{scheme}:// is not a storage that fsspec knows. Check {_SETTING}"
    # adlfs', without an account.
    if isinstance(error, ValueError) and "connection_string" in str(error):
        return CREDENTIALS
    return f"{_named(error)}. Check {_SETTING}"


def _cure(error: ImportError, scheme: str) -> str:
    extra = EXTRAS.get(scheme)
    if extra:
        return how_to_install(extra)
    return f"Install it: pip install {error.name or 'what fsspec asks for'}"


def _by_code(error: BaseException) -> str:
    return next((BY_CODE[code] for code in _codes(error) if code in BY_CODE), "")


def _by_name(error: BaseException) -> str:
    names = (kind.__name__ for kind in type(error).__mro__)
    return next((BY_NAME[name] for name in names if name in BY_NAME), "")


def _by_number(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number in BY_NUMBER:
        return BY_NUMBER[number]
    if isinstance(error, PermissionError):
        return DENIED
    return MISSING if isinstance(error, FileNotFoundError) else ""


def _codes(error: BaseException) -> Iterator[str]:
    """The service's own codes: botocore's, Azure's, gcsfs', and HTTP's."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        yield str(response.get("Error", {}).get("Code", ""))
    for name in ("error_code", "code", "status_code"):
        code = getattr(error, name, None)
        if code is not None:
            yield str(getattr(code, "value", code))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came of."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _named(error: BaseException) -> str:
    number: Any = getattr(error, "errno", None)
    known = isinstance(number, int) and number in errno.errorcode
    return os.strerror(number) if known else type(error).__name__
