"""A ledger entry: the hash's fields, and the record that they make.

===================  ==========================================================================
``state``            `conveyor.State`
``wakeup``           the number of the wake-up that is awaited; any other is stale
``token``            of the last transition
``request``          what was asked, JSON
``caller``           the caller's canvas, JSON; absent where it has none
``uploads``          FileIds of uploaded attachments by their key, JSON; with ``uploaded_at``
``uploads_host``     the host that has them; they are never used, nor deleted, at another
``uploads_account``  the account that they were uploaded for
``reuploaded``       1 once uploads that the service had lost were forgotten: it happens once
``job_id``           ours, stored before the POST; a secret (invariant I5)
``base_url``         the host that took the job
``dialect``          the dialect that it was started in
``account``          the fingerprint of the account that it was submitted for
``deliveries``       how often its delivery was begun
``told``             1 once the caller has the outcome
``since``            when it was replayed or last held: its patience counts from there
``foreign_ids``      1 where that account's service was seen to answer with ids of its own
``held``             1 while the account's submits are on hold
``webhook``          1 where the service was asked to call when the job ends
``called``           1 from its call until the next poll begins
``alive``            1 once the service was seen to have the job
``submits``          POSTs begun; ``polls``: polls answered
``strikes``          answers in a row that said nothing of the job: throttles, proxy errors
``result``           the service's result, JSON: paid
``files``            stored files, JSON
``failure``          why it ended without files, JSON
``note``             what holds it up, in words
``*_at``             seconds since the epoch
===================  ==========================================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from conveyor.canvas import Caller
from conveyor.conversion import Conversion, Failure, FailureKind, State, StoredFile
from conveyor.protocol import Dialect, RemoteFile, Result
from conveyor.request import ConversionRequest

__all__ = ["Entry", "decode", "dump_failure", "dump_files", "dump_result", "fields_of"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A conversion as the workers know it; `conversion` is what its caller may see of it."""

    id: str
    state: State
    wakeup: int
    request: ConversionRequest
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
    webhook: bool = False
    called: bool = False
    told: bool = False
    deliveries: int = 0
    since: float = 0.0
    alive: bool = False
    submits: int = 0
    polls: int = 0
    strikes: int = 0
    result: Result | None = None
    files: tuple[StoredFile, ...] = ()
    failure: Failure | None = None
    note: str = ""
    created_at: float = 0.0
    submitted_at: float | None = None
    ready_at: float | None = None
    finished_at: float | None = None

    @property
    def waiting_since(self) -> float:
        """From when on its patience counts, seconds since the epoch."""
        return self.since or self.created_at

    @property
    def conversion(self) -> Conversion:
        """Without job id, addresses and canvas."""
        return Conversion(
            id=self.id,
            state=self.state,
            from_format=self.request.from_format,
            to_format=self.request.to_format,
            # Those that are stored before all are do not count as a result.
            files=self.files if self.state is State.SUCCEEDED else (),
            cost=self.result.cost if self.result else 0,
            polls=self.polls,
            submits=self.submits,
            created_at=self.created_at,
            submitted_at=self.submitted_at,
            ready_at=self.ready_at,
            finished_at=self.finished_at,
            failure=self.failure,
        )


def fields_of(flat: Sequence[str]) -> dict[str, str]:
    """A hash as a script returns it: names and values by turns."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def decode(conversion_id: str, fields: Mapping[str, str]) -> Entry:
    """Read an entry.

    Args:
        conversion_id: Whose.
        fields: The hash.

    Returns:
        The record.
    """
    get = fields.get
    return Entry(
        id=conversion_id,
        state=State(fields["state"]),
        wakeup=int(get("wakeup", "0")),
        request=ConversionRequest.from_json(fields["request"]),
        caller=Caller.from_json(fields["caller"]) if "caller" in fields else Caller(),
        uploads=_json(get("uploads"), {}),
        uploaded_at=_time(get("uploaded_at")) or 0.0,
        uploads_host=get("uploads_host", ""),
        uploads_account=get("uploads_account", ""),
        reuploaded=get("reuploaded") == "1",
        job_id=get("job_id", ""),
        base_url=get("base_url", ""),
        dialect=Dialect(get("dialect", Dialect.PATH)),
        account=get("account", ""),
        foreign_ids=get("foreign_ids") == "1",
        held=get("held") == "1",
        webhook=get("webhook") == "1",
        called=get("called") == "1",
        told=get("told") == "1",
        deliveries=int(get("deliveries", "0")),
        since=_time(get("since")) or 0.0,
        alive=get("alive") == "1",
        submits=int(get("submits", "0")),
        polls=int(get("polls", "0")),
        strikes=int(get("strikes", "0")),
        result=_load_result(get("result")),
        files=tuple(StoredFile(**file) for file in _json(get("files"), [])),
        failure=_load_failure(get("failure")),
        note=get("note", ""),
        created_at=_time(get("created_at")) or 0.0,
        submitted_at=_time(get("submitted_at")),
        ready_at=_time(get("ready_at")),
        finished_at=_time(get("finished_at")),
    )


def dump_result(result: Result) -> str:
    """The inverse of what `decode` reads of a result."""
    return _dump(asdict(result))


def dump_files(files: tuple[StoredFile, ...]) -> str:
    """The same of stored files."""
    return _dump([asdict(file) for file in files])


def dump_failure(failure: Failure) -> str:
    """The same of a failure."""
    return _dump(asdict(failure))


def _load_result(text: str | None) -> Result | None:
    if not text:
        return None
    plain = json.loads(text)
    return Result(plain["cost"], tuple(map(_load_file, plain["files"])), plain["extra"])


def _load_file(plain: dict[str, Any]) -> RemoteFile:
    kept = plain["kept"]
    return RemoteFile(
        plain["name"], plain["url"], plain["size"], StoredFile(**kept) if kept else None
    )


def _load_failure(text: str | None) -> Failure | None:
    if not text:
        return None
    plain = json.loads(text)
    return Failure(**{**plain, "kind": FailureKind(plain["kind"])})


def _json(text: str | None, default: Any) -> Any:
    return json.loads(text) if text else default


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _time(text: str | None) -> float | None:
    return float(text) if text else None
