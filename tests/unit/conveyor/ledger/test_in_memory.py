"""The Redis in memory: it has what the ledger uses, and lets nothing else pass for done."""

from __future__ import annotations

import re
from importlib import resources

import pytest
import redis

from conveyor.errors import LedgerUnavailable
from conveyor.ledger import Ledger, script, translated
from conveyor.ledger.in_memory import Clock, MemoryServer, in_memory_client
from conveyor.ledger.in_memory.server import COMMANDS
from tests.unit.test_house import ROOT

SCRIPTS = sorted(
    each.name.removesuffix(".lua")
    for each in resources.files("conveyor.ledger.scripts").iterdir()
    if each.name.endswith(".lua")
)
CALLED = re.compile(r"redis\.p?call\((?:[^'()]*\band\b)?\s*'([A-Z]+)'")


@pytest.fixture
def clock():
    return Clock(1_700_000_000.0)


@pytest.fixture
def client(clock):
    return in_memory_client(MemoryServer(clock), "conveyor")


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_command_of_a_script_is_there(name):
    called = {command.lower() for command in CALLED.findall(script(name))}

    assert called - COMMANDS == set()


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_script_is_lua_that_compiles(client, name):
    # Without keys most fail, but none because of its syntax or of a command that is missing.
    with pytest.raises(redis.ResponseError) as failed:
        client.eval(f"if true then error('compiled') end {script(name)}", 0)

    assert "compiled" in str(failed.value)


def test_each_command_of_the_ledger_is_there():
    called = set()
    for path in (ROOT / "conveyor" / "ledger").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        called |= set(re.findall(r"(?:self\._redis|client|pipeline)\.([a-z]+)\(", text))
    # They make connections and scripts, or ask what only a server has.
    others = {"pipeline", "execute", "pubsub", "scripts", "aclose", "info", "config"}

    assert {name for name in called - others if hasattr(redis.Redis, name)} <= {
        *COMMANDS,
        "delete",
        "pubsub",
        "pipeline",
        "made",
    }


def test_what_it_does_not_have_is_an_error_that_names_the_real_one(client):
    with pytest.raises(LedgerUnavailable), translated(client):
        client.xadd("stream", {"a": 1})
    with pytest.raises(redis.ResponseError, match="no command XADD: use the real one"):
        client.xadd("stream", {"a": 1})


def test_key_ends_with_its_time_on_the_clock(client, clock):
    client.set("a", 1, ex=10)
    assert client.pttl("a") in (9999, 10000)
    clock.move_to(clock.now + 10)

    assert (client.get("a"), client.exists("a")) == (None, 0)


def test_clock_does_not_go_back(clock):
    before = clock.now
    clock.move_to(before - 10)

    assert clock.now == before


def test_value_of_another_type_is_refused_as_by_redis(client):
    client.set("a", "text")

    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        client.hget("a", "field")


def test_script_sees_answers_as_redis_gives_them(client):
    text = """
    redis.call('ZADD', KEYS[1], '1.5', 'a')
    local wrong = redis.pcall('GET', KEYS[1])
    return {redis.call('ZSCORE', KEYS[1], 'a'), redis.call('GET', 'none') == false and 1 or 0,
      redis.call('TYPE', KEYS[1]).ok, wrong.err ~= nil and 1 or 0, 3.9, true, false, 'after a hole'}
    """

    assert client.eval(text, 1, "scores") == ["1.5", 1, "zset", 1, 3, 1, None, "after a hole"]


def test_json_comes_and_goes_as_in_redis(client):
    text = "local it = cjson.decode(ARGV[1]) it.c = it.b == cjson.null return cjson.encode(it)"
    written = client.eval(text, 0, '{"a": [1, "x"], "b": null}')

    assert written in ('{"a":[1,"x"],"b":null,"c":true}', '{"b":null,"a":[1,"x"],"c":true}') or (
        sorted(written) == sorted('{"a":[1,"x"],"b":null,"c":true}')
    )


@pytest.mark.parametrize(
    ("flags", "score", "kept"),
    [
        ({"nx": True}, 2.0, 1.0),
        ({"gt": True, "xx": True}, 0.5, 1.0),
        ({"gt": True, "xx": True}, 2.0, 2.0),
        ({"lt": True}, 0.5, 0.5),
    ],
)
def test_score_changes_as_the_flags_say(client, flags, score, kept):
    client.zadd("scores", {"a": 1.0})
    client.zadd("scores", {"a": score}, **flags)

    assert client.zscore("scores", "a") == kept


def test_scores_are_found_between_bounds(client):
    client.zadd("scores", {"a": 1, "b": 2, "c": 3})

    assert client.zrangebyscore("scores", "(1", "+inf") == ["b", "c"]
    assert client.zrangebyscore("scores", "-inf", "(3", start=1, num=5) == ["b"]
    assert client.zrevrangebyscore("scores", 3, 2, withscores=True) == [("c", 3.0), ("b", 2.0)]
    assert client.zcount("scores", 2, 3) == 2
    assert client.zremrangebyscore("scores", "-inf", 1) == 1
    assert client.zrange("scores", 0, -1) == ["b", "c"]


def test_failed_command_of_a_pipeline_is_its_answer(client):
    client.set("a", "text")
    pipeline = client.pipeline(transaction=False)
    pipeline.hget("a", "field")
    pipeline.get("a")
    wrong, text = pipeline.execute(raise_on_error=False)

    assert (isinstance(wrong, redis.ResponseError), text) == (True, "text")


def test_what_is_accepted_last_is_listed_first(client):
    ledger = Ledger(client)

    assert ledger.now() < ledger.now()
