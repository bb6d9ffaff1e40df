from __future__ import annotations

from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from conveyor import AccountStatus, CallbackCounts, FailureKind, Fleet, State
from web.metrics import FleetCollector

FLEET = Fleet(
    states={State.QUEUED: 2, State.CONVERTING: 12},
    throughput=(0,) * 30,
    dead={FailureKind.SERVICE: 3},
    oldest_overdue_s=4.5,
    unreadable=2,
    leftovers=3,
    strangers=("host:1",),
    accounts=(
        AccountStatus("ab12", "the balance is used up", 0, 12),
        AccountStatus("cd34", "", 0, 0),
    ),
    counts={
        "succeeded": 340,
        "service": 5,
        "polls": 900,
        "cost": 351,
        "throttles": 7,
        "deleted": 1020,
        "not_deleted": 2,
        "polls_le:1": 100,
        "polls_le:3": 200,
        "polls_le:inf": 40,
        "polls_sum": 880,
        "stored_le:0.5": 300,
        "stored_le:10": 40,
        "stored_sum_ms": 70500,
        "notices_received": 10,
    },
)


class _Library:
    callbacks = SimpleNamespace(counts=lambda: CallbackCounts(4, 10, 1, 90.0))

    def fleet(self):
        return FLEET


@pytest.fixture(scope="module")
def lines():
    registry = CollectorRegistry()
    registry.register(FleetCollector(_Library()))
    return generate_latest(registry).decode().splitlines()


@pytest.mark.parametrize(
    "line",
    [
        'conveyor_conversions{state="converting"} 12.0',
        'conveyor_outcomes_total{outcome="succeeded"} 340.0',
        'conveyor_outcomes_total{outcome="service"} 5.0',
        'conveyor_outcomes_total{outcome="input"} 0.0',
        "conveyor_polls_total 900.0",
        "conveyor_throttles_total 7.0",
        "conveyor_cost_total 351.0",
        'conveyor_dead_letters{kind="service"} 3.0',
        "conveyor_oldest_overdue_seconds 4.5",
        "conveyor_leftovers 3.0",
        "conveyor_workers_with_other_storage 1.0",
        "conveyor_deleted_total 1020.0",
        "conveyor_not_deleted_total 2.0",
        'conveyor_account_held{account="ab12"} 1.0',
        'conveyor_account_held{account="cd34"} 0.0',
        "conveyor_callbacks_pending 4.0",
        "conveyor_oldest_callback_seconds 90.0",
        'conveyor_callback_tries_total{outcome="received"} 10.0',
        'conveyor_callback_tries_total{outcome="given_up"} 0.0',
    ],
)
def test_fleet_is_reported(lines, line):
    assert line in lines


@pytest.mark.parametrize(
    "line",
    [
        'conveyor_polls_per_conversion_bucket{le="1"} 100.0',
        'conveyor_polls_per_conversion_bucket{le="2"} 100.0',
        'conveyor_polls_per_conversion_bucket{le="3"} 300.0',
        'conveyor_polls_per_conversion_bucket{le="50"} 300.0',
        'conveyor_polls_per_conversion_bucket{le="+Inf"} 340.0',
        "conveyor_polls_per_conversion_count 340.0",
        "conveyor_polls_per_conversion_sum 880.0",
        'conveyor_ready_to_stored_seconds_bucket{le="0.25"} 0.0',
        'conveyor_ready_to_stored_seconds_bucket{le="0.5"} 300.0',
        'conveyor_ready_to_stored_seconds_bucket{le="+Inf"} 340.0',
        "conveyor_ready_to_stored_seconds_sum 70.5",
    ],
)
def test_histograms_add_up(lines, line):
    assert line in lines
