"""Sample events, for whoever writes a receiver."""

from __future__ import annotations

from typing import Final
from uuid import uuid4

from conveyor.domain.conversion import Failure, FailureKind, Reason, State, StoredFile
from conveyor.domain.notice import Notice

__all__ = ["sample_of"]

_FILE: Final = StoredFile("report.pdf", "", 48_213, "")
_FAILURE: Final = {
    State.FAILED: Failure(FailureKind.INPUT, "", reason=Reason.DAMAGED),
    State.EXPIRED: Failure(FailureKind.EXPIRED, "", reason=Reason.FORGOTTEN),
    State.CANCELLED: Failure(FailureKind.CANCELLED, "", reason=Reason.CANCELLED),
}


def sample_of(state: State, at: float) -> Notice:
    """An event as a real conversion would bring it.

    Args:
        state: The state that it tells of.
        at: When it happened, seconds since the epoch.
    """
    has_files = state is State.SUCCEEDED
    return Notice(
        conversion_id=str(uuid4()),
        number=1,
        id=f"msg_{uuid4().hex}",
        state=state,
        at=at,
        metadata={"sample": True},
        files=(_FILE,) if has_files else (),
        cost=1 if has_files else 0,
        failure=_FAILURE.get(state),
        name="report.docx",
    )
