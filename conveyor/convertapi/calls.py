"""How the service is asked, and how its words are cleaned: what all calls have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from tenacity import Retrying

from conveyor.convertapi.answer import Answer
from conveyor.convertapi.reading import checked
from conveyor.convertapi.retrying import insisting
from conveyor.convertapi.scrubbing import Scrubber
from conveyor.convertapi.transport import Transport

__all__ = ["Calls", "was_there"]

_OK: Final = 200
_NOT_FOUND: Final = 404


class Calls:
    """Makes calls of the service. Each kind of calls is a class below it.

    Args:
        transport: The connections to it.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _ask(self, retrying: Retrying, method: str, path: str, **options: Any) -> Answer:
        """Ask what may be asked again in some cases; all tries share one deadline."""
        call = self._transport.call
        deadline = self._transport.timeouts.answer_deadline(options.get("wait_s", 0))
        return insisting(retrying, lambda: call(method, path, deadline=deadline, **options))

    def _scrubber(self, *secrets: str) -> Scrubber:
        return Scrubber(self._known(secrets))

    def _known(self, secrets: Iterable[str]) -> Iterator[str]:
        """Evaluated late: only foreign words call for it, and few answers hold any."""
        yield from secrets
        yield from self._transport.secrets


def was_there(answer: Answer, scrubber: Scrubber) -> bool:
    """Whether what was to be deleted was there.

    Args:
        answer: The answer to a DELETE.
        scrubber: Cleans foreign text.

    Raises:
        ApiError: The service did not do it.
    """
    if answer.status == _NOT_FOUND:
        return False
    return checked(answer, scrubber).status >= _OK
