"""What a notice says: thin JSON, whose form has a version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from conveyor.domain.conversion import Failure
from conveyor.domain.notice import Notice

__all__ = ["VERSION", "body_of", "payload_of"]

VERSION: Final = 1
"""The version of the form. A later one may add fields to it: pass over what you don't know."""

_MOST_FILES: Final = 100


def payload_of(notice: Notice) -> dict[str, Any]:
    """What a receiver reads.

    Args:
        notice: The event.

    Returns:
        ``type``, ``timestamp``, ``version`` and ``data``. It holds no address of a document, no
        secret and no job id.
    """
    files = [{"name": file.name, "size": file.size} for file in notice.files[:_MOST_FILES]]
    return {
        "type": notice.type,
        "timestamp": _iso(notice.at),
        "version": VERSION,
        "data": {
            "id": notice.conversion_id,
            "sequence": notice.number,
            "state": notice.state.value,
            "source_name": notice.name,
            "metadata": notice.metadata,
            "files": files,
            "file_count": len(notice.files),
            "cost": notice.cost,
            "failure": notice.failure and _failure(notice.failure),
        },
    }


def body_of(payload: Mapping[str, Any]) -> bytes:
    """The bytes that are signed and sent: the same in each try.

    Args:
        payload: From `payload_of`.
    """
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace")


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "kind": failure.kind.value,
        "reason": failure.reason.value,
        "sentence": failure.sentence(),
        "advice": failure.advice(),
        "remedies": [remedy.value for remedy in failure.remedies],
    }


def _iso(at: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
