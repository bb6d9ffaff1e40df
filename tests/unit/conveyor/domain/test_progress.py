"""What a caller sees of a conversion that goes on, where nothing is said about it."""

from __future__ import annotations

from conveyor import Event, Progress, State


def test_progress_of_which_nothing_more_is_said_is_neither_held_nor_late():
    progress = Progress(State.CONVERTING, 1, 2.0, None, None)

    assert (progress.note, progress.held, progress.late) == ("", False, False)


def test_event_of_which_nothing_more_is_said_has_no_note():
    assert Event("1-0", "c1", State.READY, 1.0).note == ""
