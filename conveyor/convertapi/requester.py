"""Sends requests, through the gate and within the bounds of their exchange.

Every request passes the gate of `conveyor.convertapi.origins`, and errors are translated once.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urljoin

import requests

from conveyor.convertapi.adapter import Adapter
from conveyor.convertapi.errors import Unclear, WrongHost
from conveyor.convertapi.exchange import CURRENT, Exchange
from conveyor.convertapi.faults import translated
from conveyor.convertapi.origins import Address, Gate
from conveyor.convertapi.prepared import Fields, Request
from conveyor.convertapi.timeouts import Timeouts

__all__ = ["Requester"]

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS: Final = 3


class Requester:
    """Sends requests to the service's hosts alone; safe for threads.

    Args:
        base_url: The configured host.
        timeouts: The bounds.
        adapter: The connections.
    """

    def __init__(self, base_url: str, timeouts: Timeouts, adapter: Adapter) -> None:
        self._base_url = base_url
        self._timeouts = timeouts
        self._adapter = adapter
        self._gate = Gate(base_url)

    def address(self, path: str, base_url: str = "") -> Address:
        """The address of a path on a host.

        Args:
            path: On the host.
            base_url: Another host than the configured one, empty for that one.

        Raises:
            WrongHost: The host is not ConvertAPI's.
        """
        address = self._gate.below(base_url or self._base_url, path)
        if address is not None:
            return address
        if base_url:
            raise WrongHost(
                "the recorded address is neither CONVEYOR_API_URL nor one of ConvertAPI's, so "
                "nothing was sent to it. If that host is yours, set CONVEYOR_API_URL to it"
            )
        raise WrongHost(
            "CONVEYOR_API_URL must be http(s) and a host, without a path. Nothing was sent"
        )

    def send(self, request: Request, exchange: Exchange, read_s: float) -> requests.Response:
        """Send a request, and read its answer's head.

        Args:
            request: The request.
            exchange: Bounds it in time.
            read_s: How long a read may wait, seconds.

        Returns:
            The answer. Its body is still to be read.

        Raises:
            Unreachable: No connection.
            Unclear: No whole head came back.
        """
        left_s = exchange.deadline.left_s
        bounds = (min(self._timeouts.connect, left_s), min(read_s, left_s))
        token = CURRENT.set(exchange)
        try:
            with translated(exchange):
                return self._adapter.send(request, timeout=bounds)
        finally:
            CURRENT.reset(token)

    def follow(self, url: str, fields: Fields, exchange: Exchange) -> requests.Response:
        """Get a file, wherever the service's redirects lead within its hosts.

        Args:
            url: As the service gave it.
            fields: The header.
            exchange: Bounds all of it in time.

        Returns:
            The first answer that leads nowhere else. Its body is still to be read.

        Raises:
            WrongHost: It is not on a host of the service's.
            Unreachable: No connection.
            Unclear: There were too many redirects, or no head came back.
        """
        for _ in range(_MAX_REDIRECTS):
            address = self._gate.read(url)
            if address is None:
                raise WrongHost("the result is on a host that is not ConvertAPI's")
            request = Request("GET", address, {}, fields)
            response = self.send(request, exchange, self._timeouts.read)
            location = response.headers.get("Location", "")
            if response.status_code not in _REDIRECTS or not location:
                return response
            response.close()
            url = _joined(address.url, location)
        raise Unclear("the download was redirected too often")


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return ""
