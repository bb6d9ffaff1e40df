"""The POST that starts a job, and what is on record before it."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from conveyor.domain.answers import Finished, Lost, NotFound, Result, Started
from conveyor.domain.dialect import Dialect
from conveyor.domain.request import ConversionRequest
from conveyor.ledger import Submission, Tenure
from conveyor.ledger.governor import Admission
from tests.unit.workers.parts import entry_of, pass_of
from workers import posting
from workers.heartbeat import Work
from workers.posting import post

EU = "https://eu-v2.convertapi.com"


@pytest.fixture
def work():
    """Work with a clock that stands still."""
    return Work("c1", "turnstile", "mine", lambda: 0.0)


@pytest.fixture
def poster(rig_of):
    """A worker whose ledger notes each intent and each way back, as conversions of their own."""
    numbers = itertools.count(1)

    def begun(entry, job, **_):
        kept = {"request": entry.request, "uploads": entry.uploads}
        number = next(numbers)
        return entry_of(note=f"begun {number}", job_id=job.job_id, dialect=job.dialect, **kept)

    def make(answer, **values):
        rig = rig_of(**{"job_key": "k" * 32, **values})
        rig.ledger.answers["begin_submit"] = begun
        rig.ledger.answers["put_back"] = lambda entry, **_: entry_of(note=f"back from {entry.note}")
        rig.api.answers["start"] = answer
        return rig

    return make


def _pass(**fields):
    return pass_of(entry_of(**fields), spacing_ms=0, is_poll=False)


def test_intent_is_on_record_with_the_whole_submission_before_the_post(poster, work):
    rig = poster(Started("x"), webhook_url="https://e.com/hooks", webhook_key="w" * 32)
    passed = _pass(uploads={"0": "f" * 32})
    job_id = rig.services.job_uuid(passed.entry)
    posted = post(rig.services, passed, Admission(foreign_ids=True), work)

    job = Submission(Dialect.PATH.job_id(job_id), EU, Dialect.PATH, "shop", True, webhook=True)
    assert rig.the("ledger.begin_submit") == {
        "entry": passed.entry,
        "job": job,
        "entering": Tenure("mine", 13_000),
        "was_lost": False,
    }
    given = rig.the("api.start")
    assert given.pop("keep")
    assert given == {
        "dialect": Dialect.PATH,
        "pair": ("docx", "pdf"),
        "form": {"File": "f" * 32},
        "job_id": job.job_id,
        "webhook": rig.services.webhook("c1"),
        "wait_s": 0.0,
    }
    assert (posted.before, posted.job, posted.answer) == (passed.entry, job, Started("x"))
    assert posted.passed.entry.note == "begun 1"
    assert posted.passed.token == "mine"


def test_job_calls_nobody_where_no_address_is_set(poster, work):
    rig = poster(Started("x"))
    post(rig.services, _pass(), Admission(), work)

    assert rig.the("ledger.begin_submit")["job"].webhook is False
    assert rig.the("api.start")["webhook"] == ""


def test_address_that_the_service_does_not_know_is_followed_by_the_other(poster, work):
    answers = iter([NotFound(), Started("x")])
    rig = poster(lambda **_: next(answers))
    posted = post(rig.services, _pass(), Admission(), work)

    first, second = (given["dialect"] for given in rig.given("api.start"))
    assert (first, second) == rig.services.settings.dialects
    given = rig.the("ledger.put_back")
    assert given["entry"].note == "begun 1"
    assert (given["delay_s"], given["note"]) == (0, "trying the other dialect")
    assert given["leaving"] == _pass().leaving
    # The second intent is of the conversion as it was put back.
    assert posted.before.note == "back from begun 1"
    assert posted.answer == Started("x")
    assert rig.the("ledger.remember_dialect")["dialect"] is second


def test_address_that_neither_dialect_finds_is_answered_as_it_was(poster, work):
    rig = poster(NotFound("nowhere"))
    posted = post(rig.services, _pass(), Admission(), work)

    assert posted.answer == NotFound("nowhere")
    assert len(rig.given("api.start")) == 2
    assert len(rig.given("ledger.put_back")) == 1
    assert rig.given("ledger.remember_dialect") == []


def test_conversion_that_has_moved_on_between_two_dialects_is_not_posted_again(poster, work):
    rig = poster(NotFound())
    rig.ledger.answers["put_back"] = None

    assert post(rig.services, _pass(), Admission(), work) is None
    assert len(rig.given("api.start")) == 1


@pytest.mark.parametrize(
    ("answer", "is_remembered"),
    [(Started("x"), True), (Finished(Result(1, ())), True), (Lost("cut"), False)],
)
def test_dialect_is_remembered_where_the_service_took_a_job_in_it(
    *, poster, work, answer, is_remembered
):
    rig = poster(answer)
    posted = post(rig.services, _pass(), Admission(), work)

    assert posted.answer is answer
    assert len(rig.given("api.start")) == 1
    assert bool(rig.given("ledger.remember_dialect")) is is_remembered


def test_conversion_that_another_has_is_not_posted(rig_of, work):
    rig = rig_of(job_key="k" * 32)

    assert post(rig.services, _pass(), Admission(), work) is None
    assert rig.given("api.start") == []


@pytest.mark.parametrize(("slept_s", "is_posted"), [(10.0, True), (10.5, False)])
def test_process_that_slept_after_the_intent_posts_nothing(
    *, poster, work, monkeypatch, slept_s, is_posted
):
    """Another may have taken it for dead, and ask for the job."""
    rig = poster(Started("x"))
    times = iter([100.0, 100.0 + slept_s, 200.0])
    monkeypatch.setattr(posting, "time", SimpleNamespace(monotonic=lambda: next(times)))
    posted = post(rig.services, _pass(), Admission(), work)

    assert bool(rig.given("api.start")) is is_posted
    assert (posted.at if posted else None) == (200.0 if is_posted else None)


def test_post_that_raises_leaves_the_turnstile(poster, work):
    rig = poster(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        post(rig.services, _pass(), Admission(), work)

    assert rig.the("turnstile.leave")["granted"].entry.note == "begun 1"


@pytest.mark.parametrize("dialect", list(Dialect))
def test_lost_submit_is_repeated_in_its_own_dialect(poster, work, dialect):
    rig = poster(NotFound())
    posted = post(rig.services, _pass(lost=1, dialect=dialect), Admission(), work)

    assert [given["dialect"] for given in rig.given("api.start")] == [dialect]
    assert posted.answer == NotFound()


WAITS = ConversionRequest.build("https://example.com/a.docx", "pdf", semi_async_seconds=20)


@pytest.mark.parametrize(
    ("fields", "dialect", "wait_s"),
    [
        ({"request": WAITS}, Dialect.QUERY, 20),
        ({}, Dialect.QUERY, 7),
        ({"request": WAITS, "lost": 1, "dialect": Dialect.QUERY}, Dialect.QUERY, 20),
        ({"request": WAITS, "lost": 1, "dialect": Dialect.PATH}, Dialect.PATH, 0),
    ],
    ids=["as asked", "as set", "repeated", "begun in the dialect that can't wait"],
)
def test_submit_that_waits_for_its_result_has_the_time_and_the_dialect(
    *, poster, work, fields, dialect, wait_s
):
    rig = poster(Started("x"), semi_async_seconds=7)
    post(rig.services, _pass(**fields), Admission(), work)

    given = rig.the("api.start")
    assert (given["dialect"], given["wait_s"]) == (dialect, wait_s)
    assert work._until == rig.services.most_answer_s + wait_s
