import pytest

from convertapi_sandbox.audit import Audit
from convertapi_sandbox.faults import FAULTS, Faults, check_rates


def faults(rates, seed=1):
    return Faults(rates, seed=seed, audit=Audit())


def test_a_fault_without_rate_never_strikes():
    quiet = faults({"lost_poll": 0.0})
    assert not any(quiet.strikes(name) for name in FAULTS for _ in range(50))


def test_a_fault_of_rate_one_always_strikes_and_is_counted():
    audit = Audit()
    always = Faults({"lost_poll": 1}, seed=None, audit=audit)
    assert all(always.strikes("lost_poll") for _ in range(20))
    assert audit.report()["faults"] == {"lost_poll": 20}


def test_a_seed_repeats_the_draws_whatever_else_is_in_force():
    alone, among = faults({"outage": 0.5}), faults({"outage": 0.5, "lost_poll": 0.5})
    draws = []
    for one in (alone, among):
        row = []
        for _ in range(50):
            row.append(one.strikes("outage"))
            one.strikes("lost_poll")
        draws.append(row)
    assert draws[0] == draws[1]
    assert {True, False} == set(draws[0])


def test_rates_come_true():
    some = faults({"outage": 0.2})
    assert 350 < sum(some.strikes("outage") for _ in range(2000)) < 450


def test_replacing_ends_what_is_not_named():
    changing = faults({"outage": 1})
    changing.replace({"lost_poll": 1})
    assert not changing.strikes("outage")
    assert changing.strikes("lost_poll")


def test_conversion_errors_are_drawn_by_code():
    assert faults({"error_50010": 1}).conversion_error() == 50010
    assert faults({"lost_poll": 1}).conversion_error() is None


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ({"lost_pol": 0.1}, "no fault 'lost_pol'"),
        ({"outage": 1.1}, "from 0 to 1"),
        ({"outage": -0.1}, "from 0 to 1"),
        ({"outage": True}, "from 0 to 1"),
        ({"outage": "0.1"}, "from 0 to 1"),
        ({"outage": float("nan")}, "from 0 to 1"),
    ],
)
def test_wrong_rates_are_refused(rates, words):
    with pytest.raises(ValueError, match=words):
        check_rates(rates)
