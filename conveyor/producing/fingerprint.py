"""When two requests are the same, for idempotency keys."""

from __future__ import annotations

import hashlib
import json
from typing import Final

from conveyor.domain.request import ConversionRequest
from conveyor.domain.sources import Source, SourceKind
from conveyor.errors import InvalidRequest
from conveyor.producing.local_files import local_file

__all__ = ["fingerprint_of"]


# Whoever changes what is hashed raises it: see `conveyor.ledger.ledger.is_another`.
_VERSION: Final = "1"


def fingerprint_of(request: ConversionRequest) -> str:
    """A hash of a request's sources, formats and parameters.

    How long its submit waits is no part of it: a repeat that waits longer is the same conversion.

    Args:
        request: Before its local files are staged, since each staging makes a place of its own.

    Returns:
        The version of this way to make it, and a hash; equal for equal requests.

    Raises:
        InvalidRequest: A local file can't be read.
    """
    asked = {
        "files": {key: _identity(source) for key, source in request.attachments.items()},
        "from": request.from_format,
        "to": request.to_format,
        "params": dict(request.params),
    }
    return f"{_VERSION}:{hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()}"


def _identity(source: Source) -> list[str]:
    if source.sha256:
        # As the local file that it was, or might have been.
        return [SourceKind.LOCAL.value, source.name, source.sha256]
    if source.kind is not SourceKind.LOCAL:
        return [source.kind.value, source.value]
    path = local_file(source.value)
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InvalidRequest(
            f"Can't read {path}: {error.strerror}. Check the path and its permissions."
        ) from None
    return [source.kind.value, source.name, digest]
