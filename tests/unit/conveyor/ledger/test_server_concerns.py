"""What a Redis can do to conversions, told by what it says of itself."""

from __future__ import annotations

import pytest

from conveyor.ledger import server
from conveyor.ledger.concerns import concerns_of

WELL = {
    "redis_version": "7.2.4",
    "valkey_version": "8.0.1",
    "maxmemory": 0,
    "maxmemory_policy": "noeviction",
    "aof_enabled": 1,
    "evicted_keys": 0,
    "used_memory": 10,
}


def _concerns(info=(), settings=()):
    found = concerns_of({**WELL, **dict(info)}, dict(settings))
    return {concern.about: concern for concern in found}


def test_server_that_is_well_gives_no_concern():
    settings = {"timeout": "0", "busy-reply-threshold": "5000", "appendfsync": "everysec"}

    assert _concerns(settings=settings) == {}
    assert _concerns() == {}


@pytest.mark.parametrize(
    ("info", "settings", "about", "words"),
    [
        ({"cluster_enabled": 1}, {}, "cluster", "it is a Redis Cluster"),
        ({"redis_version": "6.2.9"}, {}, "version", "it is version 6.2.9"),
        ({"redis_version": "5.9"}, {}, "version", "it is version 5.9"),
        (
            {"maxmemory_policy": "allkeys-lru"},
            {},
            "maxmemory-policy",
            "as soon as maxmemory is set it drops conversions",
        ),
        (
            {"maxmemory_policy": "allkeys-lru", "maxmemory": 900},
            {},
            "maxmemory-policy",
            "when its memory is full it drops conversions",
        ),
        (
            {"maxmemory_policy": "volatile-ttl"},
            {},
            "maxmemory-policy",
            "drops leases, idempotency keys",
        ),
        ({"evicted_keys": 1}, {}, "evicted", "it has dropped 1 keys"),
        ({"maxmemory": 100, "used_memory": 91}, {}, "memory", "91% of its maxmemory is used"),
        ({"aof_enabled": 0}, {"save": ""}, "appendonly", "it saves nothing, so a restart forgets"),
        ({"aof_enabled": 0}, {"save": "60 1"}, "appendonly", "since it was last saved"),
        ({"aof_enabled": 0}, {}, "appendonly", "since it was last saved"),
        ({}, {"appendfsync": "no"}, "appendfsync", "its appendfsync is no"),
        ({"aof_last_write_status": "err"}, {}, "disk", "(aof_last_write_status)"),
        ({"aof_last_bgrewrite_status": "err"}, {}, "disk", "(aof_last_bgrewrite_status)"),
        ({"rdb_last_bgsave_status": "err"}, {}, "disk", "(rdb_last_bgsave_status)"),
        ({}, {"timeout": "1"}, "timeout", "its timeout is 1 s"),
        ({}, {"timeout": "59"}, "timeout", "its timeout is 59 s"),
        ({}, {"busy-reply-threshold": "1"}, "busy-reply-threshold", "is 1 ms"),
        ({}, {"busy-reply-threshold": "999"}, "busy-reply-threshold", "is 999 ms"),
    ],
)
def test_what_hurts_is_the_one_concern(info, settings, about, words):
    found = _concerns(info, settings)

    assert found.keys() == {about}
    assert words in found[about].detail
    assert found[about].is_fatal is (about in ("cluster", "version"))


@pytest.mark.parametrize(
    ("info", "settings"),
    [
        ({"cluster_enabled": 0}, {}),
        ({"redis_version": "7.0.0"}, {}),
        ({"redis_version": "10.0"}, {}),
        ({"redis_version": ""}, {}),
        ({"redis_version": "odd"}, {}),
        ({"maxmemory_policy": None}, {}),
        ({"maxmemory": 100, "used_memory": 90}, {}),
        ({"maxmemory": 0, "used_memory": 50}, {}),
        ({"maxmemory": "odd", "evicted_keys": "odd"}, {}),
        ({"aof_enabled": None}, {"appendfsync": "no"}),
        ({}, {"timeout": "60"}),
        ({}, {"timeout": "-1"}),
        ({}, {"busy-reply-threshold": "1000"}),
    ],
    ids=str,
)
def test_what_does_not_hurt_is_not_a_concern(info, settings):
    assert _concerns(info, settings) == {}


@pytest.mark.parametrize(
    ("info", "settings", "summary"),
    [
        (WELL, {}, "Valkey 8.0.1, noeviction, append-only file"),
        (
            WELL,
            None,
            (
                "Valkey 8.0.1, noeviction, append-only file; further settings unknown: "
                "CONFIG is not permitted"
            ),
        ),
        (
            {"redis_version": "7.4.0", "aof_enabled": 0},
            {},
            "Redis 7.4.0, eviction unknown, no append-only file",
        ),
        ({}, {}, "Redis of unknown version, eviction unknown, persistence unknown"),
    ],
)
def test_server_is_summed_up_in_a_line(info, settings, summary):
    assert server._summary(info, settings) == summary
