from __future__ import annotations

import asyncio
import json

from conveyor import Event, State
from web.events import as_text, stream

QUEUED = Event("1764018000123-0", "6f1c", State.QUEUED, 1764018000.123, "")
DONE = Event("1764018000999-0", "6f1c", State.SUCCEEDED, 1764018000.999, "")


async def _of(*events, pause_s=0.0):
    for event in events:
        await asyncio.sleep(pause_s)
        yield event


async def _never():
    await asyncio.Event().wait()
    yield QUEUED


def _collect(seen, events, closing=None, keep_alive_s=15.0, limit=100):
    async def collect():
        lines = stream(seen, events(), closing or asyncio.Event(), keep_alive_s)
        found = []
        async for line in lines:
            found.append(line)
            if len(found) == limit:
                break
        await lines.aclose()
        return found

    return asyncio.run(collect())


def test_an_event_is_written_as_browsers_read_it():
    first, second, third, *rest = as_text(QUEUED).split("\n")

    assert (first, second) == ("id: 1764018000123-0", "event: state")
    assert json.loads(third.removeprefix("data: ")) == {
        "conversion": "6f1c",
        "state": "queued",
        "at": "2025-11-24T21:00:00.123Z",
        "note": "",
    }
    assert rest == ["", ""]


def test_a_note_of_several_lines_stays_in_one_field():
    event = Event("1-0", "6f1c", State.QUEUED, 0.0, "a\nb\r\n\nevent: forged")

    assert len(as_text(event).splitlines()) == 4


def test_stream_begins_with_past_events_and_ends_with_the_last():
    assert _collect([QUEUED], lambda: _of(DONE)) == [as_text(QUEUED), as_text(DONE)]


def test_a_silent_line_is_kept_open_and_loses_nothing():
    found = _collect([], lambda: _of(QUEUED, DONE, pause_s=0.5), keep_alive_s=0.03)

    assert ":\n\n" in found
    assert [line for line in found if line != ":\n\n"] == [as_text(QUEUED), as_text(DONE)]


def test_the_process_can_end_while_it_waits():
    closing = asyncio.Event()
    closing.set()

    assert _collect([QUEUED], _never, closing) == [as_text(QUEUED)]


def test_a_client_that_leaves_ends_the_iterator():
    ended = []

    async def watched():
        try:
            async for event in _never():
                yield event
        finally:
            ended.append(True)

    _collect([], watched, keep_alive_s=0.01, limit=1)

    assert ended == [True]
