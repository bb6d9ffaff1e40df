from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor.domain.conversion import State
from conveyor.domain.durations import Expectation
from conveyor.domain.request import ConversionRequest
from conveyor.ledger import Entry
from conveyor.watching.estimating import progress_of

BEGUN = 1_000_000.0


def _expected(usual_s, late_s):
    return {"submitted_at": BEGUN, "usual_s": usual_s, "late_s": late_s}


@pytest.mark.parametrize(
    ("state", "fields", "fraction", "late"),
    [
        (State.QUEUED, {}, 0.0, False),
        (State.CONVERTING, _expected(8.0, 10.0), 0.45, False),
        (State.CONVERTING, _expected(4.0, 5.0), 0.9, False),
        (State.CONVERTING, _expected(4.0, 4.9), None, True),
        (State.CONVERTING, {"submitted_at": BEGUN}, None, False),
        (State.CONVERTING, {}, None, False),
        (State.READY, _expected(1.0, 2.0), 0.95, False),
        (State.SUCCEEDED, {"finished_at": BEGUN + 3, **_expected(1.0, 2.0)}, 1.0, False),
        (State.FAILED, {"finished_at": BEGUN + 3, **_expected(1.0, 2.0)}, None, False),
    ],
    ids=[
        *("queued", "half way", "at the end", "longer than usual", "unknown", "unclear"),
        *("ready", "succeeded", "failed"),
    ],
)
def test_how_far_it_is(state, fields, fraction, late, entry_of):
    entry = entry_of(state=state, created_at=BEGUN, seen_at=BEGUN + 5, **fields)

    progress = progress_of(entry, Expectation((100.0,) * 20))

    assert progress.state is state
    assert progress.fraction == (fraction if fraction is None else pytest.approx(fraction))
    assert progress.late is late
    assert progress.elapsed_s == (3 if "finished_at" in fields else 5)


@given(st.floats(0.01, 1e4), st.lists(st.floats(0, 1e5), min_size=2, max_size=20))
def test_the_fraction_never_goes_back_and_ends_in_words(late_s, ages_s):
    """Whatever was learned since it was submitted."""
    seen = [
        progress_of(_converting(age_s, late_s), Expectation((age_s + 1,) * 20))
        for age_s in sorted(ages_s)
    ]
    told = [each.fraction for each in seen if not each.late]

    assert told == sorted(told)
    assert all(fraction < 0.95 for fraction in told)
    assert all(each.fraction is None for each in seen if each.late)
    assert [each.late for each in seen] == sorted(each.late for each in seen)


def _converting(age_s, late_s):
    return Entry(
        id="c1",
        state=State.CONVERTING,
        turn=1,
        request=ConversionRequest.build("https://example.com/a.docx", "pdf"),
        seen_at=BEGUN + age_s,
        submitted_at=BEGUN,
        usual_s=late_s / 2,
        late_s=late_s,
    )


def test_queued_conversion_shows_its_expected_duration(entry_of):
    entry = entry_of(state=State.QUEUED, created_at=BEGUN, seen_at=BEGUN)

    assert progress_of(entry, Expectation((7.0,) * 20)).expected_s == 7.0
    assert progress_of(entry, None).expected_s is None


@pytest.mark.parametrize("state", [state for state in State if state is not State.SUCCEEDED])
def test_nothing_but_success_is_done(state, entry_of):
    moments = {"created_at": BEGUN, "submitted_at": BEGUN, "seen_at": BEGUN + 1e6}
    entry = entry_of(state=state, usual_s=1e6, late_s=1e6, **moments)

    assert (progress_of(entry, None).fraction or 0) < 1


def test_a_clock_that_went_back_brings_no_negative_time(entry_of):
    assert progress_of(entry_of(created_at=BEGUN, seen_at=BEGUN - 60), None).elapsed_s == 0
