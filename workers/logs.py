"""Structured logs: constant event names, what varies is a field, the conversion's id among them."""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

import structlog
from celery import signals

__all__ = ["install", "set_up"]

# These put whole URLs into their lines, and a URL may hold a job id (invariant I5).
_TALKATIVE: Final = ("urllib3", "requests", "fsspec", "s3fs", "botocore")
# Celery tells of every message; what matters is told by the tasks themselves.
_CHATTY: Final = ("celery.worker.strategy", "celery.app.trace")


def install(level: str, form: str) -> None:
    """Have Celery and the tasks log through one formatter to standard error.

    Args:
        level: The least level.
        form: ``json`` or ``console``.
    """
    _configure(level)

    def set_up_root(**_: Any) -> None:
        """Set up the root logger in Celery's place."""
        _set_up_root(level, form)

    # A receiver of this signal keeps Celery from setting up logs of its own.
    signals.setup_logging.connect(set_up_root, weak=False)


def set_up(level: str, form: str) -> None:
    """Set up the logs, for a process that is not a worker.

    Args:
        level: The least level.
        form: ``json`` or ``console``.
    """
    _configure(level)
    _set_up_root(level, form)


def _configure(level: str) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _set_up_root(level: str, form: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(form))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _formatter(form: str) -> logging.Formatter:
    last: list[Any]
    if form == "json":
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # Not the prettier ones: they show local variables, and a local may be a secret.
        plain = structlog.dev.plain_traceback
        last = [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
        ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
