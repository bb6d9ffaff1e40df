"""`conveyor.checkup`: what `conveyor doctor` asks a worker, which alone holds the API secret."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from conveyor import names
from conveyor.errors import ConveyorError, InvalidRequest
from conveyor.protocol import ApiError, ComeLater, Refused
from conveyor.storage import Storage
from workers.app import app
from workers.base import ConversionTask
from workers.checks import Finding, look_at_api, look_at_clock, look_at_host


# Nothing is lost with it: the doctor asks again.
@app.task(bind=True, shared=False, name=names.CHECKUP, acks_late=False)
def checkup(self: ConversionTask, probe: str | None = None) -> dict[str, Any]:
    """Check from here what a worker needs: its storage, the API with its credentials, its clock.

    Args:
        self: The task.
        probe: The URI of a file that the doctor has just written to its storage.

    Returns:
        ``{"node": …, "checks": [{"name", "ok", "detail", "warning"}]}``; no secret is in it.
    """
    engine = self.engine
    return {
        "node": self.request.hostname,
        "checks": [
            _check("storage", partial(_look_at_storage, engine.storage, probe)),
            _check("api", partial(look_at_api, engine.api, engine.settings)),
            _check("host", partial(look_at_host, engine.settings.api_url)),
            _check("clock", partial(look_at_clock, engine.settings)),
        ],
    }


def _check(name: str, look: Callable[[], Finding]) -> dict[str, Any]:
    try:
        found = look()
    except (ConveyorError, ApiError) as error:
        return {"name": name, "ok": False, "detail": _explain(error), "warning": False}
    return {"name": name, "ok": True, "detail": found.detail, "warning": found.warning}


def _look_at_storage(storage: Storage, probe: str | None) -> Finding:
    storage.check()
    if probe is None:
        return Finding("a file was written, read and removed")
    with storage.open_source(probe) as stream:
        stream.read()
    return Finding("a file was written and removed, and one of yours was read")


def _explain(error: Exception) -> str:
    if isinstance(error, Refused):
        return f"{error}: check CONVEYOR_API_SECRET"
    if isinstance(error, InvalidRequest):
        return (
            "the worker can't read what is stored here: give both the same CONVEYOR_STORAGE_URL, "
            "one that both can reach"
        )
    if isinstance(error, ComeLater):
        return f"{error}: ask again later"
    if isinstance(error, ApiError):
        return f"{error}: check CONVEYOR_API_URL and the network"
    return str(error)
