"""How a text reads once the usual encodings are undone: where a secret could hide."""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_plus

__all__ = ["views"]

#: Layers of encoding that are looked through.
_LAYERS: Final = 3
_MAX_TOKEN: Final = 4000
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{6,}")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){4,}")
_ESCAPE: Final = re.compile(r"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})")


def views(text: str, layers: int = _LAYERS) -> Iterator[str]:
    """A text as it stands, and as it reads once each usual encoding is undone.

    Args:
        text: What may be encoded.
        layers: So many encodings may lie one in the other.
    """
    text = text[:_MAX_TOKEN]
    yield text
    if not layers:
        return
    for other in {*_unescaped(text), *_decoded(text)} - {text}:
        yield from views(other, layers - 1)


def _unescaped(text: str) -> Iterator[str]:
    yield unquote_plus(text, errors="replace")
    yield html.unescape(text)
    yield _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), text)


def _decoded(text: str) -> Iterator[str]:
    for found in _HEX.finditer(text):
        yield bytes.fromhex(found[0]).decode("utf-8", "replace")
    for found in _BASE64.finditer(text):
        run = found[0].replace("-", "+").replace("_", "/")
        # It may be glued to what stands before it.
        for offset in range(4):
            yield from _from_base64(run[offset:])


def _from_base64(run: str) -> Iterator[str]:
    whole = run[: len(run) // 4 * 4]
    for piece in (whole, f"{run}{'=' * (-len(run) % 4)}"):
        try:
            yield base64.b64decode(piece, validate=True).decode("utf-8", "ignore")
        except binascii.Error:
            continue
