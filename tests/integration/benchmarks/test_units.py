from __future__ import annotations

from benchmarks.units import footprint_in_redis
from workers.local.valkey import Valkey


def test_redis_holds_less_of_a_conversion_that_has_ended():
    with Valkey() as server:
        held = footprint_in_redis(server.url(), 200)

    assert 300 < held["kept"] < held["in_flight"] < 10_000
    assert 300 < held["result"] < 3000
