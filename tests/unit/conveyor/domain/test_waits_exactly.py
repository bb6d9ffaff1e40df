"""Each wait to the hundredth of a second, with a die that falls as a test says."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

from conveyor.domain import fallback_polls, polls, retries
from conveyor.domain.durations import Expectation
from conveyor.domain.schedule import Schedule

SPACING_S = 5.0
# Above the turnstile's own margin.
LEAST_S = 5.05
SURE = Expectation((60.0,) * 20)


@pytest.fixture
def die(monkeypatch):
    """Have the die fall so, from 0 to 1, until it is said otherwise."""
    return lambda value: monkeypatch.setattr(random, "random", lambda: value)


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [
        (lambda: retries.retry_submit(SPACING_S, 0), LEAST_S),
        (lambda: retries.retry_submit(SPACING_S, 1), 10.0),
        (lambda: retries.retry_submit(SPACING_S, 2), 15.0),
        (lambda: retries.retry_submit(SPACING_S, 9), 15.0),
        (lambda: retries.retry_storage(SPACING_S, 0), LEAST_S),
        (lambda: retries.retry_storage(SPACING_S, 1), 10.0),
        (lambda: retries.retry_storage(SPACING_S, 3), 40.0),
        (lambda: retries.retry_storage(SPACING_S, 4), 60.0),
        (lambda: retries.retry_delete(SPACING_S, 5), 160.0),
        (lambda: retries.retry_delete(SPACING_S, 6), 300.0),
        (lambda: retries.for_another(0), 1.0),
        (lambda: retries.for_another(8), 1.0),
        (lambda: retries.for_another(9), 2.0),
        (lambda: retries.for_another(13), 32.0),
        (lambda: retries.for_another(14), 60.0),
        (lambda: retries.retry_report(0), 1.0),
        (lambda: retries.retry_report(4), 16.0),
        (lambda: retries.retry_report(5), 30.0),
        (lambda: retries.after_stumble(0), 5.0),
        (lambda: retries.after_stumble(3), 40.0),
        (lambda: retries.after_stumble(4), 60.0),
        (lambda: polls.until_proof(SPACING_S, 100.0, 30.0), 20.0),
        (lambda: polls.until_proof(SPACING_S, 100.0, 8.0), 8.0),
        (lambda: polls.until_proof(SPACING_S, 100.0, 1.0), LEAST_S),
        (lambda: polls.next_poll(SPACING_S, 10.0), LEAST_S),
        (lambda: polls.next_poll(SPACING_S, 100.0), 20.0),
        (lambda: polls.next_poll(SPACING_S, 1000.0), 60.0),
        (lambda: polls.next_poll(SPACING_S, 100.0, 3), 40.0),
        (lambda: polls.next_poll(SPACING_S, 100.0, 3, took_s=15.0), 25.0),
        (lambda: polls.next_poll(SPACING_S, 100.0, 3, took_s=30.0), 20.0),
        (lambda: polls.next_poll(SPACING_S, 100.0, 0, took_s=15.0), 20.0),
        (lambda: polls.next_poll(SPACING_S, 20.0, 0, SURE), 40.0),
        (lambda: polls.next_poll(SPACING_S, 57.0, 0, SURE), 11.4),
        (lambda: polls.next_poll(SPACING_S, 20.0, 1, SURE), 10.0),
        # The least wait is 5 s here: what is left of the 60 s is just as long, or shorter.
        (lambda: polls.next_poll(4.95, 55.0, 0, SURE), 5.0),
        (lambda: polls.next_poll(4.95, 55.05, 0, SURE), 11.01),
        (lambda: fallback_polls.next_fallback(SPACING_S, 10.0, 2), 20.0),
        (lambda: fallback_polls.next_fallback(SPACING_S, 100.0), 50.0),
        (lambda: fallback_polls.next_fallback(SPACING_S, 400.0), 150.0),
        (lambda: fallback_polls.next_fallback(SPACING_S, 100.0, 1), 20.0),
        (lambda: fallback_polls.next_fallback(SPACING_S, 100.0, 3, took_s=15.0), 25.0),
        (lambda: fallback_polls.first_fallback(SPACING_S, None), LEAST_S),
        (lambda: fallback_polls.first_fallback(SPACING_S, None, mostly_open=True), 30.0),
        (lambda: fallback_polls.first_fallback(SPACING_S, SimpleNamespace(late_s=60.0)), 120.0),
        (lambda: fallback_polls.first_fallback(SPACING_S, SimpleNamespace(late_s=10.0)), 20.0),
        (
            lambda: fallback_polls.first_fallback(
                SPACING_S, SimpleNamespace(late_s=10.0), mostly_open=True
            ),
            30.0,
        ),
        (lambda: polls.first_poll(SPACING_S, None), LEAST_S),
    ],
)
def test_wait_where_the_die_adds_nothing(die, wait, seconds):
    die(0.0)

    assert wait() == pytest.approx(seconds, abs=0.001)


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [
        # A tenth longer at the most; and polls, which are aimed, by a fiftieth.
        (lambda: retries.retry_submit(SPACING_S, 2), 16.5),
        (lambda: retries.retry_storage(SPACING_S, 1), 11.0),
        (lambda: polls.next_poll(SPACING_S, 100.0), 20.4),
        (lambda: fallback_polls.next_fallback(SPACING_S, 100.0), 51.0),
        (lambda: fallback_polls.first_fallback(SPACING_S, SimpleNamespace(late_s=60.0)), 122.4),
        # And never longer than the longest.
        (lambda: polls.next_poll(SPACING_S, 1000.0), 60.0),
        (lambda: retries.retry_delete(SPACING_S, 9), 300.0),
    ],
)
def test_wait_where_the_die_adds_the_most(die, wait, seconds):
    die(1.0)

    assert wait() == pytest.approx(seconds, abs=0.001)


@pytest.mark.parametrize(
    ("fallen", "aim_s"),
    [
        # One in sixteen looks earlier, so that the one after it comes where the first would have.
        (0.0, 50.0),
        (0.0624, 50.0),
        (0.0625, 60.0),
        (0.5, 60.0),
        (0.875, 60.0),
        # One in eight looks at an age that is drawn.
        (0.876, 20.0),
        (1.0, 20.0),
    ],
)
def test_first_poll_aims_at_the_end_and_now_and_then_learns(die, monkeypatch, fallen, aim_s):
    monkeypatch.setattr(random, "choice", lambda _points: 20.0)
    die(fallen)

    assert polls.first_poll(SPACING_S, SURE) == pytest.approx(aim_s * (1 + 0.02 * fallen))


def test_first_poll_counts_from_when_the_post_began(die):
    die(0.5)

    assert polls.first_poll(SPACING_S, SURE, 10.0) == pytest.approx(50.0 * 1.01)


def test_conversion_that_ends_after_two_spacings_is_looked_at_after_one(die):
    die(0.0)

    assert polls.first_poll(SPACING_S, Expectation((2 * LEAST_S,) * 20)) == LEAST_S


def test_conversion_that_ends_soon_is_not_looked_at_earlier(die):
    die(0.0)

    assert polls.first_poll(SPACING_S, Expectation((10.0,) * 10)) == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("is_called", "expectation", "mostly_open", "seconds"),
    [
        (False, SURE, False, 50.0),
        (False, None, True, LEAST_S),
        (True, SURE, False, 120.0),
        (True, None, False, LEAST_S),
        (True, None, True, 30.0),
    ],
    ids=["polled", "polled, unknown", "called", "called, unknown", "called, in a crowd"],
)
def test_schedule_begins_where_a_job_ends_or_where_a_call_is_late(
    die, is_called, expectation, mostly_open, seconds
):
    die(0.5)
    schedule = Schedule(SPACING_S, expectation, is_called)

    wait_s = schedule.first(10.0, mostly_open=mostly_open)
    assert wait_s == pytest.approx(seconds * 1.01)
    if not mostly_open:
        assert schedule.first(10.0) == wait_s


@pytest.mark.parametrize(
    ("is_called", "age_s", "failures", "seconds"),
    [
        (False, 50.0, 0, 10.0),
        (False, 100.0, 0, 20.0),
        (False, 10.0, 3, 37.0),
        (True, 100.0, 0, 50.0),
        (True, 10.0, 3, 37.0),
    ],
    ids=["to its end", "polled", "polled, failed", "called", "called, failed"],
)
def test_schedule_goes_on_by_age_and_waits_longer_after_failures(
    die, is_called, age_s, failures, seconds
):
    die(0.0)
    schedule = Schedule(SPACING_S, SURE, is_called)

    assert schedule.next(age_s, failures, took_s=3.0) == pytest.approx(seconds)
