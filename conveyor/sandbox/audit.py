"""What the client did, counted: requests, polls, charges, and breaches of the protocol."""

from __future__ import annotations

from collections import Counter
from typing import Any

#: Counters in the order in which the report shows them.
COUNTERS = (
    "requests",
    "submits",
    "jobs",
    "paid",
    "paid_duplicates",
    "reposted_after_paid",
    "polls",
    "polls_during_submit",
    "polls_with_credentials",
    "overlapping_polls",
    "early_polls",
    "unknown_polls",
    "polls_after_result",
    "throttled",
    "uploads",
    "downloads",
    "partial_downloads",
    "foreign_file_ids",
    "deletes",
    "deleted_jobs",
    "deleted_files",
    "webhooks_sent",
    "webhooks_lost",
    "bad_credentials",
    "misplaced_parameters",
    "requests_astray",
    "credentials_astray",
)

#: What a client that keeps the protocol never does.
VIOLATIONS = (
    "overlapping_polls",
    "early_polls",
    "paid_duplicates",
    "reposted_after_paid",
    "polls_during_submit",
    "misplaced_parameters",
    "credentials_astray",
)


class Audit:
    """The counts since the start or the last reset. Only the event loop's thread writes.

    Args:
        fingerprints: Count a charge for an equal conversion as a duplicate, whatever its id.
    """

    def __init__(self, *, fingerprints: bool = False) -> None:
        self._fingerprints = fingerprints
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._counts: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._charged: set[str] = set()
        self._charges: Counter[str] = Counter()

    def count(self, name: str, times: int = 1) -> None:
        """Add to a counter of `COUNTERS`."""
        self._counts[name] += times

    def fault(self, name: str) -> None:
        """Note that a fault struck."""
        self._faults[name] += 1

    def posted(self, job_id: str) -> None:
        """Note a submit, whatever becomes of it.

        Args:
            job_id: The id that its client gave.
        """
        if job_id in self._charged:
            self.count("reposted_after_paid")

    def charge(self, job_id: str | None, fingerprint: str, name: str = "") -> None:
        """Note that a job was taken and charged.

        Args:
            job_id: The id its client gave, if any.
            fingerprint: What is converted into what, as a digest.
            name: Its FileName, if one was given.
        """
        self._charges[name] += 1
        self.count("jobs")
        self.count("paid")
        marks = {job_id} if job_id is not None else set()
        if self._fingerprints:
            marks.add(fingerprint)
        if marks & self._charged:
            self.count("paid_duplicates")
        self._charged |= marks

    @property
    def charges(self) -> dict[str, int]:
        """How often each was charged, by the FileName that was given."""
        return dict(self._charges)

    def outcome(self, name: str) -> None:
        """Note how a job ended."""
        self._outcomes[name] += 1

    def report(self) -> dict[str, Any]:
        """Return all counts as a JSON object."""
        # A job that was replaced under its own id may end after a reset.
        unfinished = max(0, self._counts["jobs"] - self._outcomes.total())
        return {
            **{name: self._counts[name] for name in COUNTERS},
            "violations": sum(self._counts[name] for name in VIOLATIONS),
            "jobs_by_outcome": {**self._outcomes, "in_progress": unfinished},
            "faults": dict(self._faults),
        }
