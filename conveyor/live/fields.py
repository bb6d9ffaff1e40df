"""The fields of the service's JSON that a recording knows: harmless ones, ids and secrets."""

from __future__ import annotations

from typing import Final

__all__ = [
    "DATA_KEY",
    "ID_KEYS",
    "KEPT_BELOW",
    "KEPT_NUMBERS",
    "KEPT_TEXTS",
    "KNOWN_FIELDS",
    "SECRET_KEYS",
    "URL_KEY",
]

# Their values are shown.
KEPT_NUMBERS: Final = frozenset({"Code", "ConversionCost", "ConversionTime", "FileSize"})
KEPT_TEXTS: Final = frozenset({"Message", "FileName", "FileExt"})
KEPT_BELOW: Final = "InvalidParameters"
# Their values are secrets, each with the word for its kind.
ID_KEYS: Final = {"JobId": "job-id", "FileId": "file-id"}
SECRET_KEYS: Final = frozenset(
    {"Secret", "Token", "ApiKey", "Password", "Email", "FullName", "Name", "Company", "Phone"}
)
# Of an address the host is shown. A file's bytes are not.
URL_KEY: Final = "Url"
DATA_KEY: Final = "FileData"
# Their names are no secret, whatever was learned.
KNOWN_FIELDS: Final = (
    KEPT_NUMBERS | KEPT_TEXTS | SECRET_KEYS | {*ID_KEYS, KEPT_BELOW, URL_KEY, DATA_KEY, "Files"}
)
