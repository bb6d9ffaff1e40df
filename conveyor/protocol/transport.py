"""HTTP through ``requests``: pooled, bounded in time and size, errors translated once.

``requests``' read time-out bounds each read, not the whole answer: an answer that dribbles would
hold a slot for as long as it likes. Here a deadline bounds the whole.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from enum import StrEnum
from http.cookiejar import DefaultCookiePolicy
from typing import IO, Any, Final
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from conveyor.protocol.errors import Unclear, Unreachable

__all__ = ["Answer", "Auth", "Timeouts", "Transport"]

_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
_OK: Final = 200
_MAX_REDIRECTS: Final = 3


class Auth(StrEnum):
    """Where the secret goes. The query form leaks into logs on the way; it is for old proxies."""

    HEADER = "header"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds in seconds.

    Attributes:
        connect: To make a connection.
        read: Between two reads. Above 5 s plus what the service may hold a second poll for.
        total: For a whole answer, dribbled or not.
        transfer: For a whole upload or download.
    """

    connect: float = 5.0
    read: float = 15.0
    total: float = 30.0
    transfer: float = 900.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer.

    Attributes:
        status: The HTTP status.
        content_type: Without parameters, in lower case.
        file_name: From Content-Disposition, empty where there is none.
        body: At most 64 MiB.
    """

    status: int
    content_type: str
    file_name: str
    body: bytes

    def json(self) -> dict[str, Any] | None:
        """The body as a JSON object, None where it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


class Transport:
    """One account's connections to one host of the service; safe for threads.

    Args:
        base_url: ``https://v2.convertapi.com`` or another of its hosts.
        secret: The account's secret or token.
        auth: Where it goes.
        timeouts: The bounds.
        pool_size: Connections kept open; as many as there are threads.
        proxy: An http proxy to go through, empty for none.
    """

    def __init__(
        self,
        base_url: str,
        secret: str,
        *,
        auth: Auth = Auth.HEADER,
        timeouts: Timeouts = Timeouts(),
        pool_size: int = 10,
        proxy: str = "",
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._secret = secret
        self._auth = auth
        self._timeouts = timeouts
        self._session = _session(pool_size, proxy)

    def call(
        self,
        method: str,
        path: str,
        *,
        base_url: str = "",
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        with_secret: bool = True,
        wait_s: float = 0,
    ) -> Answer:
        """Make one request and read its whole answer.

        Args:
            method: GET, POST or DELETE.
            path: On the host.
            base_url: Another host than the configured one: a job lives where it was started.
            query: The query.
            form: The fields of a form.
            with_secret: Whether the request needs credentials; polls do not.
            wait_s: Seconds to wait for the answer, where it may take longer than usual.

        Returns:
            The answer, whatever its status.

        Raises:
            Unreachable: No connection: nothing was sent.
            Unclear: No whole answer came back.
        """
        headers, query = self._credentials(query or {}) if with_secret else ({}, dict(query or {}))
        with _translated():
            response = self._session.request(
                method,
                (base_url or self.base_url) + path,
                params=query,
                data=form,
                headers={"Accept": "application/json", **headers},
                timeout=(self._timeouts.connect, wait_s or self._timeouts.read),
                allow_redirects=False,
                stream=True,
            )
            with response:
                return _read(response, self._timeouts.total)

    def upload(self, path: str, stream: IO[bytes], disposition: str) -> Answer:
        """Stream a body to the service, never whole in memory.

        Args:
            path: On the host.
            stream: The content, with a known end.
            disposition: The Content-Disposition that tells its name.

        Returns:
            The answer, whatever its status.

        Raises:
            Unreachable: No connection.
            Unclear: No whole answer came back.
        """
        headers, query = self._credentials({})
        with _translated():
            response = self._session.post(
                self.base_url + path,
                params=query,
                data=stream,
                headers={
                    "Accept": "application/json",
                    "Content-Disposition": disposition,
                    "Content-Type": "application/octet-stream",
                    **headers,
                },
                timeout=(self._timeouts.connect, max(self._timeouts.read, 60.0)),
                allow_redirects=False,
                stream=True,
            )
            with response:
                return _read(response, self._timeouts.total)

    @contextmanager
    def download(self, url: str) -> Iterator[Iterator[bytes]]:
        """Open a result file. No credentials are sent: its URL opens it.

        Redirects are followed by hand, so that none leads away from the service's hosts.

        Args:
            url: As the service gave it.

        Yields:
            The content, piece by piece.

        Raises:
            Unreachable: No connection.
            Unclear: Not a whole file, or no file at all.
        """
        with _translated():
            response = self._follow(url)
        with response:
            yield _chunks(response, self._timeouts.transfer)

    def _follow(self, url: str) -> requests.Response:
        for _ in range(_MAX_REDIRECTS):
            if not self._is_service(url):
                raise Unclear("the result lies on a host that is not ConvertAPI's")
            response = self._session.get(
                url,
                timeout=(self._timeouts.connect, self._timeouts.read),
                allow_redirects=False,
                stream=True,
            )
            if response.is_redirect:
                url = _joined(url, response.headers["Location"])
                response.close()
                continue
            if response.status_code != _OK:
                response.close()
                raise Unclear(f"the download was answered with HTTP {response.status_code}")
            return response
        raise Unclear("the download was redirected too often")

    def _is_service(self, url: str) -> bool:
        try:
            parts, ours = urlsplit(url), urlsplit(self.base_url)
        except ValueError:
            return False
        if parts.netloc == ours.netloc:
            return parts.scheme in ("http", "https")
        host = parts.hostname or ""
        return parts.scheme == "https" and host.endswith(".convertapi.com")

    def _credentials(self, query: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        if self._auth is Auth.HEADER:
            return {"Authorization": f"Bearer {self._secret}"}, dict(query)
        return {}, {**query, "Secret": self._secret}


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return ""


def _session(pool_size: int, proxy: str) -> requests.Session:
    session = requests.Session()
    # Credentials from ~/.netrc don't belong in these requests, and the environment is read by the
    # settings alone; `requests` would look both up anew for every request.
    session.trust_env = False
    if proxy:
        session.proxies = {"http": proxy, "https": proxy}
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=pool_size, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _read(response: requests.Response, total_s: float) -> Answer:
    body = b"".join(_chunks(response, total_s, _MAX_ANSWER_BYTES))
    content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    disposition = response.headers.get("Content-Disposition", "")
    return Answer(response.status_code, content_type, _file_name(disposition), body)


def _chunks(
    response: requests.Response, total_s: float, max_bytes: int | None = None
) -> Iterator[bytes]:
    """Read what has come, as it comes, until the end or the deadline."""
    deadline = time.monotonic() + total_s
    size = 0
    with _translated():
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            yield chunk
            size += len(chunk)
            if max_bytes is not None and size > max_bytes:
                raise Unclear("the answer was larger than an answer can be")
            if time.monotonic() > deadline:
                raise Unclear(f"the answer was not whole after {total_s:.0f} s")


def _file_name(disposition: str) -> str:
    """The name in a Content-Disposition (RFC 6266)."""
    if not disposition:
        return ""
    message = Message()
    message["Content-Disposition"] = disposition
    return message.get_filename("") or ""


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except requests.exceptions.SSLError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise Unreachable("the service's certificate can't be verified") from None
        raise Unclear("the encrypted connection broke") from None
    except requests.ConnectTimeout:
        raise Unreachable("no connection in time") from None
    except requests.ConnectionError as error:
        if _never_connected(error):
            raise Unreachable("no connection") from None
        raise Unclear("the connection was lost") from None
    except requests.Timeout:
        raise Unclear("no answer in time") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError):
        # ValueError: requests reads the address of a redirect even where it does not follow it.
        raise Unclear("the answer was cut or malformed") from None


def _never_connected(error: requests.ConnectionError) -> bool:
    """Whether the error says that nothing was sent: refused, or an unknown host."""
    cause: Any = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(
        reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.NameResolutionError
    )
