"""File names from elsewhere are data: made safe, and different from each other."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final

__all__ = ["as_on_disk", "folder_name", "safe_name", "staged_tokens", "unique_names"]

_MAX_NAME_BYTES: Final = 200  # file systems allow 255; the temporary name needs some of it
_STAGED: Final = re.compile(r"(.+)/staged/([0-9a-f]{32})/(?!\.\.?$)[^/]+", re.DOTALL)
# What would come out as it went in.
_SAFE: Final = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9 ._-]{0,198}[A-Za-z0-9_-])?")
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')


def safe_name(name: str) -> str:
    """Make a file name from the service safe to use as one.

    A name is data: it may hold a path, control characters, or nothing at all.

    Args:
        name: As it came.

    Returns:
        A name without folders and special characters, of at most 200 bytes, never empty.
    """
    if _SAFE.fullmatch(name):
        return name
    # JSON may bring half a character (a lone surrogate), which no file system takes.
    text = name.encode(errors="replace").decode()
    base = PurePosixPath(unicodedata.normalize("NFC", text).replace("\\", "/")).name
    clean = _FORBIDDEN.sub("_", base).strip(" .") or "file"
    if len(clean.encode()) > _MAX_NAME_BYTES:
        suffix = PurePosixPath(clean).suffix[:20]
        kept = clean.encode()[: _MAX_NAME_BYTES - len(suffix.encode())]
        clean = kept.decode(errors="ignore") + suffix
    # adlfs drops a # at the end.
    return f"{clean[:-1]}_" if clean.endswith("#") else clean


def folder_name(conversion_id: str) -> str:
    """A folder for a conversion's files, which no other conversion has.

    Args:
        conversion_id: Its id, which a caller may have chosen.

    Returns:
        The id itself, if it is a safe name. Otherwise a safe name with a hash of the id.
    """
    safe = safe_name(conversion_id)
    if safe == conversion_id:
        return safe
    return f"{safe}-{sha256(conversion_id.encode(errors='replace')).hexdigest()[:16]}"


def staged_tokens(uris: Iterable[str], storage_url: str | None = None) -> list[str]:
    """The tokens of the folders that hold staged sources.

    Args:
        uris: Of sources; those that were not staged have none.
        storage_url: Only those in this storage count; None takes those of any.
    """
    found = map(_STAGED.fullmatch, uris)
    return [match[2] for match in found if match and storage_url in (None, match[1])]


def unique_names(names: Iterable[str]) -> list[str]:
    """Make names safe, and different from each other: ``a.png``, ``a-1.png``.

    Args:
        names: As they came.

    Returns:
        One for each, in their order. Case does not make a difference, as on some file systems.
    """
    used: set[str] = set()
    unique = []
    for name in map(safe_name, names):
        stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
        candidate, count = name, 0
        while candidate.lower() in used:
            count += 1
            candidate = f"{stem}-{count}{suffix}"
        used.add(candidate.lower())
        unique.append(candidate)
    return unique


def as_on_disk(path: Path) -> Path:
    """A path as the disk has it: each part composed (NFC) or decomposed (NFD).

    Args:
        path: In any of the forms.

    Returns:
        The path itself where there is such a file, or none in another form either.
    """
    if path.as_posix().isascii() or _is_there(path):
        return path
    found = Path(path.anchor)
    for part in path.parts[len(found.parts) :]:
        forms = (part, *(unicodedata.normalize(form, part) for form in ("NFC", "NFD")))
        there = next((found / form for form in forms if _is_there(found / form)), None)
        if there is None:
            return path
        found = there
    return found


def _is_there(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - it never raises
