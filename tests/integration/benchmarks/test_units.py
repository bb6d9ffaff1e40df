from __future__ import annotations

from benchmarks.footprint import footprint_in_redis
from benchmarks.units import claims
from local_stack.valkey import Valkey


def test_redis_holds_less_of_a_conversion_that_has_ended():
    with Valkey() as server:
        held = footprint_in_redis(server.url(), 200)

    assert 300 < held["kept"] < held["in_flight"] < 10_000
    assert 300 < held["result"] < 3000


def test_a_claim_is_measured_beside_those_that_wait():
    with Valkey() as server:
        costs = claims(server.url(), (10, 500))

    assert [cost.waiting for cost in costs] == [10, 500]
    assert all(0 < cost.server_ms < cost.round_trip_ms for cost in costs)
