"""The sandbox's log: events with their fields, through Python's own logging.

A sandbox in a thread of your test says nothing unless the test sets up `logging`. Its logger is
structlog's, with processors of its own, so it neither needs nor changes what your process has
configured.
"""

from __future__ import annotations

import logging
import sys
from typing import Final

import structlog

__all__ = ["log", "set_up"]

_NAME: Final = "convertapi_sandbox"

log: Final[structlog.stdlib.BoundLogger] = structlog.wrap_logger(
    logging.getLogger(_NAME),
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Not a prettier traceback: they show local variables, and a local may be a secret.
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ],
    wrapper_class=structlog.stdlib.BoundLogger,
)
"""Where the sandbox's modules log."""


def set_up(*, verbose: bool) -> None:
    """Log to standard error, for a process that is a sandbox and nothing else.

    Args:
        verbose: Whether the end of each conversion is logged too, and not only what went wrong.
    """
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
