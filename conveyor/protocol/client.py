"""ConvertAPI, call by call. Submit and poll return outcomes; the other calls raise `ApiError`.

Short transport faults are retried here by tenacity where a repeat is safe, with well under a
second of sleeping in all; whatever needs a longer wait is a countdown of the tasks (invariant I4).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final
from urllib.parse import quote, urlsplit

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from conveyor.conversion import StoredFile
from conveyor.errors import StorageError
from conveyor.protocol.dialect import Dialect
from conveyor.protocol.errors import Refused, Unclear, Unreachable
from conveyor.protocol.outcomes import (
    Busy,
    Failed,
    Finished,
    InProgress,
    Lost,
    NotFound,
    PollOutcome,
    RemoteFile,
    Result,
    Started,
    SubmitOutcome,
    Throttled,
    Unsent,
)
from conveyor.protocol.transport import Answer, Transport
from conveyor.redaction import redact_text

__all__ = ["Account", "ConvertApi", "Keeper"]

Keeper = Callable[[str, Iterable[bytes]], StoredFile]
"""Stores bytes that came in an answer itself and can't be fetched again: (name, content)."""

_OK: Final = 200
_ACCEPTED: Final = 202
_NOT_FOUND: Final = 404
_UNAVAILABLE: Final = 503
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500

# Nothing of the request was seen, so even the paid POST may be sent again.
_RETRY_UNSENT = Retrying(
    retry=retry_if_exception_type(Unreachable),
    stop=stop_after_attempt(3),
    wait=wait_random_exponential(multiplier=0.05, max=0.2),
    reraise=True,
)
# For requests that change nothing, or the same thing again.
_RETRY_SAFE = Retrying(
    retry=retry_if_exception_type((Unreachable, Unclear)),
    stop=stop_after_attempt(3),
    wait=wait_random_exponential(multiplier=0.05, max=0.2),
    reraise=True,
)


@dataclass(frozen=True, slots=True)
class Account:
    """What ``/user`` says, without the secret that its answer holds.

    Attributes:
        active: Whether the account may convert.
        conversions_total: How many it has bought.
        conversions_consumed: How many it has used.
    """

    active: bool
    conversions_total: int
    conversions_consumed: int


class ConvertApi:
    """The calls of the service that Conveyor makes.

    Args:
        transport: The connections to it.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def base_url(self) -> str:
        """The host that new jobs are posted to; a job lives on the host that took it."""
        return self._transport.base_url

    def start(
        self,
        dialect: Dialect,
        pair: tuple[str, str],
        form: Mapping[str, str],
        job_id: str,
        keep: Keeper,
        *,
        wait_s: float = 0,
    ) -> SubmitOutcome:
        """Start an asynchronous conversion: the request that is paid for.

        Args:
            dialect: The protocol's dialect.
            pair: The source's format and the target.
            form: Sources and parameters under the service's names.
            job_id: Our own id, in this dialect's form.
            keep: Stores a result that comes as bytes in the answer.
            wait_s: Seconds to wait for the result itself (semi-asynchronous); 0 for not at all.

        Returns:
            The outcome.
        """
        try:
            answer = _RETRY_UNSENT(
                self._transport.call,
                "POST",
                dialect.start_path(*pair),
                query=dialect.start_query(job_id, semi=wait_s > 0),
                form={**form, "StoreFile": "true"},
                wait_s=wait_s,
            )
        except Unreachable as error:
            return Unsent(str(error))
        except Unclear as error:
            return Lost(str(error))
        return _read_start(answer, keep)

    def poll(self, base_url: str, dialect: Dialect, job_id: str, keep: Keeper) -> PollOutcome:
        """Ask for a job. Not retried once anything was sent: the service wants 5 s between polls.

        Args:
            base_url: The host that took the job.
            dialect: The dialect it was started in.
            job_id: The job.
            keep: Stores a result that comes as bytes in the answer.

        Returns:
            The outcome.
        """
        try:
            answer = _RETRY_UNSENT(
                self._transport.call,
                "GET",
                dialect.job_path(job_id),
                base_url=base_url,
                with_secret=False,
            )
        except Unreachable as error:
            return Unsent(str(error))
        except Unclear as error:
            return Lost(str(error))
        return _read_poll(answer, keep)

    def delete_job(self, base_url: str, dialect: Dialect, job_id: str) -> bool:
        """Delete a job at the service.

        Returns:
            Whether it was there.

        Raises:
            ApiError: The service did not do it.
        """
        answer = self._safely("DELETE", dialect.job_path(job_id), base_url=base_url)
        return answer.status == _OK

    def delete_file(self, url: str) -> bool:
        """Delete a result file at the service.

        Args:
            url: The file's URL, as the service gave it.

        Returns:
            Whether it was there.

        Raises:
            ApiError: The service did not do it.
        """
        parts = urlsplit(url)
        base_url = f"{parts.scheme}://{parts.netloc}"
        answer = self._safely("DELETE", parts.path, base_url=base_url, with_secret=False)
        return answer.status == _OK

    def upload(
        self, name: str, open_stream: Callable[[], AbstractContextManager[IO[bytes]]]
    ) -> str:
        """Upload a source, streamed.

        Args:
            name: Its file name, which tells the service the format.
            open_stream: Opens its content; called once for each try.

        Returns:
            Its FileId, kept by the service for at most three hours.

        Raises:
            ApiError: The service did not take it.
        """
        # RFC 6266 and RFC 8187, as the protocol shows it.
        disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"

        def attempt() -> Answer:
            with open_stream() as stream:
                return self._transport.upload("/upload", stream, disposition)

        answer = _raise_for(_RETRY_SAFE(attempt))
        file_id = (answer.json() or {}).get("FileId")
        if not isinstance(file_id, str) or not file_id:
            raise Unclear("the upload was answered without a FileId")
        return file_id

    @contextmanager
    def download(self, url: str) -> Iterator[Iterator[bytes]]:
        """Open a result file.

        Args:
            url: As the service gave it.

        Yields:
            Its content, piece by piece.

        Raises:
            ApiError: It can't be had whole.
        """
        with self._transport.download(url) as chunks:
            yield chunks

    def user(self) -> Account:
        """The account's state.

        Raises:
            Refused: The credentials are wrong.
            ApiError: The service did not answer.
        """
        body = _raise_for(self._safely("GET", "/user")).json()
        if body is None:
            raise Unclear("the account's state was answered in no known form")
        return Account(
            active=bool(body.get("Active", True)),
            conversions_total=_int(body.get("ConversionsTotal")),
            conversions_consumed=_int(body.get("ConversionsConsumed")),
        )

    def _safely(self, method: str, path: str, **options: Any) -> Answer:
        answer = _RETRY_SAFE(self._transport.call, method, path, **options)
        return answer if answer.status == _NOT_FOUND else _raise_for(answer)


def _read_start(answer: Answer, keep: Keeper) -> SubmitOutcome:
    if answer.status == _OK:
        return _read_started(answer, keep)
    if answer.status == _UNAVAILABLE:
        return Throttled()
    if answer.status == _NOT_FOUND:
        return NotFound(_error_of(answer)[1])
    return _read_error(answer)


def _read_started(answer: Answer, keep: Keeper) -> SubmitOutcome:
    """A submit that was taken; the live service may answer with the result itself."""
    body = answer.json()
    if body is not None and body.get("JobId") and "Files" not in body:
        return Started(str(body["JobId"]))
    return _read_result(answer, body, keep)


def _read_poll(answer: Answer, keep: Keeper) -> PollOutcome:
    if answer.status == _OK:
        return _read_result(answer, answer.json(), keep)
    if answer.status == _ACCEPTED:
        return InProgress()
    if answer.status == _NOT_FOUND:
        return NotFound()
    if answer.status == _UNAVAILABLE:
        return Busy()
    return _read_error(answer)


def _read_result(answer: Answer, body: dict[str, Any] | None, keep: Keeper) -> Finished | Lost:
    if body is None and (answer.content_type == "application/json" or not answer.body):
        return Lost("the answer was cut")
    if body is None and answer.content_type == "text/html" and not answer.file_name:
        return Lost("a page of somebody on the way came for an answer")
    try:
        return Finished(_raw_result(answer, keep) if body is None else _parse_result(body, keep))
    except StorageError as error:
        # The service still has it: the next poll brings it again.
        return Lost(f"the result came, and was not kept: {error}")
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return Lost("the answer was no result in a known form")


def _raw_result(answer: Answer, keep: Keeper) -> Result:
    """The body is the file itself (protocol, D)."""
    name = answer.file_name or "result"
    kept = keep(name, [answer.body])
    return Result(cost=1, files=(RemoteFile(name, size=kept.size, kept=kept),))


def _parse_result(body: dict[str, Any], keep: Keeper) -> Result:
    known = {"ConversionCost", "ConversionTime", "Files"}
    files = tuple(_parse_file(file, keep) for file in body["Files"])
    if not files:
        raise ValueError("no files")
    return Result(
        # Older texts of the vendor call the cost ConversionTime.
        cost=_int(body.get("ConversionCost", body.get("ConversionTime", 1))),
        files=files,
        extra={name: value for name, value in body.items() if name not in known},
    )


def _parse_file(file: dict[str, Any], keep: Keeper) -> RemoteFile:
    name = str(file.get("FileName") or "result")
    extension = str(file.get("FileExt") or "")
    if extension and not name.lower().endswith(f".{extension.lower()}"):
        name = f"{name}.{extension}"
    size = file.get("FileSize")
    if file.get("Url"):
        return RemoteFile(name, str(file["Url"]), None if size is None else int(size))
    try:
        data = base64.b64decode(file["FileData"], validate=True)
    except binascii.Error as error:
        raise ValueError("FileData is no base64") from error
    kept = keep(name, [data])
    return RemoteFile(name, size=kept.size, kept=kept)


def _read_error(answer: Answer) -> Failed | Lost:
    """A ConvertAPI error has a body of its own; anything else came from a proxy on the way."""
    code, message = _error_of(answer)
    if not message and not code:
        return Lost(f"a proxy on the way answered with HTTP {answer.status}", answer.status)
    return Failed(answer.status, code, message)


def _raise_for(answer: Answer) -> Answer:
    if answer.status < _CLIENT_ERROR:
        return answer
    code, message = _error_of(answer)
    if answer.status >= _SERVER_ERROR and not code:
        raise Unclear(f"the service answered with HTTP {answer.status}")
    raise Refused(answer.status, code, message or f"HTTP {answer.status}")


def _error_of(answer: Answer) -> tuple[int, str]:
    """ConvertAPI's Code and Message, with the invalid parameters where it names them."""
    body = answer.json()
    if body is None:
        return 0, ""
    message = str(body.get("Message") or "").strip()
    invalid = body.get("InvalidParameters")
    if isinstance(invalid, dict) and invalid:
        details = "; ".join(f"{name}: {_text(reasons)}" for name, reasons in invalid.items())
        message = f"{message.rstrip('.')}: {details}" if message else details
    return _int(body.get("Code")), redact_text(message)


def _text(reasons: Any) -> str:
    return ", ".join(map(str, reasons)) if isinstance(reasons, list) else str(reasons)


def _int(value: Any) -> int:
    try:
        return int(value)
    except (OverflowError, TypeError, ValueError):
        return 0
