"""A channel to check the broker: bounded in time, with Conveyor's own errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from celery import Celery

from conveyor.domain.redaction import redact_server_url
from conveyor.errors import BrokerUnavailable
from conveyor.ledger.causes import explain

__all__ = ["address_of_broker", "broker_channel"]

# Tried twice, it must be told within ten seconds.
_PATIENCE: Final = {"socket_timeout": 3, "socket_connect_timeout": 3}


def address_of_broker(app: Celery) -> str:
    """The broker's address of an app, without credentials."""
    return redact_server_url(str(app.conf.broker_write_url or app.conf.broker_url))


@contextmanager
def broker_channel(app: Celery) -> Iterator[Any]:
    """Open a new channel to the broker.

    Args:
        app: Whose broker.

    Yields:
        The channel. Of a Redis it has a ``client``.

    Raises:
        BrokerUnavailable: It can't be used; the message says why.
    """
    try:
        with app.connection_for_write(transport_options=_PATIENCE) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)
            yield connection.default_channel
    except Exception as error:
        raise BrokerUnavailable(
            explain(f"The broker at {address_of_broker(app)}", error, "CONVEYOR_BROKER_URL")
        ) from error
