"""What a test asks of a fake: what was enqueued, and how often was paid."""

from __future__ import annotations

from typing import Any

from conveyor.testing.enqueued import Enqueued, described
from conveyor.testing.worker import FakeWorker

__all__ = ["Asserting"]


class Asserting:
    """The part of `conveyor.testing.FakeConveyor` that tells what your code has asked for."""

    _enqueued: list[Enqueued]
    _worker: FakeWorker

    @property
    def enqueued(self) -> list[Enqueued]:
        """The conversions that were accepted, in their order. A repeated key is none."""
        return list(self._enqueued)

    def assert_enqueued(self, **asked: Any) -> Enqueued:
        """Assert that a conversion like this was enqueued.

        Args:
            asked: What it was like: ``to``, ``from_format``, ``source`` (the name or the URL of one
                source), ``params``, ``metadata``, ``idempotency_key``. Of a mapping, what you name.

        Returns:
            The last one that fits.

        Raises:
            AssertionError: None does. The message lists what was enqueued.
        """
        found = [each for each in self._enqueued if each.fits(asked)]
        if not found:
            raise AssertionError(f"Nothing like {asked} was enqueued. {described(self._enqueued)}")
        return found[-1]

    def assert_nothing_enqueued(self) -> None:
        """Assert that nothing was enqueued.

        Raises:
            AssertionError: Something was. The message lists it.
        """
        if self._enqueued:
            raise AssertionError(described(self._enqueued))

    @property
    def paid(self) -> int:
        """How many jobs were paid so far, or may have been."""
        return len(self._worker.paid)

    def assert_paid(self, times: int) -> None:
        """Assert how many jobs were paid so far.

        Args:
            times: How many.

        Raises:
            AssertionError: It is another number.
        """
        if self.paid != times:
            raise AssertionError(f"{self.paid} jobs were paid, not {times}.")
