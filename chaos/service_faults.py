"""The sandbox's faults by name, in the groups that cases ask for."""

from __future__ import annotations

from itertools import product
from typing import Final

__all__ = [
    "ADDRESSES",
    "BROKEN",
    "DRIBBLES",
    "LEAKS",
    "ODD_PLACES",
    "ODD_WAITS",
    "PORTALS",
    "READABLE",
    "REDIRECTS",
    "SILENCES",
    "UNREADABLE",
    "WAITS",
    "WITH_AFTER",
]

ADDRESSES: Final = ("submit", "upload", "poll", "download", "delete")
WITH_AFTER: Final = (*ADDRESSES, "after_submit")

_STATUSES: Final = (408, 409, 423, 425, 429, 503)
WAITS: Final = tuple(
    f"{kind}_{status}"
    for kind, status in product(("status", "retry_after", "retry_date"), _STATUSES)
)
# A huge one is kept to for an hour, which is more than a case can show.
ODD_WAITS: Final = ("retry_negative_429", "retry_garbage_429")
BROKEN: Final = (
    *(f"message_only_{status}" for status in (500, 502, 503, 504)),
    *("text_code_500", "gateway_502", "gateway_503", "gateway_504"),
)
PORTALS: Final = (
    *(f"portal_{kind}" for kind in ("html", "xhtml", "text", "text_json", "json", "octets")),
    *("null_json", "cut_json", "deep_json", "empty_body"),
)
REDIRECTS: Final = tuple(f"redirect_{status}" for status in (301, 302, 303, 307, 308))
DRIBBLES: Final = ("slow_head", "endless_continue", "slow_body", "slow_trailers")
SILENCES: Final = ("failed", "silent", "closed", "message_only_500")
READABLE: Final = (
    ("data_plain", "data_urlsafe", "data_unpadded", "data_newlines", "data_uri"),
    ("size_text", "size_wrong", "size_negative", "size_missing"),
    ("cost_huge", "cost_float", "cost_infinite", "cost_negative", "cost_text", "cost_missing"),
    ("conversion_time", "extra_fields", "job_id_too"),
    ("name_surrogate", "name_path", "name_missing", "raw", "raw_odd_disposition"),
    # There was nothing to extract.
    ("files_empty", "files_null"),
)
UNREADABLE: Final = (
    ("files_missing", "files_text", "file_null"),
    ("file_bare", "file_bare_beside_good", "data_garbage"),
    ("url_bad", "url_local"),
)
ODD_PLACES: Final = ("submit", "poll")
LEAKS: Final = ("leaky_error", "surrogate_error", "huge_error", "bad_url_error")
