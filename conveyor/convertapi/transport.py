"""HTTP through ``requests``' adapter: pooled, bounded in time and size, errors translated once.

Every request passes the gate of `conveyor.convertapi.origins`. Every exchange, head and trailers
included, is bounded by a deadline of `conveyor.convertapi.deadline`.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from http.client import HTTPException
from traceback import extract_tb
from typing import IO, Final
from urllib.parse import urlencode, urljoin

import requests
import urllib3

from conveyor.convertapi.answer import Answer
from conveyor.convertapi.cleaning import clean_whole
from conveyor.convertapi.connections import Adapter
from conveyor.convertapi.credentials import Credentials
from conveyor.convertapi.deadline import CURRENT, Deadline, Exchange
from conveyor.convertapi.errors import ApiError, Unclear, Unreachable, WrongHost
from conveyor.convertapi.origins import Address, Gate
from conveyor.convertapi.prepared import Fields, Request
from conveyor.convertapi.reading import is_refused_credential
from conveyor.convertapi.results import may_be_paid
from conveyor.errors import ConveyorError

__all__ = ["Auth", "Download", "Sender", "Timeouts", "Transport", "where_of"]

_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
_OK: Final = 200
_PARTIAL: Final = 206
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS: Final = 3
_UPLOAD_PAUSE_S: Final = 60.0
_MOST_SIZE: Final = 2**53
_RANGE: Final = re.compile(r"\s*bytes\s+(\d{1,18})-\d{1,18}/(?:(\d{1,18})|\*)", re.IGNORECASE)
_TAG: Final = re.compile(r'"[\x21\x23-\x7e]{0,200}"')
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

# What goes wrong on a road. Anything else is a mistake of ours, and is logged.
_OF_THE_ROAD: Final = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    HTTPException,
    OSError,
)

log = logging.getLogger("conveyor.convertapi")


class Auth(StrEnum):
    """Where the secret goes. The query form leaks into logs on the way; it is for old proxies."""

    HEADER = "header"
    QUERY = "query"


class Sender(Enum):
    """Tells whose credentials a request carries."""

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
class Download:
    """A result file that is being fetched.

    Attributes:
        chunks: Its content, piece by piece.
        start: The first byte that comes: above 0 where the service went on from there (206).
        size: Of the whole file in bytes, None where the answer does not say.
        tag: What tells this version of the file from another, empty where nothing does.
        is_plain: Whether a fetch that breaks can go on from where it stands: the content comes as
            it is, not compressed on the way.
        is_framed: Whether the answer tells where it ends. If not, a cut one looks whole.
    """

    chunks: Iterator[bytes]
    start: int = 0
    size: int | None = None
    tag: str = ""
    is_plain: bool = True
    is_framed: bool = True


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
                return _read(self._send(request, exchange, read_s), exchange)

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
                fields, query = self._as(bearer)
                about = {
                    "Content-Disposition": disposition,
                    "Content-Type": "application/octet-stream",
                }
                full = Fields({**_FIELDS, **about, **fields})
                request = Request("POST", address, query, full, stream)
                return _read(self._send(request, exchange, pause_s), exchange)

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
                begun = _begin_of(response, start)
                if begun is None:
                    yield _read(response, exchange)
                else:
                    yield Download(
                        _guarded(_chunks(response), exchange),
                        begun,
                        _size_of(response) if _is_plain(response) else None,
                        _tag_of(response),
                        _is_plain(response),
                        _is_framed(response),
                    )

    def _follow(self, url: str, fields: Fields, exchange: Exchange) -> requests.Response:
        for _ in range(_MAX_REDIRECTS):
            address = self._gate.read(url)
            if address is None:
                raise WrongHost("the result lies on a host that is not ConvertAPI's")
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
                "the address on record is neither that of CONVEYOR_API_URL nor ConvertAPI's own, "
                "so nothing was sent to it: set CONVEYOR_API_URL to the host that took the job, "
                "if it is one of yours"
            )
        raise WrongHost(
            "CONVEYOR_API_URL is no http or https address of a host alone, so nothing was sent"
        )

    def _request(
        self,
        method: str,
        address: Address,
        query: Mapping[str, str],
        bearer: str | None,
        body: bytes | None,
    ) -> Request:
        signed, more = self._as(bearer)
        is_form = body is not None
        fields = self._fields.get((bearer, is_form))
        if fields is None:
            if len(self._fields) >= _MOST_FIELDS:
                self._fields.clear()
            fields = Fields({**(_FORM_FIELDS if is_form else _FIELDS), **signed})
            self._fields[bearer, is_form] = fields
        return Request(method, address, {**query, **more}, fields, body)

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
            raise Unreachable(f"the credentials can't be had: {type(error).__name__}") from None
        if bearer and bearer not in self._secrets:
            self._secrets.append(bearer)
        return bearer

    def _as(self, bearer: str | None) -> tuple[dict[str, str], dict[str, str]]:
        """What a bearer's secret adds to the header, and what to the query."""
        if bearer is None:
            return {}, {}
        if self._auth is Auth.HEADER:
            return {"Authorization": f"Bearer {bearer}"}, {}
        return {}, {"Secret": bearer}

    def _send(self, request: Request, exchange: Exchange, read_s: float) -> requests.Response:
        left_s = exchange.deadline.left_s
        bounds = (min(self._timeouts.connect, left_s), min(read_s, left_s))
        token = CURRENT.set(exchange)
        try:
            with _translated(exchange):
                return self._adapter.send(request, timeout=bounds)
        finally:
            CURRENT.reset(token)


def where_of(error: BaseException) -> str:
    """Where an error was raised, for a log: neither its text nor any value, which may be secret."""
    frames = extract_tb(error.__traceback__)
    return f"{frames[-1].name}:{frames[-1].lineno}" if frames else ""


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


def _read(response: requests.Response, exchange: Exchange) -> Answer:
    parts: list[bytes] = []
    try:
        with response, _translated(exchange):
            parts.extend(_chunks(response, _MAX_ANSWER_BYTES))
    except Unclear as error:
        error.paid = response.status_code == _OK and may_be_paid(_answer(response, parts))
        raise
    return _answer(response, parts)


def _answer(response: requests.Response, parts: list[bytes]) -> Answer:
    return Answer.read(response.status_code, response.headers, b"".join(parts))


def _chunks(response: requests.Response, most: int | None = None) -> Iterator[bytes]:
    """Read what has come, as it comes, until the end."""
    size, raw, is_plain = 0, response.raw, _is_plain(response)
    while chunk := raw.read1(_CHUNK_BYTES, decode_content=True):
        yield chunk
        size += len(chunk)
        if most is not None and size > most:
            raise Unclear("the answer was larger than an answer can be")
        if is_plain and raw.length_remaining == 0:
            return


def _guarded(chunks: Iterator[bytes], exchange: Exchange) -> Iterator[bytes]:
    with _translated(exchange):
        yield from chunks


def _begin_of(response: requests.Response, start: int) -> int | None:
    """Where the content of a download begins, None where it is no file."""
    if response.status_code == _OK:
        return 0
    if response.status_code != _PARTIAL:
        return None
    told = _RANGE.match(response.headers.get("Content-Range", ""))
    if not start or told is None or int(told[1]) != start:
        raise Unclear("another part of the file came than was asked for")
    return start


def _size_of(response: requests.Response) -> int | None:
    """The whole file's size, as far as the head tells."""
    if response.status_code == _PARTIAL:
        told = _RANGE.match(response.headers.get("Content-Range", ""))
        return int(told[2]) if told and told[2] else None
    return clean_whole(response.headers.get("Content-Length"), _MOST_SIZE)


def _tag_of(response: requests.Response) -> str:
    """A strong ETag: a weak one does not vouch for bytes (RFC 9110)."""
    tag = response.headers.get("ETag", "").strip()
    return tag if _TAG.fullmatch(tag) else ""


def _is_framed(response: requests.Response) -> bool:
    return "Content-Length" in response.headers or "Transfer-Encoding" in response.headers


def _is_plain(response: requests.Response) -> bool:
    return response.headers.get("Content-Encoding", "identity").strip().lower() == "identity"


@contextmanager
def _translated(exchange: Exchange) -> Iterator[None]:
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
