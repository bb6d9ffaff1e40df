"""`conveyor.checkup`: what `conveyor doctor` asks a worker, which alone holds the API secret."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from conveyor import names
from conveyor.errors import InvalidRequest, StorageError
from conveyor.protocol import ApiError, ConvertApi, Refused
from conveyor.storage import Storage
from workers.app import app
from workers.base import ConversionTask


# Nothing is lost with it: the doctor asks again.
@app.task(bind=True, shared=False, name=names.CHECKUP, acks_late=False)
def checkup(self: ConversionTask, probe: str | None = None) -> dict[str, Any]:
    """Check from here what a worker needs: its storage, and the API with its credentials.

    Args:
        self: The task.
        probe: The URI of a file that the doctor has just written to its storage.

    Returns:
        ``{"node": …, "checks": [{"name", "ok", "detail"}]}``; no secret is in it.
    """
    engine = self.engine
    return {
        "node": self.request.hostname,
        "checks": [
            _check("storage", partial(_check_storage, engine.storage, probe)),
            _check("api", partial(_check_api, engine.api)),
        ],
    }


def _check(name: str, look: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"name": name, "ok": True, "detail": look()}
    except (StorageError, InvalidRequest, ApiError) as error:
        return {"name": name, "ok": False, "detail": _explain(error)}


def _check_storage(storage: Storage, probe: str | None) -> str:
    storage.check()
    if probe is None:
        return "a file was written, read and removed"
    with storage.open_source(probe) as stream:
        stream.read()
    return "a file was written and removed, and one of yours was read"


def _check_api(api: ConvertApi) -> str:
    account = api.user()
    left = account.conversions_total - account.conversions_consumed
    return f"the account is {'active' if account.active else 'not active'}, {left} conversions left"


def _explain(error: Exception) -> str:
    if isinstance(error, Refused):
        return f"{error}: check CONVEYOR_API_SECRET"
    if isinstance(error, InvalidRequest):
        return (
            "the worker can't read what is stored here: give both the same CONVEYOR_STORAGE_URL, "
            "one that both can reach"
        )
    if isinstance(error, ApiError):
        return f"{error}: check CONVEYOR_API_URL and the network"
    return str(error)
