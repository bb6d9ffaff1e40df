"""The header Content-Disposition, read and written (RFC 6266)."""

from __future__ import annotations

from urllib.parse import quote

from convertapi_sandbox.files import safe_name
from conveyor.disposition import file_name_of


def file_name(header: str | None) -> str:
    """Return the file name that a header states; empty if it states none.

    Args:
        header: The value as decoded by the server, that is from Latin-1.
    """
    return safe_name(file_name_of(header or ""))


def attachment(name: str) -> str:
    """Return a header that names a file, whatever its script."""
    return f"attachment; filename*=UTF-8''{quote(name)}"
