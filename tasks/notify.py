"""`conveyor.notify`: tell receivers what has become of their conversions."""

from __future__ import annotations

from typing import Any

from celery.exceptions import Ignore

from conveyor import names
from workers.app import app
from workers.base import ConversionTask


# Acknowledged late, as all: a repeat claims what is due, and that may be nothing.
# No result: nobody waits for it. No events: it is a bell, and no conversion is under way in it.
@app.task(bind=True, shared=False, name=names.NOTIFY, ignore_result=True, send_events=False)
def notify(self: ConversionTask, *, at: float = 0.0, **_later: Any) -> None:
    """Have notices that are due sent by threads of their own, and leave at once.

    Args:
        self: The task.
        at: When the bell was to come, by Redis' clock.
        _later: What a later release asks beside it, which is passed over.

    Raises:
        Ignore: No thread is free. Those at work take what is due, and the sweep rings for others.
    """
    if not self.services.notifier.begin(at):
        raise Ignore
