"""Many conversions at once: converted side by side, under one bar, each one told once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from conveyor.cli import console, files, json_lines
from conveyor.cli.bar import Bar
from conveyor.cli.failures import Interrupted, StillConverting, explain, tell
from conveyor.cli.orders import Order, name_of
from conveyor.cli.text import count
from conveyor.domain.conversion import Conversion
from conveyor.errors import (
    AccountHeld,
    ConveyorError,
    InvalidRequest,
    LedgerUnavailable,
    Unavailable,
)

if TYPE_CHECKING:
    from conveyor.handle import Handle
    from conveyor.producer import Conveyor
    from conveyor.watching.fleet import Status

__all__ = ["Batch"]

_LOOK_EVERY_S: Final = 0.1
_GROWTH: Final = 1.2
_LOOK_AT_LEAST_EVERY_S: Final = 1.0
_INTERRUPTED: Final = "interrupted."

Enqueue = Callable[[Order], "Handle"]


@dataclass
class Batch:
    """Many conversions, and what became of them so far.

    Attributes:
        conveyor: The library.
        out: The folder for the results.
        replace: Whether files are replaced that were there before.
        bar: Shows how far they are.
        total: How many there are.
        running: What each converts that has not been fetched, by its id.
        succeeded: How many have their files in the folder.
        failed: How many have ended otherwise, or could not be fetched.
        refused: How many were not accepted.
        cost: What they cost.
    """

    conveyor: Conveyor
    out: Path
    replace: bool
    bar: Bar
    total: int
    running: dict[str, tuple[str, ...]] = field(default_factory=dict)
    succeeded: int = 0
    failed: int = 0
    refused: int = 0
    cost: int = 0
    _written: set[Path] = field(default_factory=set)

    def enqueue(self, orders: Sequence[Order], enqueue: Enqueue) -> None:
        """Enqueue them. What can't be right is told, and does not stop the others.

        Args:
            orders: What to convert.
            enqueue: Enqueues one.

        Raises:
            Interrupted: The user pressed Ctrl-C. What was enqueued keeps running.
            Unavailable: A part can't be reached from here. What was enqueued keeps running.
        """
        with self._going_on():
            for order in orders:
                try:
                    self.running[enqueue(order).id] = order.sources
                except InvalidRequest as error:
                    self.refused += 1
                    self._tell(error, order.sources)
                self.bar.show("enqueuing", 0, f"{len(self.running)} of {self.total}")

    def follow(self, timeout_s: float | None) -> None:
        """Look on until all have ended, and fetch each one's files when it has.

        Args:
            timeout_s: How long, seconds; None looks on for ever.

        Raises:
            StillConverting: Some are still under way, and keep running.
            AccountHeld: All that are left wait until their account is repaired.
            Interrupted: The user pressed Ctrl-C. What was enqueued keeps running.
            Unavailable: A part can't be reached from here. What was enqueued keeps running.
        """
        begun, pause_s = time.monotonic(), _LOOK_EVERY_S
        with self._going_on():
            while self._look():
                left_s = _LOOK_AT_LEAST_EVERY_S
                if timeout_s is not None:
                    left_s = begun + timeout_s - time.monotonic()
                    if left_s <= 0:
                        raise StillConverting(
                            f"The wait of {timeout_s:g} s is over. {self._still()}",
                            [*self.running],
                        )
                time.sleep(min(pause_s, left_s))
                pause_s = min(pause_s * _GROWTH, _LOOK_AT_LEAST_EVERY_S)

    def end(self) -> None:
        """Say how many have succeeded.

        Raises:
            Exit: Some have not: with status 2 where nothing was even enqueued, else with 1.
        """
        lost = self.failed + self.refused
        console.note(
            f"{self.succeeded} of {self.total} succeeded, and cost {self.cost}."
            + (f" {lost} did not." if lost else ""),
            succeeded=self.succeeded,
            failed=self.failed,
            refused=self.refused,
            cost=self.cost,
        )
        if lost:
            raise typer.Exit(2 if self.refused == self.total else 1)

    def _look(self) -> bool:
        """Take in what has ended. Whether any is left."""
        # Loaded here: it brings Redis' client, and help does not need that.
        from conveyor.watching.fleet import statuses_of  # noqa: PLC0415 - as the comment above says

        statuses = statuses_of(self.conveyor.ledger, [*self.running])
        for conversion_id in [*self.running]:
            status = statuses.get(conversion_id)
            if status is None or status.conversion.state.is_final:
                self._take(conversion_id, status)
        left = [statuses[conversion_id].progress for conversion_id in self.running]
        done = self.succeeded + self.failed + self.refused
        self.bar.show(
            "converting",
            done + sum(progress.fraction or 0.0 for progress in left),
            f"{done} of {self.total}" + (f", {self.failed} failed" if self.failed else ""),
        )
        if left and all(progress.held for progress in left):
            wait = "waits" if len(left) == 1 else "wait"
            raise AccountHeld(
                f"{count(len(left), 'conversion')} {wait}, and nothing is lost: {left[0].note} "
                f"Once that is repaired, run: {self._wait()}"
            )
        return bool(left)

    def _take(self, conversion_id: str, status: Status | None) -> None:
        """Fetch what has ended, or tell why there is nothing to fetch."""
        sources = self.running[conversion_id]
        try:
            # One that is lost or damaged is found by no look at many: this says what became of it.
            conversion = status.conversion if status else self.conveyor.get(conversion_id)
            self._fetch(conversion, sources)
        except LedgerUnavailable:
            raise
        except ConveyorError as error:
            self.failed += 1
            self._tell(error, sources)
        del self.running[conversion_id]

    def _fetch(self, conversion: Conversion, sources: Sequence[str]) -> None:
        try:
            conversion.raise_if_failed()
            saved = self._save(conversion)
        except ConveyorError:
            self._show(conversion, sources, [])
            raise
        self.succeeded += 1
        self._show(conversion, sources, saved)

    def _save(self, conversion: Conversion) -> list[Path]:
        storage, out = self.conveyor.storage, self.out
        return files.fetch(conversion, storage, out, replace=self.replace, written=self._written)

    def _show(self, conversion: Conversion, sources: Sequence[str], saved: Sequence[Path]) -> None:
        self.cost += conversion.cost
        if json_lines.is_wanted():
            json_lines.put(plain_of(conversion, sources, saved))
            return
        for path in saved:
            self.bar.say(f"saved     {path}")

    def _tell(self, error: Exception, sources: Sequence[str]) -> None:
        say = partial(console.say, self.bar.console)
        tell(explain(error), name_of(sources), say, sources=list(sources))

    @contextmanager
    def _going_on(self) -> Iterator[None]:
        """Say, when looking on ends early, what does not end with it."""
        try:
            yield
        except KeyboardInterrupt:
            raise Interrupted(f"{_INTERRUPTED} {self._still()}", [*self.running]) from None
        except Unavailable as error:
            raise type(error)(f"{error} {self._still()}") from error

    def _still(self) -> str:
        if not self.running:
            return "No conversion is left running."
        keep = "keeps" if len(self.running) == 1 else "keep"
        return (
            f"{count(len(self.running), 'conversion')} {keep} running. To fetch the results "
            f"later, run: {self._wait()}"
        )

    def _wait(self) -> str:
        return f"conveyor wait {' '.join(self.running)} --out {self.out}"


def plain_of(
    conversion: Conversion, sources: Sequence[str], saved: Sequence[Path]
) -> dict[str, object]:
    """A conversion as ``--json`` shows it after it was fetched.

    Args:
        conversion: At its end.
        sources: What it converted, as typed; empty where that is not known here.
        saved: Where its files lie now.
    """
    return {
        **conversion.to_dict(),
        "sources": list(sources),
        "saved": [str(path) for path in saved],
    }
