"""`conveyor.checkup`: what `conveyor doctor` asks a worker, which alone holds the API secret."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conveyor import names
from conveyor.errors import StorageError
from conveyor.protocol import ApiError, ConvertApi, Refused
from workers.app import app
from workers.base import ConversionTask


# Nothing is lost with it: the doctor asks again.
@app.task(bind=True, name=names.CHECKUP, acks_late=False)
def checkup(self: ConversionTask) -> dict[str, Any]:
    """Check from here what a worker needs: its storage, and the API with its credentials.

    Args:
        self: The task.

    Returns:
        ``{"node": …, "checks": [{"name", "ok", "detail"}]}``; no secret is in it.
    """
    engine = self.engine
    return {
        "node": self.request.hostname,
        "checks": [
            _check("storage", lambda: _check_storage(engine.storage.check)),
            _check("api", lambda: _check_api(engine.api)),
        ],
    }


def _check(name: str, look: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"name": name, "ok": True, "detail": look()}
    except (StorageError, ApiError) as error:
        return {"name": name, "ok": False, "detail": _explain(error)}


def _check_storage(check: Callable[[], None]) -> str:
    check()
    return "written, read and removed a file"


def _check_api(api: ConvertApi) -> str:
    account = api.user()
    left = account.conversions_total - account.conversions_consumed
    return f"the account is {'active' if account.active else 'not active'}, {left} conversions left"


def _explain(error: Exception) -> str:
    if isinstance(error, Refused):
        return f"{error}: check CONVEYOR_API_SECRET"
    if isinstance(error, ApiError):
        return f"{error}: check CONVEYOR_API_URL and the network"
    return str(error)
