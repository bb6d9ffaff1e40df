"""One exchange over HTTP, bounded in time and size as a whole. No bytes of an answer raise here.

Each goes over a connection of its own: nothing is sent twice because a kept one was stale, and one
that hangs is left behind with its thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Final

import requests
from requests.adapters import HTTPAdapter

from conveyor.live.answers import Answer, Reply, Silence
from conveyor.live.hosts import is_accepted

__all__ = ["Request", "Wire"]

_CONNECT_S: Final = 10.0
_CHUNK_BYTES: Final = 64 * 1024
_MAX_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Request:
    """What goes out.

    Attributes:
        method: The HTTP method.
        url: Without a query.
        query: The query.
        headers: The headers.
        form: The fields of a form.
        content: A raw body.
    """

    method: str
    url: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    form: Mapping[str, str] | None = None
    content: bytes | None = None


class Wire:
    """The way to the service. Safe for threads.

    Args:
        exchange_s: Seconds for a whole exchange, however it dribbles.
        proxy: An http proxy to go through, empty for none.
    """

    def __init__(self, exchange_s: float, proxy: str = "") -> None:
        self._exchange_s = exchange_s
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}

    def send(self, request: Request) -> Reply:
        """Make one exchange. Redirects are answers like any other.

        Args:
            request: To an address that may be asked.

        Returns:
            The whole answer, or why there is none.

        Raises:
            ValueError: The address may not be asked.
        """
        if not is_accepted(request.url):
            raise ValueError("only ConvertAPI's hosts and this machine are asked")
        outcome = _begin(lambda: self._exchange(request))
        try:
            return outcome.result(self._exchange_s)
        except TimeoutError:
            return Silence(f"no whole answer within {self._exchange_s:g} s")

    def _exchange(self, request: Request) -> Reply:
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0)
        try:
            return self._answer(adapter, request)
        except Exception as error:  # noqa: BLE001 - no bytes raise here
            return Silence(_reason(error))
        finally:
            adapter.close()

    def _answer(self, adapter: HTTPAdapter, request: Request) -> Answer:
        begun = time.monotonic()
        response = adapter.send(
            _prepared(request),
            stream=True,
            timeout=(_CONNECT_S, self._exchange_s),
            proxies=self._proxies,
        )
        body = b"".join(_chunks(response, begun + self._exchange_s))
        headers = {name.lower(): text for name, text in response.headers.items()}
        return Answer(response.status_code, headers, body, time.monotonic() - begun)


class _TooMuchError(Exception):
    """The answer goes beyond its bounds."""


def _prepared(request: Request) -> requests.PreparedRequest:
    # Not by a session: it would read the environment, keep cookies, and follow where it is led.
    return requests.Request(
        request.method,
        request.url,
        params=dict(request.query),
        headers={"Accept": "application/json", "Connection": "close", **request.headers},
        data=request.content if request.form is None else dict(request.form),
    ).prepare()


def _chunks(response: requests.Response, deadline: float) -> Iterator[bytes]:
    size = 0
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        yield chunk
        size += len(chunk)
        if size > _MAX_BYTES:
            raise _TooMuchError("the answer was larger than any answer of ConvertAPI")
        if time.monotonic() > deadline:
            raise _TooMuchError("the answer was not whole in time")


def _reason(error: Exception) -> str:
    """Why there is no answer; an error's own text may hold an address, and so a job id."""
    match error:
        case requests.exceptions.SSLError():
            return "no encrypted connection, or a certificate that can't be verified"
        case requests.ConnectTimeout():
            return "no connection in time"
        case requests.ConnectionError():
            return "no connection, or it closed without an answer"
        case requests.Timeout():
            return "no answer in time"
        case _TooMuchError():
            return str(error)
        case _:
            return "the answer was cut or malformed"


def _begin(work: Callable[[], Reply]) -> Future[Reply]:
    """Work in a thread that holds up neither us nor the process's end."""
    outcome: Future[Reply] = Future()

    def run() -> None:
        """Do the work, and set what came of it."""
        try:
            outcome.set_result(work())
        except Exception:  # noqa: BLE001 - its text may hold a secret
            outcome.set_result(Silence("the request could not be made"))

    Thread(target=run, daemon=True).start()
    return outcome
