"""What a signature's message asks for, read by whoever gets it: checked, and opened once.

Anybody may have written the message, and it may come twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from conveyor.domain.callback import Callback
from conveyor.domain.canvas import Caller
from conveyor.domain.request import ConversionRequest
from conveyor.domain.sources import SourceKind
from conveyor.domain.terms import Terms
from conveyor.errors import InvalidRequest
from conveyor.ledger import Entry, Ledger, is_another
from conveyor.producing.fingerprint import fingerprint_of
from conveyor.storage import Storage

__all__ = ["Signed"]

_MOST_ID_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature's message asks for.

    Attributes:
        id: The task's id, which is the conversion's.
        request: What is asked.
        asked: A hash of the request, by which a repeat is told.
        terms: What its caller wants beside it, as `Terms.plain` has it.
    """

    id: str
    request: ConversionRequest
    asked: str
    terms: Mapping[str, Any] | None = None

    @classmethod
    def read(
        cls, task_id: str, call: tuple[Any, ...], asked: str, terms: Mapping[str, Any] | None
    ) -> Self:
        """Read a message.

        Args:
            task_id: Its task's id.
            call: What is asked, as `ConversionRequest.build` takes it.
            asked: A hash of the request; empty where the message has none.
            terms: What its caller wants beside it.

        Raises:
            InvalidRequest: It can't be right.
        """
        _check_id(task_id)
        request = _checked(ConversionRequest.build(*call))
        return cls(task_id, request, asked or fingerprint_of(request), terms)

    def open(
        self,
        ledger: Ledger,
        storage: Storage,
        caller: Caller,
        *,
        callback: Callback | None = None,
    ) -> Entry:
        """Accept the conversion.

        Args:
            ledger: Where its entry is written.
            storage: Where its staged sources lie.
            caller: What Celery was asked to do after it.
            callback: Who hears of it where its caller has named nobody.

        Returns:
            Its entry: another message of this id may have been first.

        Raises:
            InvalidRequest: The terms can't be right.
            RevokedBefore: Its id was revoked.
            LedgerUnavailable: Redis can't be reached.
        """
        opened = ledger.open(
            *(self.id, self.request, caller),
            takes=storage.tokens_of(self.request.addresses),
            asked=self.asked,
            terms=_terms_of(self.terms).with_default(callback),
            unless_revoked=True,
            # What is due is claimed right after, this one among it.
            rings=False,
        )
        return opened or ledger.get(self.id)

    def check_same(self, entry: Entry) -> None:
        """Refuse a message whose id another conversion has.

        Args:
            entry: The conversion that has the id.

        Raises:
            InvalidRequest: It is another.
        """
        if is_another(entry.asked, self.asked):
            raise InvalidRequest(
                f"The task_id {entry.id!r} was used for a different conversion. Use another id. "
                "That conversion keeps running and keeps its files."
            )


def _terms_of(plain: Mapping[str, Any] | None) -> Terms:
    """Read the terms of a message, which anybody may have written."""
    try:
        return Terms.from_plain(plain or {})
    except InvalidRequest:
        raise
    except (TypeError, ValueError):
        raise InvalidRequest(
            "The terms of this message are not valid. Make it with conveyor.signature()."
        ) from None


def _check_id(conversion_id: str) -> None:
    if not conversion_id.isprintable() or len(conversion_id) > _MOST_ID_CHARACTERS:
        raise InvalidRequest(
            f"This task_id can't be a conversion's id. Use up to {_MOST_ID_CHARACTERS} printable "
            "characters."
        )


def _checked(request: ConversionRequest) -> ConversionRequest:
    if any(source.kind is SourceKind.LOCAL for source in request.attachments.values()):
        raise InvalidRequest(
            "A worker can't read a path on the producer's machine. Enqueue with "
            "conveyor.signature() or conveyor.convert(), which stage the file, or use an fsspec "
            "URL."
        )
    return request
