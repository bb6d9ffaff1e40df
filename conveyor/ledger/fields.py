"""Which fields of an entry are of use for how long: transitions take out what is not."""

from __future__ import annotations

from typing import Final

__all__ = [
    "OF_THE_LAST_JOB",
    "OF_THE_POST",
    "OF_THE_TELLING",
    "OF_THE_UPLOADS",
    "OF_USE_AT_THE_SERVICE",
    "OF_USE_UNTIL_THE_END",
]

OF_THE_POST: Final = ("unclear", "unclear_at", "missing", "missing_at", "refusal")
"""What is known of a POST that ended without a clear answer, until the next one."""

OF_THE_UPLOADS: Final = ("uploads", "uploaded_at", "uploads_host", "uploads_account")
"""Where the attachments lie at the service."""

OF_THE_TELLING: Final = ("delivered", "sent", "undelivered")
"""How far its caller has been told."""

OF_THE_LAST_JOB: Final = (
    *("failure", "files", "finished_at", "held", "held_at", "job_id", "note", "ready_at", "result"),
    *("submitted_at", "unready_at", "usual_s", "late_s", "reuploaded", "lost", "denials"),
    *("stumbles", "faults", "asking", "confirmed", "cost", "deadline_at"),
    *(*OF_THE_TELLING, *OF_THE_UPLOADS, *OF_THE_POST),
)
"""What a replay, which is a new job, begins without."""

OF_USE_UNTIL_THE_END: Final = (
    *("account", "confirmed", "asking", "base_url", "webhook_received", "caller", "deliveries"),
    *("denials", "dialect", "faults", "foreign_ids", "held", "held_at", "job_id", "lost"),
    *("result", "joined", "reuploaded", "since", "sent", "shared", "consecutive_failures"),
    *("stumbles", "undelivered", "turn", "webhook", "unready_at", "usual_s", "late_s", "notify"),
    *(*OF_THE_UPLOADS, *OF_THE_POST),
)
"""What nobody needs of a finished conversion: it lies there for a week."""

OF_USE_AT_THE_SERVICE: Final = ("job_id", "result", *OF_THE_UPLOADS)
"""What only the service could have used, of a dead letter that it has forgotten by now."""
