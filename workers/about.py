"""What a worker says of itself over Celery's remote control, however busy its pool is.

`conveyor status` asks for it, and `conveyor doctor` where no worker has answered its question:
whether one is alive, what all its slots are busy with, and whether its storage hangs. The answer
comes from the main process, which does nothing else meanwhile, so it is bounded.
"""

from __future__ import annotations

import time
from typing import Any, Final

from celery.worker import state as worker_state
from celery.worker.control import inspect_command

from conveyor import __version__
from conveyor.diagnosis.checks import Part, check_all
from conveyor.diagnosis.roll_call import ABOUT
from workers.wiring import wired

__all__ = ["about"]

_MOST_S: Final = 1.0


def _use_storage() -> str:
    wired().storage.check()
    return "it can be used"


def _identify() -> str:
    return wired().ledger.identity()


# Asked again while one still hangs, it is not asked by a second thread.
_parts: Final = (Part("storage", _use_storage), Part("ledger", _identify))


@inspect_command(name=ABOUT)  # type: ignore[untyped-decorator] # Celery ships no types
def about(state: Any) -> dict[str, Any]:  # noqa: ARG001 - Celery hands it in
    """What it is, and what it does now.

    Returns:
        ``release``, the one it runs, ``slots``, ``running`` with ``task`` and ``seconds`` of each,
        ``storage`` with ``ok`` and ``detail``, and ``ledger``, the ledger's identity. No secret is
        in it.
    """
    storage, ledger = check_all(_parts, _MOST_S)
    return {
        "release": __version__,
        "slots": wired().settings.concurrency,
        "running": [
            {"task": request.name, "seconds": _seconds_of(request)}
            for request in list(worker_state.active_requests)
        ],
        "storage": {"ok": storage.ok, "detail": storage.detail},
        "ledger": ledger.detail if ledger.ok else "",
    }


def _seconds_of(request: Any) -> float:
    """How long a task has run, by this host's clock, by which Celery dates its start."""
    return max(time.time() - request.time_start, 0.0) if request.time_start else 0.0
