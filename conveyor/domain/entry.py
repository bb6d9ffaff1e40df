"""A conversion as the workers know it. `conveyor.ledger.encoding` says what each field means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from conveyor.domain.answers import Result
from conveyor.domain.canvas import Caller
from conveyor.domain.conversion import Conversion, Failure, State, StoredFile
from conveyor.domain.dialect import Dialect
from conveyor.domain.request import ConversionRequest
from conveyor.domain.terms import NO_TERMS, Terms

__all__ = ["Entry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A conversion as the workers know it; `conversion` is what its caller may see of it.

    `seen_at` is the time at Redis when it was read, so that no host's clock decides anything.
    """

    id: str
    state: State
    turn: int
    request: ConversionRequest
    seen_at: float = field(default=0.0, compare=False)
    attempt: int = 1
    asked: str = ""
    terms: Terms = NO_TERMS
    source_name: str = ""
    shared: bool = False
    caller: Caller = field(default_factory=Caller)
    uploads: Mapping[str, str] = field(default_factory=dict)
    uploaded_at: float = 0.0
    uploads_host: str = ""
    uploads_account: str = ""
    reuploaded: bool = False
    job_id: str = ""
    base_url: str = ""
    dialect: Dialect = Dialect.PATH
    account: str = ""
    foreign_ids: bool = False
    held: bool = False
    held_at: float | None = None
    denials: int = 0
    webhook: bool = False
    webhook_received: bool = False
    delivered: bool = False
    sent: str = ""
    undelivered: int = 0
    deliveries: int = 0
    faults: int = 0
    since: float = 0.0
    confirmed: bool = False
    submits: int = 0
    lost: int = 0
    unclear: str = ""
    unclear_at: float | None = None
    missing: int = 0
    missing_at: float | None = None
    refusal: Failure | None = None
    asking: bool = False
    polls: int = 0
    consecutive_failures: int = 0
    stumbles: int = 0
    result: Result | None = None
    cost: int = 0
    files: tuple[StoredFile, ...] = ()
    stored: Mapping[int, StoredFile] = field(default_factory=dict)
    failure: Failure | None = None
    note: str = ""
    created_at: float = 0.0
    submitted_at: float | None = None
    unready_at: float | None = None
    usual_s: float | None = None
    late_s: float | None = None
    ready_at: float | None = None
    finished_at: float | None = None
    files_until: float | None = None
    files_removed_at: float | None = None
    deleted_at: float | None = None
    deadline_at: float | None = None

    @property
    def is_late(self) -> bool:
        """Whether it had not begun at the service when its deadline passed."""
        is_over = self.deadline_at is not None and self.seen_at >= self.deadline_at
        return is_over and self.state is State.QUEUED

    @property
    def waiting_s(self) -> float:
        """For how long its patience has counted, seconds."""
        return self.seen_at - (self.since or self.created_at)

    @property
    def held_s(self) -> float:
        """For how long the account's hold has kept it, seconds; 0 where none does."""
        return self.since_s(self.held_at)

    @property
    def job_age_s(self) -> float:
        """Seconds since the job was posted; 0 where it was not."""
        return self.since_s(self.submitted_at)

    @property
    def unready_s(self) -> float:
        """The job's age when the service last said that it was at work, seconds; 0 before that."""
        return max((self.unready_at or 0.0) - (self.submitted_at or 0.0), 0.0)

    @property
    def result_age_s(self) -> float:
        """Seconds since the result was seen; 0 where it was not."""
        return self.since_s(self.ready_at)

    def since_s(self, moment: float | None) -> float:
        """Seconds from a moment to when the entry was read; 0 where there is no moment."""
        return 0.0 if moment is None else self.seen_at - moment

    @property
    def conversion(self) -> Conversion:
        """Without job id, addresses and canvas."""
        return Conversion(
            id=self.id,
            state=self.state,
            from_format=self.request.from_format,
            to_format=self.request.to_format,
            # Those that are stored before all are do not count as a result.
            files=self._shown_files if self.state is State.SUCCEEDED else (),
            files_until=self.files_until,
            cost=self.cost,
            polls=self.polls,
            submits=self.submits,
            created_at=self.created_at,
            submitted_at=self.submitted_at,
            ready_at=self.ready_at,
            finished_at=self.finished_at,
            failure=self.failure,
            source_name=self.source_name,
            metadata=self.terms.metadata,
            deadline_at=self.deadline_at,
        )

    @property
    def _shown_files(self) -> tuple[StoredFile, ...]:
        """The stored files, which say when they were removed."""
        if self.files_removed_at is None:
            return self.files
        return tuple(replace(file, removed_at=self.files_removed_at) for file in self.files)
