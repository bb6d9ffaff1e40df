"""Calls, uploads and downloads over HTTP: each one exchange, bounded in time and size.

The deadline of `conveyor.convertapi.deadline` bounds an exchange as a whole, head and trailers
included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Final
from urllib.parse import urlencode

from conveyor.convertapi.adapter import Adapter
from conveyor.convertapi.answer import Answer
from conveyor.convertapi.authorization import Auth, Authorization, Sender
from conveyor.convertapi.bodies import Download, begin_file, read_answer
from conveyor.convertapi.credentials import Credentials
from conveyor.convertapi.deadline import Deadline
from conveyor.convertapi.exchange import Exchange
from conveyor.convertapi.prepared import Request
from conveyor.convertapi.request_fields import CallFields, file_fields, upload_fields
from conveyor.convertapi.requester import Requester
from conveyor.convertapi.timeouts import Timeouts

__all__ = ["Transport"]

_UPLOAD_PAUSE_S: Final = 60.0


class Transport:
    """One account's connections to one host of the service; safe for threads.

    Args:
        base_url: ``https://eu-v2.convertapi.com`` or another of its hosts.
        credentials: What opens the account. Asked at each request.
        timeouts: The bounds.
        owner: What reads the account, ``/user`` and below; the same where it is not given.
        auth: Where the secret goes.
        pool_size: Connections kept open; as many as there are threads.
        proxy: An http proxy to go through, empty for none.

    Attributes:
        base_url: The host, without a slash at its end.
        timeouts: The bounds.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        *,
        timeouts: Timeouts,
        owner: Credentials | None = None,
        auth: Auth = Auth.HEADER,
        pool_size: int = 10,
        proxy: str = "",
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.timeouts = timeouts
        self._authorization = Authorization(credentials, owner, auth)
        self._requester = Requester(self.base_url, timeouts, Adapter(pool_size, proxy))
        self._fields = CallFields()

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets of now and of lately, for those who take them out of foreign words."""
        return self._authorization.secrets

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
        address = self._requester.address(path, base_url)
        bound = deadline or self.timeouts.answer_deadline(wait_s)
        body = None if form is None else _form(form)
        read_s = max(self.timeouts.read, wait_s)

        def send(bearer: str | None) -> Answer:
            """Make the request once, with a bearer's secret or with none."""
            signature = self._authorization.signature(bearer)
            fields = self._fields.of(bearer, signature, is_form=body is not None)
            whole_query = {**(query or {}), **signature.query}
            request = Request(method, address, whole_query, fields, body)
            with Exchange(bound, self.timeouts.read) as exchange:
                return read_answer(self._requester.send(request, exchange, read_s), exchange)

        return self._authorization.signed(sender, send)

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
        address = self._requester.address(path)
        pause_s = max(self.timeouts.read, _UPLOAD_PAUSE_S)

        def send(bearer: str | None) -> Answer:
            """Stream the body once, from its beginning."""
            with open_stream() as stream, Exchange(deadline, pause_s) as exchange:
                signature = self._authorization.signature(bearer)
                fields = upload_fields(disposition, signature)
                request = Request("POST", address, signature.query, fields, stream)
                return read_answer(self._requester.send(request, exchange, pause_s), exchange)

        return self._authorization.signed(Sender.ACCOUNT, send)

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
        fields = file_fields(start, tag)
        with Exchange(self.timeouts.transfer_deadline(), self.timeouts.read) as exchange:
            response = self._requester.follow(url, fields, exchange)
            with response:
                yield begin_file(response, start, exchange) or read_answer(response, exchange)


def _form(fields: Mapping[str, str]) -> bytes:
    return urlencode(fields, errors="replace").encode()
