"""`requests`' adapter over our pools of connections.

`requests` serves every kind of caller. Here a request is sent once, follows nothing, and was
prepared by us. So a direct request skips what `requests` does for others: parsing, cookies, the
look for a proxy. Pools, TLS, proxies, bodies and their encodings stay theirs.
"""

from __future__ import annotations

from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter

from conveyor.convertapi.origins import Origin
from conveyor.convertapi.pools import Pool, TlsPool
from conveyor.convertapi.prepared import Request

__all__ = ["Adapter"]

_MOST_POOLS: Final = 16
_POOLS: Final = {"http": Pool, "https": TlsPool}


class Adapter(HTTPAdapter):
    """`requests`' adapter over these connections, which sends a `Request`.

    Args:
        pool_size: Connections kept open to each host.
        proxy: An http proxy to go through, empty for none.
    """

    def __init__(self, pool_size: int, proxy: str = "") -> None:
        super().__init__(pool_maxsize=pool_size)
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._pools: dict[Origin, Any] = {}

    def send(  # type: ignore[override]  # our requests are no `requests.PreparedRequest`
        self, request: Request, **options: Any
    ) -> requests.Response:
        """Send a request, and read its answer's head.

        Args:
            request: The request.
            options: ``timeout``, as `requests` takes it.
        """
        return super().send(request, stream=True, proxies=self._proxies, **options)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._pools.clear()
        super().close()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = dict(_POOLS)

    def proxy_manager_for(self, proxy: Any, **options: Any) -> Any:
        """Make the pools of connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = dict(_POOLS)
        return manager

    def get_connection_with_tls_context(  # type: ignore[override] # it takes what `send` is given
        self, request: Request, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Find the connections to a host, and have them verify it."""
        pool = self._pools.get(request.origin)
        if pool is None:
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            super().cert_verify(pool, request.url, verify, cert)
            if len(self._pools) >= _MOST_POOLS:
                self._pools.clear()
            self._pools[request.origin] = pool
        return pool

    def cert_verify(self, *args: Any, **options: Any) -> None:
        """Do nothing: how to verify was set when the connections were made."""

    def request_url(self, request: Request, proxies: Any) -> str:  # type: ignore[override] # the same
        """The request target: the whole URL for a proxy, otherwise the path."""
        return super().request_url(request, proxies) if proxies else request.target

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Wrap an answer. Unlike `requests` this reads no cookies, and so none that are malformed.

        Args:
            req: The request.
            resp: urllib3's answer.
        """
        response = _Response()
        response.status_code = resp.status
        response.headers = resp.headers
        response.raw = resp
        response.request = req
        return response


class _Response(requests.Response):
    """An answer without a jar for cookies."""

    def __init__(self) -> None:
        self._content_consumed = False
