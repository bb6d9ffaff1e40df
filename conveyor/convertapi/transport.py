"""HTTP through ``requests``' adapter: pooled, bounded in time and size, errors translated once.

Every request passes the gate of `conveyor.convertapi.origins`. Every exchange, head and trailers
included, is bounded by a deadline of `conveyor.convertapi.deadline`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from typing import IO, Final
from urllib.parse import urlencode, urljoin

import requests

from conveyor.convertapi.adapter import Adapter
from conveyor.convertapi.answer import Answer
from conveyor.convertapi.bodies import Download, begin_file, read_answer
from conveyor.convertapi.credentials import Credentials
from conveyor.convertapi.deadline import Deadline
from conveyor.convertapi.errors import Unclear, Unreachable, WrongHost
from conveyor.convertapi.exchange import CURRENT, Exchange
from conveyor.convertapi.faults import translated, where_of
from conveyor.convertapi.origins import Address, Gate
from conveyor.convertapi.prepared import Fields, Request
from conveyor.convertapi.reading import is_refused_credential

__all__ = ["Auth", "Sender", "Timeouts", "Transport"]

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS: Final = 3
_UPLOAD_PAUSE_S: Final = 60.0
_KNOWN_SECRETS: Final = 8
_MOST_FIELDS: Final = 16

_FIELDS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": "conveyor",
}
_FORM_FIELDS: Final = {**_FIELDS, "Content-Type": "application/x-www-form-urlencoded"}
# Plain bytes: those of a compressed answer could not be gone on from.
_FILE_FIELDS: Final = Fields({**_FIELDS, "Accept": "*/*", "Accept-Encoding": "identity"})

_ANSWER_SETTING: Final = "CONVEYOR_ANSWER_TIMEOUT_SECONDS"
_TRANSFER_SETTING: Final = "CONVEYOR_TRANSFER_TIMEOUT_SECONDS"
_SEMI_SETTING: Final = "CONVEYOR_SEMI_ASYNC_SECONDS and CONVEYOR_ANSWER_TIMEOUT_SECONDS"


log = logging.getLogger("conveyor.convertapi")


class Auth(StrEnum):
    """Where the secret goes. The query form leaks into logs on the way; it is for old proxies."""

    HEADER = "header"
    QUERY = "query"


class Sender(Enum):
    """The kind of credentials that a request carries."""

    NOBODY = auto()
    ACCOUNT = auto()
    OWNER = auto()  # of the account: the master token, where there is one


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds in seconds.

    Attributes:
        connect: To make a connection.
        read: Between two reads. Above 5 s plus what the service may hold a second poll for.
        total: For a whole exchange that brings an answer, its repeats included.
        transfer: For a whole upload or download.
    """

    connect: float = 5.0
    read: float = 15.0
    total: float = 30.0
    transfer: float = 900.0


@dataclass(frozen=True, slots=True)
class _Signature:
    """What a bearer's secret adds to the header, and what to the query."""

    fields: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


class Transport:
    """One account's connections to one host of the service; safe for threads.

    Args:
        base_url: ``https://eu-v2.convertapi.com`` or another of its hosts.
        credentials: What opens the account. Asked at each request.
        owner: What reads the account, ``/user`` and below; the same where it is not given.
        auth: Where the secret goes.
        timeouts: The bounds.
        pool_size: Connections kept open; as many as there are threads.
        proxy: An http proxy to go through, empty for none.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        *,
        owner: Credentials | None = None,
        auth: Auth = Auth.HEADER,
        timeouts: Timeouts = Timeouts(),
        pool_size: int = 10,
        proxy: str = "",
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._credentials = {Sender.ACCOUNT: credentials, Sender.OWNER: owner or credentials}
        self._auth = auth
        self._timeouts = timeouts
        self._gate = Gate(self.base_url)
        self._adapter = Adapter(pool_size, proxy)
        self._fields: dict[tuple[str | None, bool], Fields] = {}
        self._secrets: deque[str] = deque(maxlen=_KNOWN_SECRETS)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets of now and of lately, for those who take them out of foreign words."""
        for credentials in self._credentials.values():
            with suppress(Unreachable):
                self._bearer(credentials)
        return tuple(self._secrets)

    def answer_deadline(self, wait_s: float = 0) -> Deadline:
        """The bound of an exchange that brings an answer.

        Args:
            wait_s: Seconds that the service may take for it, above the usual.
        """
        setting = _SEMI_SETTING if wait_s else _ANSWER_SETTING
        return Deadline.after(self._timeouts.total + wait_s, setting, wait_s)

    def transfer_deadline(self) -> Deadline:
        """The bound of an upload or a download."""
        return Deadline.after(self._timeouts.transfer, _TRANSFER_SETTING)

    def call(
        self,
        method: str,
        path: str,
        *,
        base_url: str = "",
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        sender: Sender = Sender.NOBODY,
        deadline: Deadline | None = None,
        wait_s: float = 0,
    ) -> Answer:
        """Make one request and read its whole answer.

        A request whose credentials are refused is repeated once, where there are others.

        Args:
            method: GET, POST or DELETE.
            path: On the host.
            base_url: Another host than the configured one: a job lives where it was started.
            query: The query.
            form: The fields of a form.
            sender: Whose credentials it carries; polls carry none.
            deadline: Its bound; a new one where there is none.
            wait_s: Seconds that the service may take for the answer, above the usual.

        Returns:
            The answer, whatever its status.

        Raises:
            WrongHost: The host is not ConvertAPI's: nothing was sent.
            Unreachable: No connection: nothing was sent.
            Unclear: No whole answer came back.
        """
        address, bound = self._address(path, base_url), deadline or self.answer_deadline(wait_s)
        body = None if form is None else _form(form)
        read_s = max(self._timeouts.read, wait_s)

        def send(bearer: str | None) -> Answer:
            request = self._request(method, address, query or {}, bearer, body)
            with Exchange(bound, self._timeouts.read) as exchange:
                return read_answer(self._send(request, exchange, read_s), exchange)

        return self._signed(sender, send)

    def upload(
        self,
        path: str,
        open_stream: Callable[[], AbstractContextManager[IO[bytes]]],
        disposition: str,
        deadline: Deadline,
    ) -> Answer:
        """Stream a body to the service, never whole in memory.

        Args:
            path: On the host.
            open_stream: Opens the content, with a known end.
            disposition: The Content-Disposition that tells its name.
            deadline: The bound of the whole.

        Returns:
            The answer, whatever its status.

        Raises:
            Unreachable: No connection.
            Unclear: No whole answer came back.
        """
        address = self._address(path, "")
        pause_s = max(self._timeouts.read, _UPLOAD_PAUSE_S)

        def send(bearer: str | None) -> Answer:
            with open_stream() as stream, Exchange(deadline, pause_s) as exchange:
                signed = self._as(bearer)
                about = {
                    "Content-Disposition": disposition,
                    "Content-Type": "application/octet-stream",
                }
                full = Fields({**_FIELDS, **about, **signed.fields})
                request = Request("POST", address, signed.query, full, stream)
                return read_answer(self._send(request, exchange, pause_s), exchange)

        return self._signed(Sender.ACCOUNT, send)

    @contextmanager
    def download(self, url: str, start: int = 0, tag: str = "") -> Iterator[Download | Answer]:
        """Open a result file. No credentials are sent: its URL opens it.

        Redirects are followed by hand, so that none leads away from the service's hosts.

        Args:
            url: As the service gave it.
            start: The first byte that is wanted.
            tag: The version that the bytes before it are of.

        Yields:
            The file; what was answered instead, where that is none.

        Raises:
            WrongHost: It is not on a host of the service's.
            Unreachable: No connection.
            Unclear: Not a whole file.
        """
        fields = _FILE_FIELDS
        if start:
            part = {"Range": f"bytes={start}-"} | ({"If-Range": tag} if tag else {})
            fields = Fields({**fields, **part})
        with Exchange(self.transfer_deadline(), self._timeouts.read) as exchange:
            response = self._follow(url, fields, exchange)
            with response:
                yield begin_file(response, start, exchange) or read_answer(response, exchange)

    def _follow(self, url: str, fields: Fields, exchange: Exchange) -> requests.Response:
        for _ in range(_MAX_REDIRECTS):
            address = self._gate.read(url)
            if address is None:
                raise WrongHost("the result is on a host that is not ConvertAPI's")
            request = Request("GET", address, {}, fields)
            response = self._send(request, exchange, self._timeouts.read)
            location = response.headers.get("Location", "")
            if response.status_code not in _REDIRECTS or not location:
                return response
            response.close()
            url = _joined(address.url, location)
        raise Unclear("the download was redirected too often")

    def _address(self, path: str, base_url: str) -> Address:
        address = self._gate.below(base_url or self.base_url, path)
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

    def _request(
        self,
        method: str,
        address: Address,
        query: Mapping[str, str],
        bearer: str | None,
        body: bytes | None,
    ) -> Request:
        signed = self._as(bearer)
        is_form = body is not None
        fields = self._fields.get((bearer, is_form))
        if fields is None:
            if len(self._fields) >= _MOST_FIELDS:
                self._fields.clear()
            fields = Fields({**(_FORM_FIELDS if is_form else _FIELDS), **signed.fields})
            self._fields[bearer, is_form] = fields
        return Request(method, address, {**query, **signed.query}, fields, body)

    def _signed(self, sender: Sender, send: Callable[[str | None], Answer]) -> Answer:
        """Send with credentials; once more where they were refused and there are others.

        A whole refusal has started nothing, so this is safe for the paid POST too.
        """
        credentials = self._credentials.get(sender)
        if credentials is None:
            return send(None)
        bearer = self._bearer(credentials)
        answer = send(bearer)
        if is_refused_credential(answer) and _refreshed(credentials, bearer):
            return send(self._bearer(credentials))
        return answer

    def _bearer(self, credentials: Credentials) -> str:
        try:
            bearer = credentials.bearer()
        except Exception as error:  # noqa: BLE001 - a source of somebody else's: whatever it raises
            log.warning(
                "credentials_failed kind=%s where=%s", type(error).__name__, where_of(error)
            )
            raise Unreachable(
                f"the credentials could not be read: {type(error).__name__}"
            ) from None
        if bearer and bearer not in self._secrets:
            self._secrets.append(bearer)
        return bearer

    def _as(self, bearer: str | None) -> _Signature:
        if bearer is None:
            return _Signature()
        if self._auth is Auth.HEADER:
            return _Signature(fields={"Authorization": f"Bearer {bearer}"})
        return _Signature(query={"Secret": bearer})

    def _send(self, request: Request, exchange: Exchange, read_s: float) -> requests.Response:
        left_s = exchange.deadline.left_s
        bounds = (min(self._timeouts.connect, left_s), min(read_s, left_s))
        token = CURRENT.set(exchange)
        try:
            with translated(exchange):
                return self._adapter.send(request, timeout=bounds)
        finally:
            CURRENT.reset(token)


def _refreshed(credentials: Credentials, refused: str) -> bool:
    try:
        return credentials.refresh(refused)
    except Exception:  # noqa: BLE001 - a source of somebody else's: whatever it raises
        log.warning("credentials_not_refreshed")
        return False


def _form(fields: Mapping[str, str]) -> bytes:
    return urlencode(fields, errors="replace").encode()


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return ""
