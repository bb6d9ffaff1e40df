"""`conveyor.checkup`: what `conveyor doctor` asks a worker, which alone holds the API secret."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Final

from conveyor import names
from conveyor.errors import LedgerUnavailable
from workers.app import app
from workers.base import ConversionTask
from workers.checks import checkup_of

# Within the time that the doctor waits: one part that hangs must not keep what others have found.
_MOST_S: Final = 4.5


# Nothing is lost with it: the doctor asks again.
@app.task(bind=True, shared=False, name=names.CHECKUP, acks_late=False)
def checkup(self: ConversionTask, probe: str | None = None, **_later: Any) -> dict[str, Any]:
    """Check from here what a worker needs: its storage, the API with its credentials, its clock.

    The answer goes two ways: as the task's result, and through Redis.

    Args:
        self: The task.
        probe: The URI of a file that the doctor has just written to its storage.
        _later: What the doctor of a later release asks beside it, which is not answered.

    Returns:
        ``{"node": …, "ledger": …, "checks": [{"name", "ok", "detail", "warning"}]}``. No secret is
        in it.
    """
    services = self.services
    checks = checkup_of(services).examine(probe, _MOST_S)
    report = {
        "node": self.request.hostname,
        "ledger": "",
        "checks": [
            {"name": it.name, "ok": it.ok, "detail": it.detail, "warning": it.warning}
            for it in checks
        ],
    }
    # Where Redis is away that is among the checks, and the result may come all the same.
    with suppress(LedgerUnavailable):
        report["ledger"] = services.ledger.identity()
        services.ledger.reports.put(self.request.id, json.dumps(report))
    return report
