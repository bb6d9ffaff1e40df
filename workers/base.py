"""`ConversionTask`: what every task of Conveyor shares, so that its body speaks the protocol alone.

It owns the log context and the mapping of faults: Redis or the broker away is no failure of a
conversion, and nobody must be told of one.
"""

from __future__ import annotations

from typing import Any, NoReturn

import structlog
from celery import Task
from celery.exceptions import Ignore, Reject, Retry
from kombu.exceptions import OperationalError

from conveyor import names
from conveyor.errors import ConversionFailed, LedgerUnavailable, UnreadableConversion
from workers.comebacks import come_back
from workers.reporting import refuse
from workers.services import Services
from workers.stumbles import internal_failure, put_aside, stumble
from workers.wiring import wired

__all__ = ["ConversionTask"]

log = structlog.get_logger("conveyor.task")


class ConversionTask(Task):  # type: ignore[misc] # Celery ships no types
    """The base of all tasks; `workers.start` makes it the application's."""

    # As a string: only a worker's main process needs it.
    Request = "workers.revoking:Request"
    # What a later release asks for is sent on as it is, whatever its arguments.
    typing = False
    # What comes back does so for as long as it must (`workers.comebacks`). Celery's default is 3.
    max_retries = None

    @property
    def services(self) -> Services:
        """The parts that a task works with."""
        return wired()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run with the conversion's id in every log line.

        Raises:
            Ignore: Redis or the broker is away: the ledger knows what is due, and the sweep
                rings when they are back (invariant I6). Or something unexpected was
                raised, and was counted on the conversion.
            Retry: Redis is away, and this message is all that there is: it comes back.
        """
        conversion_id = self._conversion_id(args, kwargs)
        with structlog.contextvars.bound_contextvars(conversion_id=conversion_id, task=self.name):
            try:
                self._check_version(*args, **kwargs)
                return self._run_counted(conversion_id, args, kwargs)
            except (LedgerUnavailable, OperationalError) as error:
                log.warning("postponed", reason=str(error))
                self._put_off(error, *args, **kwargs)

    def _run_counted(
        self, conversion_id: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Run, and let nothing unexpected go by without a count on the conversion."""
        try:
            return super().__call__(*args, **kwargs)
        except (Ignore, Reject, Retry, ConversionFailed, LedgerUnavailable, OperationalError):
            raise
        except UnreadableConversion as error:
            put_aside(self.services, error)
            raise Ignore from None
        except Exception as error:
            log.exception("stumbled")
            if not self._counts(conversion_id, error, *args, **kwargs):
                self.not_begun(error, *args, **kwargs)
            raise Ignore from None

    def _counts(self, conversion_id: str, error: Exception, /, *args: Any, **kwargs: Any) -> bool:
        """Count an unexpected exception; one that can't even be counted is no failure, either."""
        try:
            return stumble(self.services, conversion_id)
        except (LedgerUnavailable, OperationalError, UnreadableConversion):
            raise
        except Exception:
            # The parts can't be made, perhaps: a storage that is away when a worker begins.
            log.exception("stumble_not_counted")
            self._put_off(error, *args, **kwargs)

    def _put_off(self, error: Exception, /, *args: Any, **kwargs: Any) -> NoReturn:
        """Leave it to the sweep; what the ledger may not know comes back."""
        if self.is_only_record(*args, **kwargs):
            come_back(self, error)
        raise Ignore from None

    def _check_version(self, *args: Any, **kwargs: Any) -> None:
        """Leave a message of a later release to its workers.

        A bell is a hint: whoever can read the conversion finds it in the ledger. A signature's
        message is all that there is, so it is sent again, for another worker to draw.

        Raises:
            Ignore: It is a bell.
            Retry: It was sent again.
        """
        version = (self.request.headers or {}).get(names.VERSION_HEADER, names.MESSAGE_VERSION)
        if isinstance(version, int) and version <= names.MESSAGE_VERSION:
            return
        log.info("newer_message", version=str(version))
        is_bell = self.name != names.SUBMIT or "at" in kwargs
        if not is_bell or self.is_only_record(*args, **kwargs):
            come_back(self, RuntimeError("a later release has sent it"))
        raise Ignore

    def not_begun(self, error: Exception, /, *args: Any, **kwargs: Any) -> None:
        """Handle an unexpected error of a conversion that the ledger does not know.

        Args:
            error: What was raised.
            args: The task's.
            kwargs: The task's.

        Raises:
            Exception: The error itself, where it is no conversion's.
        """
        if not self.is_only_record(*args, **kwargs):
            raise error
        failure = internal_failure()
        failed = ConversionFailed(
            failure.message, kind=failure.kind.value, reason=failure.reason.value
        )
        refuse(self, failed)

    def is_only_record(self, *_args: Any, **_kwargs: Any) -> bool:
        """Whether the message may be the only record of its conversion."""
        return False

    def _conversion_id(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """What ``deliver`` names; the id of any other task that is of one conversion is its own."""
        if self.name == names.DELIVER and args and isinstance(args[0], str):
            return args[0]
        return str(kwargs.get("conversion_id") or self.request.id)
