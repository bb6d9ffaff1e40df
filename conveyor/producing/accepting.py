"""How a producer accepts a conversion: as a whole, or nothing of it is left.

1. Local files are staged.
2. One script opens the entry, binds the idempotency key and takes the staged files.
3. The bell rings. Where it can't, the entry is taken back, unless a worker has it in hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event
from uuid import uuid4

from conveyor import names
from conveyor.domain.canvas import Caller
from conveyor.domain.request import ConversionRequest
from conveyor.domain.terms import Terms
from conveyor.errors import ConveyorError, LedgerUnavailable
from conveyor.ledger import AlreadyAccepted, Idempotency, NotRung
from conveyor.messaging.publishing import announce
from conveyor.producing.fingerprint import fingerprint_of
from conveyor.producing.local_sources import LocalSources, has_local, local_first
from conveyor.producing.taking_back import Candidate, TakingBack, acceptance_unknown
from conveyor.producing.wiring import ProducerServices

__all__ = ["Acceptance", "Asked"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller asks for.

    Attributes:
        build: Makes the request.
        terms: What the caller wants beside the conversion.
        key: The idempotency key, None without one.
        caller: What runs after the conversion, None where nothing does.
    """

    build: Callable[[], ConversionRequest]
    terms: Terms
    key: str | None = None
    caller: Caller | None = None


@dataclass
class _Order:
    """One call of `Acceptance.accept`, which may be cancelled while a thread is at it.

    Attributes:
        asked: What is asked for.
        withdrawn: Set when nobody waits for it any more.
        take_back: Takes back what was accepted, if no worker has it in hand.
    """

    asked: Asked
    withdrawn: Event = field(default_factory=Event)
    take_back: Callable[[], None] = lambda: None

    def check(self) -> None:
        """Raise if the caller has given up, so that the work ends here.

        Raises:
            ConveyorError: It was withdrawn.
        """
        if self.withdrawn.is_set():
            raise ConveyorError(
                "The task that asked for the conversion was cancelled meanwhile. Ask again."
            )


class Acceptance:
    """Accepts conversions for one producer.

    Args:
        services: What the producer works with.
    """

    def __init__(self, services: ProducerServices) -> None:
        self._services = services
        self._sources = LocalSources(services)
        self._taking_back = TakingBack(services)
        # Whether the last conversion was accepted: then the next one need not ask for Redis first.
        self._was_redis_there = False

    def accept(self, asked: Asked) -> str:
        """Accept a conversion: write its entry and make it due.

        Args:
            asked: What is asked for.

        Returns:
            The conversion's id: of an earlier one, where the key was used for the same request.

        Raises:
            InvalidRequest: The request can't be right, or the key was used for another one.
            BrokerUnavailable: The message could not be published.
            LedgerUnavailable: Redis can't be reached.
            AcceptanceUnknown: Redis went away in that moment.
            StorageError: A local file can't be staged.
        """
        return self._accept(_Order(asked))

    async def aaccept(self, asked: Asked) -> str:
        """Accept a conversion in a thread; where the caller is cancelled, take it back.

        A caller that is cancelled waits until what is under way has ended. A conversion that a
        worker has in hand by then goes on.

        Args:
            asked: As in `accept`.
        """
        order = _Order(asked)
        accepting = asyncio.ensure_future(asyncio.to_thread(self._accept, order))
        try:
            return await asyncio.shield(accepting)
        except asyncio.CancelledError:
            order.withdrawn.set()
            with suppress(Exception):
                await asyncio.shield(accepting)
                # It was accepted before its thread could see that nobody waits for it.
                await asyncio.to_thread(order.take_back)
            raise

    def _accept(self, order: _Order) -> str:
        services, key, request = self._services, order.asked.key, local_first(order.asked.build())
        if has_local(request) or not self._was_redis_there:
            # Before anything is staged. Where Redis is away, nothing was accepted for sure.
            services.ledger.check()
        if key is None:
            return self._open(str(uuid4()), request, None, order)
        idempotency = Idempotency(key, fingerprint_of(request))
        known = services.ledger.accepted_under(idempotency)
        if known is not None and services.ledger.join(known):
            services.staging.remove(self._sources.owned(request))
            return known
        return self._open(known or str(uuid4()), request, idempotency, order)

    def _open(
        self,
        conversion_id: str,
        asked: ConversionRequest,
        idempotency: Idempotency | None,
        order: _Order,
    ) -> str:
        """Stage, open the entry, ring.

        Returns:
            The conversion's id: of another producer's, where that was first with the key.
        """
        request = self._sources.stage(asked)
        new = Candidate(conversion_id, request, self._sources.owned(request), idempotency)
        try:
            order.check()
            opened = self._services.ledger.open(
                conversion_id,
                request,
                order.asked.caller,
                owns=new.owned,
                takes=self._services.storage.tokens_of(request.addresses),
                terms=order.asked.terms.with_default(self._services.settings.callback),
                idempotency=idempotency,
            )
        except NotRung as error:
            return self._taking_back.when_not_rung(new, error.__cause__ or error)
        except AlreadyAccepted as first:
            return self._join_instead(first.bound, asked, new, order)
        except LedgerUnavailable as error:
            self._was_redis_there = False
            raise acceptance_unknown(conversion_id, error) from error
        except Exception:
            self._sources.unstage_new(asked, request)
            raise
        except BaseException:
            # Ctrl-C, or a time-out of gevent's: the entry may be there, with nobody to know of it.
            self._taking_back.quietly(new)
            raise
        if opened is None:
            return self._join_instead(conversion_id, asked, new, order)
        return self._accepted(new, order)

    def _accepted(self, new: Candidate, order: _Order) -> str:
        self._was_redis_there = True
        order.take_back = lambda: self._taking_back.quietly(new)
        announce(self._services.publisher, new.id, names.SUBMIT, new.request.redacted())
        if order.withdrawn.is_set():
            order.take_back()
        return new.id

    def _join_instead(
        self, conversion_id: str, asked: ConversionRequest, new: Candidate, order: _Order
    ) -> str:
        """Hold the conversion of a producer that was first; open it, if that one has let it go."""
        if self._services.ledger.join(conversion_id):
            self._services.staging.remove(new.owned)
            return conversion_id
        self._sources.unstage_new(asked, new.request)
        # One that was deleted has let the key go, and its id is never used again.
        is_deleted = self._services.ledger.deletion(conversion_id) is not None
        again = str(uuid4()) if is_deleted else conversion_id
        return self._open(again, asked, new.idempotency, order)
