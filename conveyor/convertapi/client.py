"""ConvertAPI, call by call. Submit and poll return outcomes; the other calls raise `ApiError`.

Nothing that an answer holds makes them raise anything else. Short transport faults are retried here
by tenacity where a repeat is safe, within the call's one deadline and with well under a second of
sleeping in all. Whatever needs a longer wait is a date in the ledger (invariant I4).
"""

from __future__ import annotations

from collections.abc import Mapping

from conveyor.convertapi.account import Account, read_account
from conveyor.convertapi.answer import Answer
from conveyor.convertapi.authorization import Sender
from conveyor.convertapi.calls import was_there
from conveyor.convertapi.file_calls import FileCalls
from conveyor.convertapi.keeping import Keeper
from conveyor.convertapi.known_secrets import secrets_in, signature_of
from conveyor.convertapi.outcomes import outcome_of, typed
from conveyor.convertapi.reading import checked, read_poll, read_start
from conveyor.convertapi.retrying import RETRY_SAFE, RETRY_UNSENT
from conveyor.domain.answers import PollAnswer, SubmitAnswer
from conveyor.domain.dialect import Dialect

__all__ = ["ConvertApi"]


class ConvertApi(FileCalls):
    """The calls of the service that Conveyor makes.

    Args:
        transport: The connections to it.
    """

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
        scrubber = self._scrubber(job_id, webhook, *signature_of(webhook), *secrets_in(form))
        query = dialect.start_query(job_id, semi=wait_s > 0)

        def ask() -> Answer:
            """Make the POST, again only where nothing of it was sent."""
            return self._ask(
                RETRY_UNSENT,
                "POST",
                dialect.start_path(*pair),
                query={**query, **({"WebHook": webhook} if webhook else {})},
                form={**form, "StoreFile": "true"},
                sender=Sender.ACCOUNT,
                wait_s=wait_s,
            )

        return outcome_of(ask, lambda answer: read_start(answer, pair[1], keep, scrubber))

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
        scrubber = self._scrubber(job_id, *secrets_in(params or {}))

        def ask() -> Answer:
            """Make the poll, again only where nothing of it was sent."""
            path = dialect.job_path(job_id)
            return self._ask(RETRY_UNSENT, "GET", path, base_url=base_url)

        return outcome_of(ask, lambda answer: read_poll(answer, target, keep, scrubber))

    def delete_job(self, base_url: str, dialect: Dialect, job_id: str) -> bool:
        """Delete a job at the service.

        Args:
            base_url: The host that took the job.
            dialect: The dialect it was started in.
            job_id: The job.

        Returns:
            Whether it was there.

        Raises:
            ApiError: The service did not do it.
        """
        path, scrubber = dialect.job_path(job_id), self._scrubber(job_id)
        with typed():
            answer = self._ask(RETRY_SAFE, "DELETE", path, base_url=base_url, sender=Sender.ACCOUNT)
            return was_there(answer, scrubber)

    def user(self) -> Account:
        """The account's state.

        Raises:
            ComeLater: The service is throttling.
            Refused: The credentials are wrong, or may not read the account.
            ApiError: The service did not answer.
        """
        with typed():
            answer = self._ask(RETRY_SAFE, "GET", "/user", sender=Sender.OWNER)
            return read_account(checked(answer, self._scrubber()))
