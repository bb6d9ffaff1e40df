"""Checks of the servers' settings at a process's start: each concern is logged once.

Only unusable settings end the process. A server that is down is checked again until it answers.
"""

from __future__ import annotations

from typing import Final

import structlog
from celery import Celery

from conveyor.diagnosis.checks import begin
from conveyor.diagnosis.standing import Server, fatal_of, look
from conveyor.errors import SettingsError, Unavailable
from conveyor.ledger import Ledger
from conveyor.ledger.refusals import is_for_ever

__all__ = ["AGAIN_S", "log_concerns", "look_at_servers"]

AGAIN_S: Final = 10.0
"""How often a server that is away is looked at again, seconds."""

_START_S: Final = 3.0

log = structlog.get_logger("conveyor.start")


def look_at_servers(ledger: Ledger, app: Celery, timeout_s: float = _START_S) -> list[Server]:
    """Check the servers, and log each concern.

    Args:
        ledger: Where conversions are kept.
        app: Through which messages are sent.
        timeout_s: How long it may take, seconds.

    Returns:
        What was seen; nothing where they can't be reached.

    Raises:
        SettingsError: Nothing can work with them; the message says why.
    """
    try:
        servers = begin(lambda: look(ledger, app)).result(timeout_s)
    except (Unavailable, TimeoutError) as error:  # whoever needs them says so
        if is_for_ever(error):
            raise SettingsError(str(error)) from error
        return []
    fatal = fatal_of(servers)
    if fatal is not None:
        raise SettingsError(fatal)
    return servers


def log_concerns(servers: list[Server]) -> None:
    """Log what can hurt, a line for each.

    Args:
        servers: From `look_at_servers`.
    """
    for server in servers:
        for concern in server.standing.concerns:
            log.warning(
                "server_concern", server=server.name, about=concern.about, reason=concern.detail
            )
