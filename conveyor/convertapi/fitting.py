"""Whether bytes that came in an answer can be the file that was asked for.

A gateway, a portal or a proxy answers 200 too, with a page of its own. So bytes are a result only
where the answer names a file, or has a content type that fits the target format.
"""

from __future__ import annotations

import mimetypes
import re
from typing import Final

from conveyor.convertapi.answer import Answer

__all__ = ["is_binary", "is_file", "is_page"]

_PAGE_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
_SNIFFED_BYTES: Final = 2048
_PAGE: Final = re.compile(
    rb"(?:<\?xml[^>]*>\s*|<!--(?:[^-]|-(?!->))*-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)

# What `mimetypes` does not know, or knows otherwise, on some systems.
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_TYPES: Final = {
    "bmp": {"image/bmp", "image/x-ms-bmp"},
    "csv": {"text/csv", "application/csv"},
    "docx": {f"{_OFFICE}.wordprocessingml.document"},
    "epub": {"application/epub+zip"},
    "gif": {"image/gif"},
    "ico": {"image/x-icon", "image/vnd.microsoft.icon"},
    "jpeg": {"image/jpeg", "image/jpg", "image/pjpeg"},
    "jpg": {"image/jpeg", "image/jpg", "image/pjpeg"},
    "md": {"text/markdown", "text/x-markdown"},
    "odt": {"application/vnd.oasis.opendocument.text"},
    "pdf": {"application/pdf", "application/x-pdf"},
    "png": {"image/png"},
    "pptx": {f"{_OFFICE}.presentationml.presentation"},
    "ps": {"application/postscript"},
    "rtf": {"application/rtf", "text/rtf"},
    "svg": {"image/svg+xml"},
    "tif": {"image/tiff"},
    "tiff": {"image/tiff"},
    "txt": {"text/plain"},
    "webp": {"image/webp"},
    "xlsx": {f"{_OFFICE}.spreadsheetml.sheet"},
    "zip": {"application/zip", "application/x-zip-compressed"},
    # Operations that are written where a format stands.
    "merge": {"application/pdf"},
    "protect": {"application/pdf"},
    "compress": {"application/pdf"},
}
# Of these a page, an error or a status of somebody on the way is one too.
_NEVER_BY_TYPE: Final = frozenset(
    {*_PAGE_TYPES, "", "application/octet-stream", "application/json", "text/json"}
)


def is_page(answer: Answer) -> bool:
    """Whether the body is an HTML page, whatever its content type says."""
    head = answer.body[:_SNIFFED_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n")
    is_called_one = answer.content_type in _PAGE_TYPES and head.startswith(b"<")
    return is_called_one or bool(_PAGE.match(head))


def is_binary(answer: Answer) -> bool:
    """Whether the body is binary, so that it is neither a page nor an error message."""
    head = answer.body[:_SNIFFED_BYTES]
    if b"\0" in head:
        return True
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # A character that the sniffed part halves is none the less one.
        return error.start < len(head) - 3
    return False


def is_file(answer: Answer, target: str) -> bool:
    """Whether the body is the file that was asked for.

    Args:
        answer: A 200.
        target: The target format; empty where it is not known, and then a file name alone counts.
    """
    if not answer.body:
        return False
    if answer.file_name:
        return True
    kind = answer.content_type
    return kind not in _NEVER_BY_TYPE and not is_page(answer) and kind in _types_of(target)


def _types_of(target: str) -> frozenset[str]:
    extension = target.lower().lstrip(".")
    guessed = mimetypes.guess_type(f"result.{extension}")[0] if extension else None
    return frozenset(_TYPES.get(extension, set()) | ({guessed} if guessed else set()))
