"""What workers report to `conveyor doctor`, beside the way of results."""

from __future__ import annotations

from typing import cast

from conveyor.ledger.connection import Client, translated
from conveyor.ledger.keys import KEEP_CHECK_S

__all__ = ["Reports"]


class Reports:
    """Reports by the id of the question, for a minute.

    Args:
        client: From `conveyor.ledger.connect`.
    """

    def __init__(self, client: Client) -> None:
        self._redis = client
        self._keys = client.keyspace

    def put(self, question_id: str, report: str) -> None:
        """Leave a report.

        Args:
            question_id: Which question it answers.
            report: JSON.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            self._redis.set(self._keys.report(question_id), report, ex=KEEP_CHECK_S)

    def get(self, question_id: str) -> str | None:
        """A report; None where there is none yet.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            return cast("str | None", self._redis.get(self._keys.report(question_id)))
