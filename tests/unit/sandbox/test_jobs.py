import asyncio
import uuid
from types import SimpleNamespace

import pytest
from starlette.responses import Response

from convertapi_sandbox.config import Dialect
from convertapi_sandbox.endpoints.jobs import PollAnswer
from convertapi_sandbox.jobs import JobBook, Turn, is_job_id, new_job_id

SPACING = 5.0


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def job(clock):
    return JobBook(ttl_s=60, clock=clock).open("id", Dialect.QUERY)


def test_first_poll_is_granted_at_once(job):
    assert job.begin_poll(0, SPACING) is Turn.GRANTED


def test_second_poll_overlaps_while_the_first_is_in_flight(job):
    job.begin_poll(0, SPACING)
    assert job.begin_poll(100, SPACING) is Turn.OVERLAPPING


@pytest.mark.parametrize(
    ("after_end", "turn"),
    [(0.0, Turn.EARLY), (4.99, Turn.EARLY), (4.999, Turn.GRANTED), (5.0, Turn.GRANTED)],
)
def test_spacing_counts_from_the_end_with_two_milliseconds_grace(job, after_end, turn):
    first = job.begin_poll(0, SPACING)
    job.end_poll(first, 7)
    assert job.begin_poll(7 + after_end, SPACING) is turn


@pytest.mark.parametrize(
    ("answer", "ended"),
    [(Response(status_code=202), 1000), (Response(b"x"), 1060)],
    ids=["202", "x"],
)
def test_spacing_counts_from_when_the_client_may_have_it_all(
    *, job, clock, monkeypatch, answer, ended
):
    """We may sleep between the bytes' going and the next thing that we do."""

    async def send(_):
        clock.now += 60

    monkeypatch.setattr("convertapi_sandbox.endpoints.jobs.time", SimpleNamespace(monotonic=clock))
    turn = job.begin_poll(clock.now, SPACING)
    asyncio.run(PollAnswer(answer, job, turn)({"type": "http"}, None, send))

    assert job.begin_poll(ended + 4.99, SPACING) is Turn.EARLY
    assert job.begin_poll(ended + SPACING, SPACING) is Turn.GRANTED


def test_a_refused_poll_starts_the_spacing_anew(job):
    job.end_poll(job.begin_poll(0, SPACING), 0)
    job.end_poll(job.begin_poll(3, SPACING), 3)
    assert job.begin_poll(6, SPACING) is Turn.EARLY


def test_a_refused_overlapping_poll_leaves_the_first_in_flight(job):
    job.begin_poll(0, SPACING)
    job.end_poll(job.begin_poll(1, SPACING), 1)
    assert job.begin_poll(100, SPACING) is Turn.OVERLAPPING


def test_a_job_is_known_to_its_dialect_alone(clock):
    book = JobBook(ttl_s=60, clock=clock)
    job = book.open("id", Dialect.PATH)
    assert book.find("id", Dialect.PATH) is job
    assert book.find("id", Dialect.QUERY) is None


def test_jobs_expire_by_age(clock):
    book = JobBook(ttl_s=60, clock=clock)
    book.open("old", Dialect.PATH)
    clock.now += 30
    book.open("young", Dialect.PATH)
    clock.now += 30
    assert book.find("old", Dialect.PATH) is None
    assert book.find("young", Dialect.PATH) is not None


def test_a_job_opened_again_lives_anew(clock):
    book = JobBook(ttl_s=60, clock=clock)
    book.open("a", Dialect.PATH)
    book.open("b", Dialect.PATH)
    clock.now += 59
    again = book.open("a", Dialect.PATH)
    clock.now += 2
    assert book.find("a", Dialect.PATH) is again
    assert book.find("b", Dialect.PATH) is None


def test_removing_spares_a_successor_under_the_same_id(clock):
    book = JobBook(ttl_s=60, clock=clock)
    first = book.open("a", Dialect.PATH)
    second = book.open("a", Dialect.PATH)
    book.remove(first)
    assert book.find("a", Dialect.PATH) is second
    book.remove(second)
    assert book.find("a", Dialect.PATH) is None


@pytest.mark.parametrize("dialect", Dialect)
def test_new_ids_have_the_form_that_is_asked_for(dialect):
    assert is_job_id(new_job_id(dialect), dialect)


@pytest.mark.parametrize(
    ("text", "query", "path"),
    [
        (str(uuid.UUID(int=1)), True, False),
        ("D3BD2056-4330-4CF3-9B18-483A2412DD6B", True, False),
        (uuid.UUID(int=1).hex, False, True),
        ("z" * 32, False, True),
        ("Z" * 32, False, False),
        ("a" * 31, False, False),
        ("a" * 33, False, False),
        ("a" * 32 + "\n", False, False),
        ("{" + str(uuid.UUID(int=1)) + "}", False, False),
        ("", False, False),
    ],
)
def test_own_ids(text, query, path):
    assert is_job_id(text, Dialect.QUERY) is query
    assert is_job_id(text, Dialect.PATH) is path
