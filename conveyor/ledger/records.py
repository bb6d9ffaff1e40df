"""What an entry holds as JSON: its request, its result, its files, its failure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from conveyor.domain.answers import RemoteFile, Result
from conveyor.domain.conversion import Failure, StoredFile
from conveyor.domain.request import ConversionRequest
from conveyor.domain.request_json import load_request as parse_request
from conveyor.domain.shapes import as_fields, list_of, plain_of, record_of, text_of
from conveyor.ledger.values import number_of
from conveyor.reasons import kind_called, reason_called

__all__ = [
    "dump_failure",
    "dump_file",
    "dump_files",
    "dump_result",
    "file_field",
    "load_failure",
    "load_files",
    "load_request",
    "load_result",
    "load_stored",
]

_FILE_FIELD: Final = "file:"
# So many requests are known, if they are not longer than that.
_KEPT: Final = 512
_KEPT_CHARACTERS: Final = 4096


def dump_result(result: Result) -> str:
    """Write a result so that `conveyor.ledger.encoding.decode` reads it."""
    files = [{**as_fields(it), "kept": it.kept and _file(it.kept)} for it in result.files]
    return _dump({**as_fields(result), "files": files})


def dump_files(files: Sequence[StoredFile]) -> str:
    """Write stored files so that `conveyor.ledger.encoding.decode` reads them."""
    return _dump(list(map(_file, files)))


def dump_file(file: StoredFile) -> str:
    """Write one of several stored files so that `conveyor.ledger.encoding.decode` reads it."""
    return _dump(_file(file))


def _file(file: StoredFile) -> dict[str, Any]:
    """The ledger keeps when files were removed once for all of a conversion."""
    return {name: value for name, value in as_fields(file).items() if name != "removed_at"}


def dump_failure(failure: Failure) -> str:
    """Write a failure so that `conveyor.ledger.encoding.decode` reads it."""
    return _dump({name: value for name, value in as_fields(failure).items() if value})


def _dump(value: Any) -> str:
    """Half a character (a lone surrogate) is nothing that Redis' JSON reads, escaped or not."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="replace").decode()


def file_field(place: int) -> str:
    """Name the field that holds one stored file while others are missing."""
    return f"{_FILE_FIELD}{place}"


def load_stored(fields: Mapping[str, str]) -> dict[int, StoredFile]:
    """Read the files that were stored while others are missing, by their place."""
    return {
        number_of(name.removeprefix(_FILE_FIELD)): record_of(StoredFile, plain_of(text))
        for name, text in fields.items()
        if name.startswith(_FILE_FIELD)
    }


def load_files(plain: Any) -> tuple[StoredFile, ...]:
    """Read what `dump_files` has written, parsed."""
    return tuple(record_of(StoredFile, file) for file in list_of(plain))


def load_result(text: str | None) -> Result | None:
    """Read what `dump_result` has written; None where there is nothing."""
    if not text:
        return None
    plain = plain_of(text)
    files = tuple(map(_load_file, list_of(plain["files"])))
    return record_of(Result, {**plain, "files": files})


def _load_file(plain: Mapping[str, Any]) -> RemoteFile:
    kept = plain.get("kept")
    return record_of(RemoteFile, {**plain, "kept": record_of(StoredFile, kept) if kept else None})


def load_failure(text: str | None) -> Failure | None:
    """Read what `dump_failure` has written; None where there is nothing."""
    if not text:
        return None
    plain = plain_of(text)
    kind = kind_called(text_of(plain["kind"]))
    reason = reason_called(text_of(plain.get("reason", "")), kind)
    return record_of(Failure, {**plain, "kind": kind, "reason": reason})


def load_request(text: str) -> ConversionRequest:
    """Read what was asked: an entry is read again and again, and this never changes."""
    return (
        _known_request(text) if len(text) <= _KEPT_CHARACTERS else _known_request.__wrapped__(text)
    )


@lru_cache(maxsize=_KEPT)
def _known_request(text: str) -> ConversionRequest:
    return parse_request(text)
