"""The conversions of a case, and what their caller knows of them."""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis
from celery.states import READY_STATES
from kombu.exceptions import OperationalError

from chaos.raw_entries import RawEntries
from chaos.service import Service
from conveyor import Conveyor
from conveyor.domain.conversion import State
from conveyor.errors import Unavailable

__all__ = ["Load", "Outcome"]

_LOOK_EVERY_S: Final = 0.25
# One in so many is a signature with a callback, of which nobody but us takes notice.
_CALLED_EVERY: Final = 10
_CALLBACK: Final = "chaos.called"
_CALLBACK_QUEUE: Final = "celery"


@dataclass(frozen=True)
class Outcome:
    """How a conversion ended, as its caller sees it twice: by its handle and by `AsyncResult`.

    Attributes:
        state: The ledger's.
        status: Celery's.
        at: When both were first seen, seconds by the monotonic clock.
    """

    state: State
    status: str
    at: float


class Load:
    """Conversions that cost little and differ, so that paying one twice shows.

    Args:
        conveyor: To enqueue through.
        client: Valkey, beside every fault of the way.
        results: The result backend, likewise.
        service: Takes the document.
        folder: For the files that are staged.
        callbacks: Whether some are signatures. These are as durable as the broker until they run.
        staged_every: One in so many comes from a file of its own, which a worker uploads.

    Attributes:
        began: When, seconds since the epoch.
        ids: Of everything that was accepted.
        entries: What the ledger has of them.
        outcomes: Of what has ended and is known to its caller.
        premature: Whose caller was seen to be told of an end while there was none.
        refused: How many were not accepted, as their caller was told.
    """

    def __init__(
        self,
        conveyor: Conveyor,
        client: redis.Redis,
        results: redis.Redis,
        service: Service,
        folder: Path,
        *,
        callbacks: bool,
        staged_every: int,
    ) -> None:
        self._conveyor = conveyor
        self._client = client
        self._results = results
        self._service = service
        self._folder = folder
        self._callbacks = callbacks
        self._staged_every = staged_every
        self._document = ""
        self._names: dict[str, str] = {}
        self._next = 0
        self.ids: list[str] = []
        self.entries = RawEntries(client, self.ids)
        self.outcomes: dict[str, Outcome] = {}
        self.premature: set[str] = set()
        self.began = time.time()
        self.refused = 0
        self._called: dict[int, str] = {}

    @property
    def waiting(self) -> list[str]:
        """Whose caller does not know the outcome yet."""
        return [each for each in self.ids if each not in self.outcomes]

    def enqueue(self, count: int) -> None:
        """Have so many conversions accepted."""
        for _ in range(count):
            self._enqueue_next()

    def try_to_enqueue(self) -> None:
        """Have one accepted, or see that it is not."""
        try:
            self._enqueue_next()
        except (Unavailable, OperationalError):
            self.refused += 1

    def name_of(self, conversion_id: str) -> str:
        """The FileName that it was given, by which the service tells it from the others."""
        return self._names[conversion_id]

    def called(self) -> Counter[str]:
        """How often each callback was sent to its queue, by conversion; 0 for one that was not."""
        count = Counter(dict.fromkeys(self._called.values(), 0))
        for raw in self._client.lrange(_CALLBACK_QUEUE, 0, -1):
            message = json.loads(raw)
            if message["headers"]["task"] == _CALLBACK:
                (number,), *_ = json.loads(base64.b64decode(message["body"]))
                count[self._called[number]] += 1
        return count

    def _enqueue_next(self) -> None:
        number, self._next = self._next, self._next + 1
        # The sandbox tells conversions of one document apart by this.
        name = f"chaos-{number:05}"
        is_staged = number % self._staged_every == 0
        source = self._own_document(number) if is_staged else self._shared_document()
        conversion_id = self._enqueue(number, source, {"FileName": name})
        self.ids.append(conversion_id)
        self._names[conversion_id] = name

    def _enqueue(self, number: int, source: str | Path, params: dict[str, str]) -> str:
        if not self._callbacks or number % _CALLED_EVERY != _CALLED_EVERY // 2:
            return self._conveyor.convert(source, "zip", "any", params).id
        signature = self._conveyor.signature(source, to="zip", from_format="any", params=params)
        callback = self._conveyor.celery_app.signature(_CALLBACK, args=(number,), immutable=True)
        conversion_id = str(signature.apply_async(link=callback).id)
        self._called[number] = conversion_id
        return conversion_id

    def look(self) -> int:
        """See which outcomes have come to their callers.

        Returns:
            How many callers still wait.
        """
        waiting = self.waiting
        backend = self._conveyor.celery_app.backend
        # In this order: a result is stored when the ledger has ended, never before.
        with self._results.pipeline(transaction=False) as pipeline:
            for each in waiting:
                pipeline.get(backend.get_key_for_task(each))
            results = pipeline.execute()
        states = self.entries.fields("state", of=waiting)
        now = time.monotonic()
        for each, result in zip(waiting, results, strict=True):
            (raw,) = states[each]
            status = json.loads(result)["status"] if result else ""
            state = State(raw.decode()) if raw else None
            if status not in READY_STATES or state is None:
                continue
            if state.is_final:
                self.outcomes[each] = Outcome(state, status, now)
            else:
                self.premature.add(each)
        return len(self.waiting)

    def results(self) -> list[str]:
        """What the result backend holds of each, as it was written."""
        backend = self._conveyor.celery_app.backend
        found = self._results.mget([backend.get_key_for_task(each) for each in self.ids])
        return [raw.decode() for raw in found if isinstance(raw, bytes)]

    def watch(self, patience_s: float) -> None:
        """Look until every caller knows, or the patience is over."""
        deadline = time.monotonic() + patience_s
        while self.look() and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_S)

    def _shared_document(self) -> str:
        if not self._document:
            self._document = self._service.upload("shared.txt", b"a small document\n")
        return self._document

    def _own_document(self, number: int) -> Path:
        self._folder.mkdir(exist_ok=True)
        path = self._folder / f"own-{number:05}.txt"
        path.write_text(f"document {number}\n")
        return path
