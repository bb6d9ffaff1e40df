"""The beginning of a conversion: it is accepted, or taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from conveyor.domain.canvas import Caller
from conveyor.domain.entry import Entry
from conveyor.domain.request import ConversionRequest
from conveyor.domain.request_json import dump_request
from conveyor.domain.source_names import source_name_of
from conveyor.domain.terms import NO_TERMS, Terms, dump_terms
from conveyor.ledger.callers import dump_caller
from conveyor.ledger.change_spec import FORGET
from conveyor.ledger.changes import AlreadyAccepted, Bells, Changes
from conveyor.ledger.connection import Client
from conveyor.ledger.encoding import VERSION
from conveyor.ledger.idempotency import Idempotency, binding, bound_value, same_of
from conveyor.ledger.keys import KEEP_FINISHED_S, hash_of_key
from conveyor.ledger.metadata_index import found_by
from conveyor.ledger.reservations import KEEP_SIGNED_S
from conveyor.ledger.scripts import script

__all__ = ["Accepting"]

# As many as a Celery worker keeps.
_MOST_REVOKED: Final = 50_000


class Accepting(Changes):
    """Accepts conversions, each once.

    Args:
        client: From `conveyor.ledger.connect`.
        bells: Rings for what is due.
    """

    def __init__(self, client: Client, bells: Bells | None = None) -> None:
        super().__init__(client, bells)
        self._join = client.register_script(script("join"))
        self._revoke = client.register_script(script("revoke"))

    def open(
        self,
        conversion_id: str,
        request: ConversionRequest,
        caller: Caller | None = None,
        owns: Sequence[str] = (),
        takes: Sequence[str] = (),
        *,
        asked: str = "",
        terms: Terms = NO_TERMS,
        idempotency: Idempotency | None = None,
        unless_revoked: bool = False,
        rings: bool = True,
    ) -> Entry | None:
        """Accept a conversion: write its entry and make it due.

        Args:
            conversion_id: Its id.
            request: What is asked.
            caller: What Celery was asked to do after it.
            owns: Tokens of the staged folders that are its own from now on.
            takes: The same of folders that may be somebody's already. Those that signatures share
                stay theirs, and their time begins anew.
            asked: What a signature's message asks for, as a hash.
            terms: What its caller wants beside the conversion.
            idempotency: The producer's idempotency key, which is bound in the same step.
            unless_revoked: Whether Celery may have been asked to revoke its id.
            rings: Whether to ring for it; not where whoever accepts it takes up what is due.

        Raises:
            AlreadyAccepted: The key is another conversion's, of the same request.
            InvalidRequest: One of the folders is gone, or belongs to another conversion. Or the key
                was used for a different request.
            RevokedBefore: Its id was revoked.
        """
        texts = {
            "caller": dump_caller(caller) if caller is not None else "",
            "asked": asked,
            "terms": dump_terms(terms),
            "found_by": " ".join(found_by(terms.metadata)),
            "notify": terms.callback.notify if terms.callback else "",
            "source_name": source_name_of(request.sources),
            "key": hash_of_key(idempotency.key) if idempotency is not None else "",
        }
        fields = {"v": VERSION, "turn": 0, "attempt": 1, "request": dump_request(request)}
        fields |= {name: text for name, text in texts.items() if text}
        try:
            return self._change(
                "open",
                conversion_id,
                set=fields,
                stamp=["created_at"],
                owns=list(owns),
                takes=list(takes),
                sign_s=KEEP_SIGNED_S,
                unless_revoked=unless_revoked,
                deadline=None if terms.deadline is None else terms.deadline.plain(),
                due_in=0,
                bell=rings,
                **binding(idempotency, conversion_id),
            )
        except AlreadyAccepted as error:
            raise AlreadyAccepted(same_of(cast("Idempotency", idempotency), error.bound)) from None

    def accepted_under(self, idempotency: Idempotency) -> str | None:
        """The conversion that an idempotency key is bound to.

        Args:
            idempotency: The key, and what is asked for under it.

        Returns:
            Its id; None where the key is new.

        Raises:
            InvalidRequest: The key was used for a different request.
        """
        with self._translated():
            bound = cast("str | None", self._redis.get(self._keys.idempotency(idempotency.key)))
        return None if bound is None else same_of(idempotency, bound)

    def join(self, conversion_id: str) -> bool:
        """Hold a conversion that another producer has enqueued: it is not taken back any more.

        Args:
            conversion_id: The conversion's id.

        Returns:
            Whether there is one.
        """
        with self._translated():
            return bool(self._join(keys=[self._keys.conversion(conversion_id)], args=[VERSION]))

    def record_revoked(self, conversion_id: str) -> bool:
        """Record that a still unknown id was revoked, so that it never begins.

        Args:
            conversion_id: The id.

        Returns:
            Whether it is noted; not where there is such a conversion, which can be cancelled.
        """
        with self._translated():
            known = self._revoke(
                keys=[self._keys.conversion(conversion_id), self._keys.revoked],
                args=[conversion_id, KEEP_FINISHED_S, _MOST_REVOKED],
            )
        return not known

    def forget(self, conversion_id: str, idempotency: Idempotency | None = None) -> bool:
        """Undo an `open` after its message could not be published: the conversion was not accepted.

        Args:
            conversion_id: The conversion's id.
            idempotency: The idempotency key that it was opened with, which is free again.

        Returns:
            Whether it is forgotten; not where a worker has it in hand, for then a bell has been
            rung all the same. Nor where another producer holds it by its key.
        """
        value = {} if idempotency is None else {"free_key": bound_value(idempotency, conversion_id)}
        ran = self._run(
            "forget",
            conversion_id,
            key=idempotency.key if idempotency else None,
            guards={"turn": 0, "joined": ""},
            due_in=False,
            unrung=True,
            unnoticed=True,
            keep_s=FORGET,
            silent=True,
            **value,
        )
        return bool(ran.done)
