"""The events' reference: what is announced of a conversion, where, and in which form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from conveyor import Event, State
from docsite.markdown import code, table
from web.events import KEEP_ALIVE_S, as_text

__all__ = ["CELERY_EVENTS", "page"]

CELERY_EVENTS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "task-sent": (
        (
            *("uuid", "root_id", "parent_id", "name", "args", "kwargs", "retries", "eta"),
            *("expires", "queue", "exchange", "routing_key"),
        ),
        "Your application has enqueued it. Its source is shown redacted.",
    ),
    "task-received": (
        ("uuid", "timestamp", "name", "args", "kwargs", "root_id", "retries"),
        "A worker began to deliver it.",
    ),
    "task-started": (("uuid", "timestamp"), "The same."),
    "task-succeeded": (
        ("uuid", "timestamp", "result", "runtime"),
        "It has succeeded, and its caller knows. `runtime` is what the delivery took, in seconds.",
    ),
    "task-failed": (
        ("uuid", "timestamp", "exception", "traceback"),
        "It has ended without files, and its caller knows.",
    ),
}
"""The fields and the meaning of Celery's events, by their type. A test compares them."""

_ID: Final = "6f1c7a10-2f57-4c7e-9f0e-3d1f0c5b8a11"
_AT: Final = 1795726800.123
_SAMPLE: Final = (
    Event("1795726800123-0", _ID, State.QUEUED, _AT),
    Event("1795726800456-0", _ID, State.CONVERTING, _AT + 0.333),
    Event("1795726805789-0", _ID, State.READY, _AT + 5.666),
    Event("1795726805999-0", _ID, State.SUCCEEDED, _AT + 5.876),
)
_PAGE: Final = """# Events

You can follow a conversion in three ways. All of them announce the same changes, and each may come
late or twice. The ledger has the truth: `conveyor.get(id)` reads it.

| you have | follow with | costs |
| --- | --- | --- |
| a thread to spare | [`handle.events()`](library.md#conveyor.Handle.events) | the thread |
| an event loop | [`handle.aevents()`](library.md#conveyor.Handle.aevents) | one connection a loop |
| a browser | `GET /conversions/{{conversion_id}}/events` | one connection to the web process |

## Changes of state

Each change is an [`Event`](library.md#conveyor.Event). Its `state` is one of {states}. The stream
ends with the final state. A change of what holds a conversion up is an event, too: its `state` is
the one before, and its `note` says what you are waiting for.

## Server-sent events

A successful conversion reads like this:

```text
{stream}
```

To go on after a lost connection, send the last `id` that you saw as `Last-Event-ID`. Browsers do
that by themselves. If there is nothing to say for {keep_alive_s:g} s, you get an empty comment.

## Celery's events

Flower and `celery events` show each conversion as one task, under the conversion's id. Workers
announce it when its caller knows the outcome. So Flower shows the time of the delivery.

{celery}
"""


def page() -> str:
    """The page's Markdown."""
    rows = (
        (code(kind), ", ".join(map(code, fields)), meaning)
        for kind, (fields, meaning) in CELERY_EVENTS.items()
    )
    return _PAGE.format(
        states=", ".join(code(state.value) for state in State),
        stream="".join(map(as_text, _SAMPLE)).strip(),
        keep_alive_s=KEEP_ALIVE_S,
        celery=table(("event", "fields", "when"), rows),
    )
