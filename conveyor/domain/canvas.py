"""The caller's canvas: what Celery was asked to do after the conversion.

The entry task ends long before the conversion does. So the caller's callbacks, chain, chord and
group are kept in the ledger, and ``deliver`` is sent under the caller's task id with them: to the
caller the conversion is one ordinary task.

Whether the caller ignores the result is not kept: in a chain that goes on in a worker the setting
can't be told from that of ``submit``, which has no result of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

__all__ = ["Caller"]


@dataclass(frozen=True, slots=True)
class Caller:
    """What Celery runs after the conversion. The fields are those of Celery's task messages.

    Attributes:
        callbacks: Signatures to run with the result (``link``).
        errbacks: Signatures to run when it failed (``link_error``).
        chain: The rest of the chain, last first.
        chord: The chord's body, when the conversion is part of its header.
        group: The id of the group it is part of.
        group_index: Its place there.
        root_id: The first task of the workflow.
        parent_id: The task that called it.
        reply_to: Where a direct reply goes, for result back ends that have such.
    """

    callbacks: list[Any] | None = None
    errbacks: list[Any] | None = None
    chain: list[Any] | None = None
    chord: dict[str, Any] | None = None
    group: str | None = None
    group_index: int | None = None
    root_id: str | None = None
    parent_id: str | None = None
    reply_to: str | None = None

    @classmethod
    def of(cls, request: Any) -> Self:
        """Capture a running task's caller.

        Args:
            request: The task's ``self.request``.

        Returns:
            Its canvas.
        """
        return cls(
            callbacks=request.callbacks,
            errbacks=request.errbacks,
            chain=request.chain,
            chord=request.chord,
            group=request.group,
            group_index=request.group_index,
            root_id=request.root_id,
            parent_id=request.parent_id,
            reply_to=request.reply_to,
        )

    @property
    def is_called_back(self) -> bool:
        """Whether Celery would do something when a task of this caller ends."""
        return bool(self.callbacks or self.errbacks or self.chain or self.chord)

    def without_chord(self) -> Self:
        """For a replay: the chord has counted this part as failed and ended."""
        return replace(self, chord=None, group=None, group_index=None)

    def options(self) -> dict[str, Any]:
        """Return a task message's fields, by the names of Celery's ``AMQP.as_task_v2``."""
        return {
            "callbacks": self.callbacks,
            "errbacks": self.errbacks,
            "chain": self.chain,
            "chord": self.chord,
            "group_id": self.group,
            "group_index": self.group_index,
            "root_id": self.root_id,
            "parent_id": self.parent_id,
            "reply_to": self.reply_to,
        }

    @property
    def signatures(self) -> list[Any]:
        """All that Celery would send when the task ends."""
        chord = [] if self.chord is None else [self.chord]
        return [*(self.callbacks or []), *(self.errbacks or []), *(self.chain or []), *chord]
