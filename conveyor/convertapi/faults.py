"""What goes wrong on the way, turned into our errors, once: no bytes make anything else raise."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from traceback import extract_tb
from typing import Final

import requests
import urllib3

from conveyor.convertapi.errors import ApiError, Unclear, Unreachable
from conveyor.convertapi.exchange import Exchange
from conveyor.errors import ConveyorError

__all__ = ["translated", "where_of"]

log = logging.getLogger("conveyor.convertapi")

# What goes wrong on a road. Anything else is a mistake of ours, and is logged.
_OF_THE_ROAD: Final = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    HTTPException,
    OSError,
)


def where_of(error: BaseException) -> str:
    """Where an error was raised, for a log: neither its text nor any value, which may be secret."""
    frames = extract_tb(error.__traceback__)
    return f"{frames[-1].name}:{frames[-1].lineno}" if frames else ""


@contextmanager
def translated(exchange: Exchange) -> Iterator[None]:
    """Turn whatever goes wrong into one of our errors, and an end that the deadline made too."""
    try:
        yield
    except (ApiError, ConveyorError):
        raise
    except Exception as error:  # noqa: BLE001 - no bytes may raise anything else through us
        raise _error_of(error, exchange) from None
    if exchange.is_late:
        raise exchange.deadline.overdue()


def _error_of(error: Exception, exchange: Exchange) -> ApiError:
    if not isinstance(error, _OF_THE_ROAD):
        log.error("unexpected_error kind=%s where=%s", type(error).__name__, where_of(error))
    if not exchange.is_connected:
        return Unreachable(_why_unreachable(error))
    # No read waits longer than the deadline, so it may end before the watchdog is on its feet.
    if exchange.is_late or exchange.deadline.is_over:
        return exchange.deadline.overdue()
    if isinstance(error, requests.Timeout | urllib3.exceptions.ReadTimeoutError):
        return Unclear("no answer in time (CONVEYOR_READ_TIMEOUT_SECONDS)")
    if isinstance(error, requests.ConnectionError):
        return Unclear("the connection was lost", closed_at_once=exchange.was_closed_at_once())
    return Unclear("the answer was cut or malformed")


def _why_unreachable(error: Exception) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return "the service's certificate can't be verified"
        return "no encrypted connection"
    if isinstance(error, requests.exceptions.ProxyError):
        return "no connection through the proxy (CONVEYOR_API_PROXY)"
    if isinstance(error, requests.Timeout):
        return "no connection in time"
    return "no connection"
