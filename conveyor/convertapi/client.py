"""ConvertAPI, call by call. Submit and poll return outcomes; the other calls raise `ApiError`.

Nothing that an answer holds makes them raise anything else. Short transport faults are retried here
by tenacity where a repeat is safe, within the call's one deadline and with well under a second of
sleeping in all. Whatever needs a longer wait is a date in the ledger (invariant I4).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final, TypeVar
from urllib.parse import quote

from tenacity import Retrying

from conveyor.convertapi.answer import Answer
from conveyor.convertapi.bodies import Download
from conveyor.convertapi.cleaning import clean_identifier, clean_whole
from conveyor.convertapi.errors import ApiError, Unclear, Unreachable, WrongHost
from conveyor.convertapi.faults import where_of
from conveyor.convertapi.keeping import Keeper
from conveyor.convertapi.reading import checked, read_poll, read_start
from conveyor.convertapi.retrying import RETRY_SAFE, RETRY_UNSENT, insisting
from conveyor.convertapi.scrubbing import Scrubber
from conveyor.convertapi.transport import Sender, Transport
from conveyor.domain import rules
from conveyor.domain.answers import Lost, PollAnswer, SubmitAnswer, Unsent
from conveyor.domain.dialect import Dialect
from conveyor.errors import ConveyorError, StorageError

__all__ = ["Account", "ConvertApi", "Keeper"]

_OK: Final = 200
_NOT_FOUND: Final = 404
_MOST_CONVERSIONS: Final = 2**53
_PASSWORD: Final = re.compile("password|secret|token", re.IGNORECASE)
# What of a file's address opens the file: the long words of its path and of its query.
_TOKEN: Final = re.compile("[^/?&=#]{16,}")

_T = TypeVar("_T")

log = logging.getLogger("conveyor.convertapi")


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
        webhook: str = "",
        wait_s: float = 0,
    ) -> SubmitAnswer:
        """Start an asynchronous conversion: the request that is paid for.

        Args:
            dialect: The protocol's dialect.
            pair: The source's format and the target.
            form: Sources and parameters under the service's names.
            job_id: Our own id, in this dialect's form.
            keep: Stores a result that comes as bytes in the answer.
            webhook: The address that the service calls when the job has ended; empty for none.
            wait_s: Seconds to wait for the result itself (semi-asynchronous); 0 for not at all.

        Returns:
            The outcome.
        """
        scrubber = self._scrubber(job_id, webhook, *_signature_of(webhook), *_secrets_in(form))
        query = dialect.start_query(job_id, semi=wait_s > 0)

        def ask() -> Answer:
            return self._ask(
                RETRY_UNSENT,
                "POST",
                dialect.start_path(*pair),
                query={**query, **({"WebHook": webhook} if webhook else {})},
                form={**form, "StoreFile": "true"},
                sender=Sender.ACCOUNT,
                wait_s=wait_s,
            )

        return _answer_of(ask, lambda answer: read_start(answer, pair[1], keep, scrubber))

    def poll(
        self,
        base_url: str,
        dialect: Dialect,
        job_id: str,
        keep: Keeper,
        *,
        target: str = "",
        params: Mapping[str, str] | None = None,
    ) -> PollAnswer:
        """Ask for a job. Not retried once anything was sent: the service wants 5 s between polls.

        Args:
            base_url: The host that took the job.
            dialect: The dialect it was started in.
            job_id: The job.
            keep: Stores a result that comes as bytes in the answer.
            target: The target format, to tell a file from a page. Without it, bytes are a result
                only where the answer names a file.
            params: What it was started with: passwords and FileIds among them are taken out of what
                the service says.

        Returns:
            The outcome.
        """
        scrubber = self._scrubber(job_id, *_secrets_in(params or {}))

        def ask() -> Answer:
            path = dialect.job_path(job_id)
            return self._ask(RETRY_UNSENT, "GET", path, base_url=base_url)

        return _answer_of(ask, lambda answer: read_poll(answer, target, keep, scrubber))

    def delete_job(self, base_url: str, dialect: Dialect, job_id: str) -> bool:
        """Delete a job at the service.

        Returns:
            Whether it was there.

        Raises:
            ApiError: The service did not do it.
        """
        path, scrubber = dialect.job_path(job_id), self._scrubber(job_id)
        with _typed():
            answer = self._ask(RETRY_SAFE, "DELETE", path, base_url=base_url, sender=Sender.ACCOUNT)
            return _was_there(answer, scrubber)

    def delete_file(self, url: str) -> bool:
        """Delete a result file at the service.

        Args:
            url: The file's URL, as the service gave it.

        Returns:
            Whether it was there.

        Raises:
            ApiError: The service did not do it, or the file is not on a host of the service's.
        """
        with _typed():
            answer = self._ask(RETRY_SAFE, "DELETE", "", base_url=url)
            return _was_there(answer, self._scrubber(*_tokens_in(url)))

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
            ComeLater: The service is throttling.
            ApiError: The service did not take it.
        """
        # RFC 6266 and RFC 8187, as the protocol shows it.
        disposition = f"attachment; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
        with _typed():
            deadline = self._transport.transfer_deadline()
            send = self._transport.upload
            answer = insisting(
                RETRY_SAFE, lambda: send("/upload", open_stream, disposition, deadline)
            )
            body = checked(answer, self._scrubber()).json() or {}
            file_id = clean_identifier(body.get("FileId"))
            if not file_id:
                raise Unclear("the upload was answered without a FileId")
            return file_id

    @contextmanager
    def download(self, url: str, start: int = 0, tag: str = "") -> Iterator[Download]:
        """Open a result file.

        Args:
            url: As the service gave it.
            start: The first byte that is wanted: to go on with a download that broke off.
            tag: The `Download.tag` of what came before it.

        Yields:
            The file. It begins at 0 where the service does not go on from within.

        Raises:
            ComeLater: The service is throttling.
            ApiError: It can't be had whole.
        """
        with self._transport.download(url, start, tag) as came:
            if isinstance(came, Answer):
                checked(came, self._scrubber(*_tokens_in(url)))
                raise Unclear(f"the download was answered with HTTP {came.status}")
            yield came

    def user(self) -> Account:
        """The account's state.

        Raises:
            ComeLater: The service is throttling.
            Refused: The credentials are wrong, or may not read the account.
            ApiError: The service did not answer.
        """
        with _typed():
            answer = self._ask(RETRY_SAFE, "GET", "/user", sender=Sender.OWNER)
            body = checked(answer, self._scrubber()).json()
            if body is None:
                raise Unclear("the account's state came in an unknown form")
            return Account(
                active=bool(body.get("Active", True)),
                conversions_total=_count(body.get("ConversionsTotal")),
                conversions_consumed=_count(body.get("ConversionsConsumed")),
            )

    def _ask(self, retrying: Retrying, method: str, path: str, **options: Any) -> Answer:
        """Ask what may be asked again in some cases; all tries share one deadline."""
        call, deadline = (
            self._transport.call,
            self._transport.answer_deadline(options.get("wait_s", 0)),
        )
        return insisting(retrying, lambda: call(method, path, deadline=deadline, **options))

    def _scrubber(self, *secrets: str) -> Scrubber:
        return Scrubber(self._known(secrets))

    def _known(self, secrets: Iterable[str]) -> Iterator[str]:
        """Evaluated late: only foreign words call for it, and few answers hold any."""
        yield from secrets
        yield from self._transport.secrets


def _answer_of(ask: Callable[[], Answer], read: Callable[[Answer], _T]) -> _T | Lost | Unsent:
    """Ask and read. Whatever goes wrong becomes an outcome here, also what nobody expects."""
    try:
        answer = ask()
    except (Unreachable, WrongHost) as error:
        return Unsent(str(error))
    except Unclear as error:
        return Lost(str(error), closed_at_once=error.closed_at_once, paid=error.paid)
    except Exception as error:  # noqa: BLE001 - or the conversion would be asked for, for ever
        return Lost(_unexpected(error))
    try:
        return read(answer)
    except StorageError as error:
        return Lost(f"the result came, and was not kept: {error}", paid=True)
    except Exception as error:  # noqa: BLE001 - the same
        return Lost(_unexpected(error), answer.status, paid=answer.status == _OK)


@contextmanager
def _typed() -> Iterator[None]:
    """Make an `Unclear` of whatever unexpected the block raises."""
    try:
        yield
    except (ApiError, ConveyorError):
        raise
    except Exception as error:  # noqa: BLE001 - the same
        raise Unclear(_unexpected(error)) from None


def _unexpected(error: Exception) -> str:
    """Log where it was raised, and neither its text nor a value: they may hold a secret."""
    kind = type(error).__name__
    log.error("unexpected_error kind=%s where=%s", kind, where_of(error))
    return f"Conveyor could not read the answer ({kind}): please report this with the worker's log"


def _signature_of(webhook: str) -> tuple[str, ...]:
    """The last part of a webhook's address, which proves a call to be genuine."""
    return (webhook.rpartition("/")[2],) if webhook else ()


def _secrets_in(form: Mapping[str, str]) -> Iterator[str]:
    """Passwords, and the FileIds of uploads."""
    for name, value in form.items():
        if _PASSWORD.search(name) or rules.FILE_ID.fullmatch(value):
            yield value


def _tokens_in(url: str) -> list[str]:
    return _TOKEN.findall(url.partition("://")[2].partition("/")[2])


def _was_there(answer: Answer, scrubber: Scrubber) -> bool:
    if answer.status == _NOT_FOUND:
        return False
    return checked(answer, scrubber).status >= _OK


def _count(value: Any) -> int:
    return clean_whole(value, _MOST_CONVERSIONS) or 0
