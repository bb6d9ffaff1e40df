from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.settings import WorkerSettings
from conveyor import schedule

# Jitter lengthens a delay by at most a tenth; the margin lies above the turnstile's own.
JITTERED = 1.1
MARGIN_S = 0.05


# The bounds that the setting itself has.
_BOUNDS = WorkerSettings.model_fields["poll_spacing"].metadata
LEAST_S = next(bound.ge for bound in _BOUNDS if hasattr(bound, "ge"))
MOST_S = next(bound.le for bound in _BOUNDS if hasattr(bound, "le"))

SPACINGS = st.floats(LEAST_S, MOST_S)
AGES = st.floats(0, 10 * schedule.JOB_LIFE_S)
COUNTS = st.integers(0, 100_000)
PACES = st.none() | st.floats(0, 1e9)


@given(
    st.one_of(
        st.tuples(st.just(schedule.first_poll), SPACINGS, PACES),
        st.tuples(st.just(schedule.next_poll), SPACINGS, AGES, COUNTS),
        st.tuples(st.just(schedule.retry_submit), SPACINGS, COUNTS),
        st.tuples(st.just(schedule.retry_storage), SPACINGS, COUNTS),
    )
)
@example((schedule.first_poll, MOST_S, None))
@example((schedule.next_poll, LEAST_S, 0.0, 0))
def test_no_delay_is_below_the_spacing_or_above_the_longest_countdown(call):
    function, spacing_s, *history = call
    delay_s = function(spacing_s, *history)

    assert spacing_s < delay_s <= schedule.MAX_DELAY_S


@pytest.mark.parametrize(
    ("failures", "wait_s"),
    [(0, 5), (1, 10), (2, 20), (3, 40), (6, 300), (7, 300), (100_000, 300)],
)
def test_a_delete_is_tried_again_after_longer_and_longer_waits(failures, wait_s):
    delay_s = schedule.retry_delete(5.0, failures)

    assert wait_s <= delay_s <= min((wait_s + MARGIN_S) * JITTERED, schedule.MAX_DELETE_S)


NETS = st.floats(5, schedule.MAX_NET_S)


@given(
    st.one_of(
        st.tuples(st.just(schedule.first_net), NETS, SPACINGS, PACES),
        st.tuples(st.just(schedule.next_net), NETS, SPACINGS, AGES, st.just(0)),
    )
)
def test_where_a_webhook_will_call_polls_are_far_between(call):
    function, net_s, spacing_s, *history = call
    delay_s = function(net_s, spacing_s, *history)

    assert max(net_s, spacing_s) <= delay_s <= schedule.MAX_NET_S


@pytest.mark.parametrize(
    ("pace_s", "least_s", "most_s"),
    [(None, 60, 66), (10.0, 60, 66), (50.0, 100, 110), (900.0, 150, 150)],
    ids=["unknown", "fast", "twice the pace", "bounded"],
)
def test_the_net_waits_for_twice_what_such_conversions_take(pace_s, least_s, most_s):
    assert least_s <= schedule.first_net(60.0, 5.0, pace_s) <= most_s


def test_an_answer_that_says_nothing_is_not_left_to_the_net():
    """The webhook may have called for the very poll that was lost."""
    assert schedule.next_net(60.0, 5.0, 0.0, strikes=1) < 12


@pytest.mark.parametrize(
    ("strikes", "vendor_s"),
    [(0, 5), (1, 10), (2, 15), (3, 15), (50, 15)],
    ids=str,
)
def test_a_throttled_submit_waits_5_then_10_then_15_seconds(strikes, vendor_s):
    for _ in range(50):
        delay_s = schedule.retry_submit(5.0, strikes)
        assert vendor_s <= delay_s <= (vendor_s + MARGIN_S) * JITTERED


@pytest.mark.parametrize(
    ("pace_s", "least_s", "most_s"),
    [
        (None, 5, 5.6),
        (0.5, 5, 5.6),
        (20.0, 20, 24.3),
        (3600.0, schedule.MAX_DELAY_S, schedule.MAX_DELAY_S),
    ],
    ids=["unknown", "faster than the spacing", "as long as the last ones", "bounded"],
)
def test_the_first_poll_comes_where_such_a_conversion_probably_ends(pace_s, least_s, most_s):
    assert least_s <= schedule.first_poll(5.0, pace_s) <= most_s


@given(SPACINGS, AGES, COUNTS)
def test_a_result_is_seen_late_by_at_most_about_a_fifth_of_its_age(spacing_s, age_s, strikes):
    """In proportion to the age, within the bounds; only silence makes it longer."""
    least_s = min(0.2 * age_s, schedule.MAX_DELAY_S)
    assert schedule.next_poll(spacing_s, age_s, strikes) >= least_s
    most_s = max(0.2 * age_s, spacing_s + MARGIN_S) * JITTERED
    assert schedule.next_poll(spacing_s, age_s) <= most_s + 1e-9


def test_polls_back_off_after_answers_that_say_nothing():
    waits_s = [schedule.next_poll(5.0, 0.0, strikes) for strikes in range(6)]

    assert [round(wait_s, -1) // 5 * 5 for wait_s in waits_s[1:4]] == [10, 20, 40]
    assert waits_s[4:] == [schedule.MAX_DELAY_S] * 2


def test_deliveries_are_tried_again_ever_more_slowly():
    waits_s = [schedule.retry_storage(5.0, attempt) for attempt in range(6)]

    assert waits_s == sorted(waits_s)
    assert waits_s[0] < 6
    assert waits_s[-1] == schedule.MAX_DELAY_S


def test_a_batch_spreads():
    assert len({schedule.first_poll(5.0, 10.0) for _ in range(100)}) > 90


@pytest.mark.parametrize(
    ("job_age_s", "result_age_s", "urgent"),
    [
        (0, 0, False),
        (60, 0, False),
        (schedule.JOB_LIFE_S * 0.8, 0, True),
        (schedule.JOB_LIFE_S * 0.8, 60, False),
        (schedule.JOB_LIFE_S, schedule.FILE_LIFE_S * 0.8, True),
    ],
    ids=["not-submitted", "young", "old-job", "old-job-fresh-result", "old-result"],
)
def test_what_nears_its_expiry_is_urgent(job_age_s, result_age_s, urgent):
    assert schedule.is_urgent(job_age_s, result_age_s) is urgent
