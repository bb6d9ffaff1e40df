"""The header fields of each kind of request."""

from __future__ import annotations

from typing import Final

from conveyor.convertapi.authorization import Signature
from conveyor.convertapi.prepared import Fields

__all__ = ["CallFields", "file_fields", "upload_fields"]

_MOST_KEPT: Final = 16

_FIELDS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": "conveyor",
}
_FORM_FIELDS: Final = {**_FIELDS, "Content-Type": "application/x-www-form-urlencoded"}
# Plain bytes: those of a compressed answer could not be gone on from.
_FILE_FIELDS: Final = Fields({**_FIELDS, "Accept": "*/*", "Accept-Encoding": "identity"})


class CallFields:
    """The fields of calls, written once for each secret and kept."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str | None, bool], Fields] = {}

    def of(self, bearer: str | None, signature: Signature, *, is_form: bool) -> Fields:
        """The fields of a call.

        Args:
            bearer: The secret that it carries; None where it carries none.
            signature: How it carries it.
            is_form: Whether its body is a form.

        Raises:
            Unreachable: The secret can't stand in a header.
        """
        fields = self._kept.get((bearer, is_form))
        if fields is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            fields = Fields({**(_FORM_FIELDS if is_form else _FIELDS), **signature.fields})
            self._kept[bearer, is_form] = fields
        return fields


def upload_fields(disposition: str, signature: Signature) -> Fields:
    """The fields of an upload.

    Args:
        disposition: The Content-Disposition that tells the file's name.
        signature: How it carries its secret.

    Raises:
        Unreachable: One of them can't stand in a header.
    """
    about = {"Content-Disposition": disposition, "Content-Type": "application/octet-stream"}
    return Fields({**_FIELDS, **about, **signature.fields})


def file_fields(start: int, tag: str) -> Fields:
    """The fields of a download. They hold no credentials: a result's URL opens it.

    Args:
        start: The first byte that is wanted.
        tag: The version that the bytes before it are of, empty where it is not known.
    """
    if not start:
        return _FILE_FIELDS
    part = {"Range": f"bytes={start}-"} | ({"If-Range": tag} if tag else {})
    return Fields({**_FILE_FIELDS, **part})
