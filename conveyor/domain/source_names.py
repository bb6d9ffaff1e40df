"""What a conversion's source is called wherever the conversion is shown: its file name alone.

A URL may open the document to anyone, so nothing is shown of it but a last segment that looks like
a file's name, or else its host. A FileId opens it, too, and is not shown at all (invariant I5).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath, PurePosixPath
from typing import Final
from urllib.parse import unquote

from conveyor.domain.redaction import host_of
from conveyor.domain.sources import Source, SourceKind

__all__ = ["source_name_of"]

# A last segment without such a suffix may be a token that opens the document.
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,10}")
# Where a file's name ends, and what may be a signature begins.
_BEHIND: Final = re.compile(r"[?#;]")
_MOST_CHARACTERS: Final = 255


def source_name_of(sources: Sequence[Source]) -> str:
    """Name the sources of a conversion for people.

    Args:
        sources: The sources, in their order.

    Returns:
        The file name of the first, with how many more there are: ``"a.docx"``, ``"a.docx +2"``.
        Empty where the first has no name to show.
    """
    name = _name_of(sources[0]) if sources else ""
    more = f" +{len(sources) - 1}" if len(sources) > 1 else ""
    return f"{name}{more}" if name else ""


def _name_of(source: Source) -> str:
    if source.kind is SourceKind.FILE_ID:
        return ""
    if source.kind is SourceKind.LOCAL:
        return _shown(PurePath(source.value).name)
    if source.kind is SourceKind.STORED:
        return _shown(_stored_name(source.value))
    path = unquote(_BEHIND.split(source.value, maxsplit=1)[0].partition("://")[2])
    name = _last_segment(path)
    return _shown(name) if _SUFFIX.fullmatch(PurePosixPath(name).suffix) else host_of(source.value)


def _stored_name(address: str) -> str:
    """The name of a file by its fsspec URL, which may be a chain of them."""
    for link in address.split("::"):
        name = _last_segment(link.partition("://")[2])
        if name:
            return name
    return ""


def _last_segment(path: str) -> str:
    """What follows the last slash; nothing where there is none, for then it is a host."""
    _, slash, name = path.replace("\\", "/").rpartition("/")
    return _BEHIND.split(name, maxsplit=1)[0] if slash else ""


def _shown(name: str) -> str:
    return "".join(filter(str.isprintable, name))[:_MOST_CHARACTERS]
