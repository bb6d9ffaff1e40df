"""What the client did, counted: requests, polls, charges, and breaches of the protocol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["COUNTERS", "VIOLATIONS", "Audit"]

# Counter → what it counts, in the order in which the report shows them.
COUNTERS: Final[Mapping[str, str]] = {
    "requests": "requests, except to the sandbox's own addresses",
    "submits": "POSTs that ask for a conversion, whatever became of them",
    "jobs": "conversions taken",
    "paid": "conversions charged",
    "paid_duplicates": "charges for what was charged before",
    "reposted_after_paid": "submits under a JobId that was charged before, refused ones too",
    "polls": "polls",
    "polls_during_submit": "polls of a job whose submit still waits for its answer",
    "polls_with_credentials": "polls with an `Authorization` header; they need none",
    "overlapping_polls": "polls of a job while another one was in flight",
    "early_polls": "polls of a job too soon after the last one ended",
    "unknown_polls": "polls of a job that is not there",
    "polls_after_result": "polls of a job whose outcome was told before",
    "throttled": "requests answered by the service's throttle",
    "uploads": "files uploaded",
    "downloads": "files downloaded",
    "partial_downloads": "downloads of a part of a file",
    "foreign_file_ids": "FileIds in submits that this sandbox never knew",
    "deletes": "requests to delete a job or a file, whatever became of them",
    "deleted_jobs": "jobs deleted",
    "deleted_files": "files deleted",
    "webhooks_sent": "webhook calls that were answered",
    "webhooks_lost": "webhook calls that came to nothing",
    "bad_credentials": "requests refused for their credential",
    "misplaced_parameters": "`WebHook`, `Async` and `JobId` outside of the query",
    "requests_astray": "requests to the other host, see below",
    "credentials_astray": "requests to the other host that carried a credential",
}

# What a client that keeps the protocol never does.
VIOLATIONS: Final = (
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
        """Add to a counter of `COUNTERS`.

        Args:
            name: The counter.
            times: How much is added.
        """
        self._counts[name] += times

    def fault(self, name: str) -> None:
        """Note that a fault struck.

        Args:
            name: The fault's name.
        """
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
        """Note how a job ended.

        Args:
            name: `succeeded`, `failed` or `deleted`.
        """
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
