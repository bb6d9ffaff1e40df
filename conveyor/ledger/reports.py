"""What workers report to `conveyor doctor`, beside the way of results."""

from __future__ import annotations

from typing import cast

import redis

from conveyor.ledger import keys
from conveyor.ledger.connection import translated

__all__ = ["Reports"]


class Reports:
    """Reports by the id of the question, for a minute.

    Args:
        client: From `conveyor.ledger.connect`.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def put(self, question_id: str, report: str) -> None:
        """Leave a report.

        Args:
            question_id: Which question it answers.
            report: JSON.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            self._redis.set(keys.report(question_id), report, ex=keys.KEEP_CHECK_S)

    def get(self, question_id: str) -> str | None:
        """A report; None where there is none yet.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            return cast("str | None", self._redis.get(keys.report(question_id)))
