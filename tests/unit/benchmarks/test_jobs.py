from __future__ import annotations

import pytest

from benchmarks.faults import is_struck
from benchmarks.jobs import JobBook, Source


@pytest.fixture
def book():
    return JobBook()


def _report(book):
    return book.report(since=0.0)


def test_polls_five_seconds_apart_are_not_a_violation(book):
    job = book.take("a", Source(1, 20), now=0)

    for now in (5, 10.0, 15.0):
        assert book.begin_poll(job, now)
        book.end_poll(job, now)

    assert _report(book)["violations"] == 0
    assert _report(book)["jobs"][0]["polls"] == 3


def test_poll_before_five_seconds_have_passed_is_a_violation(book):
    job = book.take("a", Source(1, 20), now=0)
    book.begin_poll(job, 5)
    book.end_poll(job, 6)

    assert not book.begin_poll(job, 10.9)
    assert _report(book)["violations"] == 1


def test_poll_a_timer_too_early_is_not_a_violation(book):
    job = book.take("a", Source(1, 20), now=0)
    book.begin_poll(job, 5)
    book.end_poll(job, 5)

    assert book.begin_poll(job, 9.995)


def test_poll_beside_another_is_a_violation(book):
    job = book.take("a", Source(1, 20), now=0)
    book.begin_poll(job, 5)

    assert not book.begin_poll(job, 40)
    assert _report(book)["violations"] == 1


def test_spacing_counts_from_the_end_of_a_poll_that_was_refused(book):
    job = book.take("a", Source(1, 20), now=0)
    book.begin_poll(job, 5)
    book.end_poll(job, 5)
    book.begin_poll(job, 7)
    book.end_poll(job, 7)

    assert not book.begin_poll(job, 11)
    assert book.begin_poll(book.take("b", Source(2, 20), now=0), 11)


def test_source_that_is_paid_again_is_a_duplicate(book):
    for job_id in ("a", "b", "c"):
        book.take(job_id, Source(7, 1), now=0)
    book.take("d", Source(8, 1), now=0)

    assert _report(book)["duplicates"] == 2


def test_repeated_job_id_is_the_same_job(book):
    first = book.take("a", Source(7, 1), now=0)

    assert book.take("a", Source(7, 1), now=9) is first
    assert first.ready_at == 1
    assert _report(book)["duplicates"] == 0
    assert _report(book)["counts"]["repeated_posts"] == 1


def test_source_says_its_number_and_duration():
    assert Source.read(Source(17, 8.125).url) == Source(17, 8.125)


def test_unknown_source_is_refused():
    with pytest.raises(ValueError, match="says no duration"):
        Source.read("https://example.com/a.docx")


def test_fault_strikes_its_share_and_the_same_again():
    struck = [is_struck(0.05, 1, "post", number, 0) for number in range(10_000)]

    assert 400 < sum(struck) < 600
    assert struck == [is_struck(0.05, 1, "post", number, 0) for number in range(10_000)]
    assert struck != [is_struck(0.05, 2, "post", number, 0) for number in range(10_000)]
    assert struck != [is_struck(0.05, 1, "post", number, 1) for number in range(10_000)]
