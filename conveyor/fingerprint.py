"""What makes two requests the same: for idempotency keys."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from conveyor.errors import InvalidRequest
from conveyor.request import ConversionRequest
from conveyor.sources import Source, SourceKind

__all__ = ["fingerprint_of"]


def fingerprint_of(request: ConversionRequest) -> str:
    """A hash of everything that a request asks for.

    Args:
        request: Before its local files are staged, since each staging makes a place of its own.

    Returns:
        Hexadecimal; equal for equal requests.

    Raises:
        InvalidRequest: A local file can't be read.
    """
    asked = {**request.to_dict(), "sources": [_identity(source) for source in request.sources]}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _identity(source: Source) -> list[str]:
    if source.sha256:
        # As the local file that it was, or might have been.
        return [SourceKind.LOCAL.value, source.name, source.sha256]
    if source.kind is not SourceKind.LOCAL:
        return [source.kind.value, source.value]
    try:
        with Path(source.value).expanduser().open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InvalidRequest(f"Can't read {source.value}: {error.strerror}.") from None
    return [source.kind.value, source.name, digest]
