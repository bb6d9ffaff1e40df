"""The crew: cheap threads, of which those that take long hold nobody up."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from queue import Empty
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from workers import crew as module
from workers.crew import Batch, Crew

SIZE = 4
# What takes longer goes on beside the crew.
PATIENCE_S = 0.05
LONG_S = 60.0
# A wait that is over as soon as it can be: nothing here lasts so long.
AT_MOST_S = 30.0


@pytest.fixture
def crew():
    return Crew(SIZE, PATIENCE_S)


@contextmanager
def _held_up(crew, count):
    """Have the crew work on so many jobs that last until the block ends."""
    ended, begun = threading.Event(), threading.Semaphore(0)

    def job():
        begun.release()
        ended.wait(LONG_S)

    crew.work([job] * count)
    for _ in range(count):
        assert begun.acquire(timeout=AT_MOST_S)
    try:
        yield
    finally:
        ended.set()


def _threads(crew):
    return crew._threads


def test_jobs_are_done_side_by_side_before_work_returns():
    crew, together, done = Crew(SIZE, LONG_S), threading.Barrier(SIZE), []

    def job():
        # None gets past it before all are there.
        together.wait(AT_MOST_S)
        done.append(threading.current_thread().name)

    crew.work([job] * SIZE)

    assert len(set(done)) == SIZE


def test_no_jobs_begin_no_thread(crew):
    crew.work([])

    assert _threads(crew) == 0
    assert crew.room(0) == SIZE


def test_straggler_is_left_behind_and_takes_no_place(crew):
    """An answer that dribbles for minutes."""
    begun = time.monotonic()
    with _held_up(crew, SIZE):
        assert time.monotonic() - begun < LONG_S / 2
        assert crew.room(0) == SIZE
        done = []
        crew.work([lambda: done.append(1)] * SIZE)
        assert len(done) == SIZE


def test_job_that_is_waited_for_takes_a_place():
    crew, ended, rooms = Crew(SIZE, LONG_S), threading.Event(), []

    def job():
        rooms.append(crew.room(0))
        ended.set()

    crew.work([job, lambda: ended.wait(AT_MOST_S)])

    assert rooms == [SIZE - 2]
    assert crew.room(0) == SIZE


def test_room_is_waited_for_until_a_quarter_of_the_crew_is_free():
    crew, ended = Crew(8, LONG_S), [threading.Event() for _ in range(8)]
    caller = threading.Thread(
        target=crew.work, args=[[lambda it=it: it.wait(LONG_S) for it in ended]]
    )
    caller.start()
    deadline = time.monotonic() + AT_MOST_S
    while crew.room(0) and time.monotonic() < deadline:
        time.sleep(0.001)
    assert crew.room(0.01) == 0

    ended[0].set()
    threading.Timer(0.02, ended[1].set).start()
    assert crew.room(AT_MOST_S) == 2
    for event in ended:
        event.set()
    caller.join(AT_MOST_S)
    assert not caller.is_alive()


@pytest.mark.parametrize(
    "error",
    [ValueError("no"), SystemExit(3), KeyboardInterrupt()],
    ids=lambda it: type(it).__name__,
)
def test_job_that_raises_is_logged_and_neither_keeps_its_place_nor_ends_its_thread(crew, error):
    def job():
        raise error

    with capture_logs() as logs:
        for _ in range(3):
            crew.work([job] * SIZE)
            assert crew.drain(AT_MOST_S)

    assert [it["event"] for it in logs] == ["job_failed"] * 3 * SIZE
    assert crew.room(0) == SIZE
    done = []
    crew.work([lambda: done.append(1)] * SIZE)
    assert crew.drain(AT_MOST_S)
    assert len(done) == SIZE
    assert _threads(crew) == SIZE


def test_one_job_that_raises_keeps_no_other_of_its_batch_from_its_end(crew):
    done = []

    def job():
        raise ValueError

    crew.work([job, lambda: done.append(1), job, lambda: done.append(2)])
    assert crew.drain(AT_MOST_S)

    assert sorted(done) == [1, 2]


def test_threads_are_used_again(crew):
    done = []
    for _ in range(20):
        crew.work([lambda: done.append(1)] * SIZE)
        assert crew.drain(AT_MOST_S)

    assert len(done) == 20 * SIZE
    assert _threads(crew) == SIZE


def test_stragglers_are_at_most_seven_times_as_many_as_the_crew(crew):
    """Beside a service that never answers the crew works on, and not for ever: it has an end."""
    with _held_up(crew, 7 * SIZE):
        assert crew.room(0) == SIZE
        with _held_up(crew, SIZE - 1):
            assert crew.room(0) == 1
            with _held_up(crew, 1):
                assert crew.room(0) == 0
                assert _threads(crew) == 8 * SIZE
    assert crew.drain(AT_MOST_S)
    assert crew.room(0) == SIZE


def test_after_a_flood_of_stragglers_no_thread_is_made_any_more(crew):
    for _ in range(3):
        with _held_up(crew, 8 * SIZE):
            pass
        assert crew.drain(AT_MOST_S)

    assert _threads(crew) == 8 * SIZE


def test_drain_waits_for_stragglers(crew):
    with _held_up(crew, 2):
        assert not crew.drain(0.02)
    assert crew.drain(AT_MOST_S)


def test_drain_of_an_idle_crew_is_over_immediately(crew):
    begun = time.monotonic()

    assert crew.drain(LONG_S)
    assert time.monotonic() - begun < LONG_S / 2


def test_many_callers_get_their_own_jobs_done():
    crew, done, lock = Crew(SIZE, LONG_S), [], threading.Lock()

    def call(number):
        mine = []
        crew.work([lambda: mine.append(number)] * 3)
        with lock:
            done.append((number, mine))

    callers = [threading.Thread(target=call, args=[number]) for number in range(40)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(AT_MOST_S)

    assert sorted(done) == [(number, [number] * 3) for number in range(40)]
    assert crew.room(0) == SIZE


class Queue:
    """Hands out what it holds; `Empty` stands for a wait in which nothing came."""

    def __init__(self, *held):
        self._held = list(held)
        self.waits = []

    def get(self, timeout):
        self.waits.append(timeout)
        given = self._held.pop(0)
        if given is Empty:
            raise Empty
        return given


@pytest.mark.parametrize(("threads", "at_work"), [(1, 0), (5, 4)])
def test_thread_that_nobody_needs_for_a_minute_ends(crew, threads, at_work):
    crew._threads, crew._at_work, crew._jobs = threads, at_work, Queue(Empty)

    assert crew._next() is None
    assert crew._threads == threads - 1
    assert crew._jobs.waits == [60.0]


def test_thread_whose_job_is_about_to_come_stays(crew):
    crew._threads, crew._at_work, crew._jobs = 1, 1, Queue(Empty, Empty, "a job")

    assert crew._next() == "a job"
    assert crew._threads == 1


def test_threads_do_not_keep_their_process_alive_and_have_names(crew):
    seen = []
    crew.work([lambda: seen.append(threading.current_thread())] * 2)
    assert crew.drain(AT_MOST_S)

    assert all(thread.daemon for thread in seen)
    assert {thread.name for thread in seen} <= {"conveyor-1", "conveyor-2"}


def test_threads_are_made_for_what_is_at_work_and_no_more(crew):
    with _held_up(crew, 2):
        assert _threads(crew) == 2
        with _held_up(crew, 1):
            assert _threads(crew) == 3
    assert crew.drain(AT_MOST_S)
    with _held_up(crew, 3):
        assert _threads(crew) == 3


@pytest.mark.parametrize(
    ("size", "busy", "at_work", "free"),
    [
        (4, 0, 0, 4),
        (4, 3, 3, 1),
        (4, 0, 29, 3),
        (4, 2, 31, 1),
        (4, 0, 32, 0),
        (4, 0, 40, 0),
        (4, 5, 5, 0),
    ],
)
def test_room_is_what_neither_the_crew_nor_its_stragglers_fill(size, busy, at_work, free):
    crew = Crew(size)
    crew._busy, crew._at_work = busy, at_work

    assert crew.room(0) == free


def _waits(crew, monkeypatch, *then):
    """Have each wait of the crew do the next of these in no time; how long each was to be."""
    seen, left = [], iter(then)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 100.0))

    def wait(timeout):
        seen.append(timeout)
        next(left)()

    monkeypatch.setattr(crew._changed, "wait", wait)
    return seen


@pytest.mark.parametrize(("size", "enough"), [(1, 1), (4, 1), (5, 2), (8, 2), (64, 16)], ids=str)
def test_room_is_waited_for_until_a_quarter_is_free(size, enough, monkeypatch):
    crew = Crew(size)
    crew._busy = size

    def one_ends():
        crew._busy -= 1

    waits = _waits(crew, monkeypatch, *[one_ends] * enough)

    assert crew.room(0.75) == enough
    assert waits == [0.75] * enough


def test_room_is_not_waited_for_longer_than_it_may_be(monkeypatch):
    crew = Crew(4)
    crew._busy = 4
    waits = _waits(crew, monkeypatch)

    assert crew.room(0.0) == 0
    assert waits == []


def test_batch_is_waited_for_half_a_second_unless_it_is_said(monkeypatch):
    crew, batch = Crew(4), Batch(1)
    crew._busy = crew._at_work = 1

    def it_ends():
        batch.left, crew._busy = 0, 0

    waits = _waits(crew, monkeypatch, it_ends)
    crew.wait(batch)

    assert waits == [0.5]
    assert crew._busy == 0


def test_drain_waits_as_long_as_it_may(monkeypatch):
    crew = Crew(4)
    crew._at_work = 2

    def one_ends():
        crew._at_work -= 1

    waits = _waits(crew, monkeypatch, one_ends, one_ends)

    assert crew.drain(0.75) is True
    assert waits == [0.75, 0.75]


def test_straggler_gives_its_place_back_once(crew):
    """When it ends at last, it had none."""
    batch = Batch(1)
    crew._busy = crew._at_work = 1
    crew._patience_s = 0.0
    crew.wait(batch)
    assert (crew._busy, crew._at_work, batch.is_awaited) == (0, 1, False)

    crew._end(batch)
    assert (crew._busy, crew._at_work, batch.left) == (0, 0, 0)


@pytest.mark.parametrize(
    ("size", "busy", "left", "is_told"),
    [
        (8, 8, 2, False),
        (8, 7, 2, True),  # a quarter is free now
        (8, 6, 2, False),
        (5, 4, 2, True),  # a quarter of five is two
        (8, 5, 1, True),  # its batch has ended
        (8, 1, 2, True),  # all are free
    ],
)
def test_who_waits_is_woken_when_it_matters(*, monkeypatch, size, busy, left, is_told):
    crew, batch, told = Crew(size), Batch(left), []
    crew._busy = crew._at_work = busy
    monkeypatch.setattr(crew._changed, "notify_all", lambda: told.append(1))
    crew._end(batch)

    assert bool(told) is is_told
    assert (crew._busy, crew._at_work) == (busy - 1, busy - 1)


def test_end_of_a_wait_wakes_who_waits_for_room(crew, monkeypatch):
    told = []
    monkeypatch.setattr(crew._changed, "notify_all", lambda: told.append(1))
    crew.wait(Batch(0))

    assert told == [1]


def test_turn_is_one_tasks_at_a_time(crew):
    with crew.turn(0.0) as room:
        assert room == SIZE
        assert not crew._turn.acquire(blocking=False)
    assert crew._turn.acquire(blocking=False)
