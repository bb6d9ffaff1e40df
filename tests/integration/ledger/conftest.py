"""What tests of the ledger drive it with: claims, bells, dates, and a line that can be cut."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import closing
from dataclasses import dataclass

import pytest

from conveyor.ledger import Ledger
from conveyor.ledger.claims import Claims
from conveyor.ledger.due import KINDS
from conveyor.ledger.governor import Governor
from conveyor.ledger.keys import Keys
from conveyor.ledger.scripts import script
from conveyor.ledger.turnstile import Turnstile

KEYS = Keys()

SPACING_S, LEASE_S, HOLD_S = 5.0, 15.0, 3600.0
ACCOUNT = "account"
# More than a test makes due.
MANY = 1000


@dataclass(frozen=True)
class Rung:
    """A bell that was sent."""

    kind: str
    wait_s: float
    at: float


class Bells:
    """Notes the bells instead of sending them."""

    def __init__(self):
        self.rung = []

    def ring(self, kind, wait_s, at):
        self.rung.append(Rung(kind, wait_s, at))

    def take(self, kind=None):
        """The bells that were sent since it was last asked; of one kind, or of all."""
        taken, self.rung = self.rung, []
        return [rung for rung in taken if kind in (None, rung.kind)]


class Dates:
    """When conversions are due; whatever they are due for."""

    def __init__(self, client):
        self._client = client

    def of(self, conversion_id):
        """The date of one; None where it is due at no time."""
        return self._found(conversion_id)[1]

    def kind_of(self, conversion_id):
        """What one is due for."""
        return self._found(conversion_id)[0]

    def set(self, at, *ids):
        """Make these due at a time, for what they are due anyway."""
        for each in ids:
            self._client.zadd(KEYS.due(self.kind_of(each)), {each: at})

    def past(self, *ids):
        """Make these due, in this order."""
        for place, each in enumerate(ids):
            self.set(1.0 + place, each)

    def forget(self, *ids):
        for key in KEYS.all_due:
            self._client.zrem(key, *ids)

    def count(self):
        return sum(self._client.zcard(key) for key in KEYS.all_due)

    def _found(self, conversion_id):
        dates = {kind: self._client.zscore(KEYS.due(kind), conversion_id) for kind in KINDS}
        there = [(kind, at) for kind, at in dates.items() if at is not None]
        assert len(there) <= 1, f"it is due for several things: {there}"
        return there[0] if there else (None, None)


class Claiming:
    """Claims of one worker, by a few words.

    Args:
        client: Redis.
        bells: What it rings.
        spacing_s: Of polls.
        lease_s: For how long what was claimed is its own.
        most_jobs: The account's limit.
        hold_s: For how long a conversion waits for the account.
    """

    def __init__(
        self,
        client,
        bells,
        *,
        spacing_s=SPACING_S,
        lease_s=LEASE_S,
        most_jobs=0,
        hold_s=HOLD_S,
    ):
        self.ledger = Ledger(client, bells)
        self.turnstile = Turnstile(client, spacing_s, lease_s)
        self.governor = Governor(client, ACCOUNT, spacing_s, most_jobs)
        self.claims = Claims(client, self.ledger, self.turnstile, self.governor, hold_s)
        self._dates = Dates(client)

    def submits(self, limit=MANY):
        """The ids of what may be submitted."""
        return [passed.entry.id for passed in self.claims.submits(limit).passes]

    def polls(self, limit=MANY):
        """The ids of what may be polled."""
        return [passed.entry.id for passed in self.claims.polls(limit).passes]

    def everything(self, limit=MANY):
        """The ids of all that is due."""
        claims = (self.claims.submits, self.claims.polls, self.claims.deliveries)
        return [passed.entry.id for claim in claims for passed in claim(limit).passes]

    def enter(self, entry):
        """Claim one that is converting, due or not; None where the way is closed."""
        self._dates.set(0, entry.id)
        passes = self.claims.polls(MANY).passes
        return next((passed for passed in passes if passed.entry.id == entry.id), None)

    def post(self, entry):
        """Claim one that is queued, due or not; None where the way is closed."""
        self._dates.set(0, entry.id)
        passes = self.claims.submits(MANY).passes
        return next((passed for passed in passes if passed.entry.id == entry.id), None)


@pytest.fixture
def bells():
    return Bells()


@pytest.fixture
def dates(client):
    return Dates(client)


@pytest.fixture
def claiming(client, bells):
    """Make a worker that claims."""

    def make_one(**ways):
        return Claiming(client, bells, **ways)

    return make_one


@pytest.fixture
def worker(claiming):
    return claiming()


@pytest.fixture
def turnstile(worker):
    return worker.turnstile


class LossyLine:
    """Passes bytes between a client and Valkey; loses one reply when told to.

    The command has run by then: what is lost is the answer alone.
    """

    def __init__(self, port):
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lose_after = None
        self.lost = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def lose_the_reply_to(self, command):
        self._lose_after = command

    def close(self):
        self._listener.close()
        # What accept() waits for would keep the thread.
        self._thread.join(0.1)

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(near,), daemon=True).start()

    def _pass_on(self, near):
        with near, socket.create_connection(self._target) as far:
            while asked := near.recv(65536):
                far.sendall(asked)
                answered = far.recv(65536)
                if self._lose_after and self._lose_after in asked:
                    self._lose_after = None
                    self.lost += 1
                    return
                near.sendall(answered)


@pytest.fixture
def line(valkey_server, redis_url):
    with closing(LossyLine(valkey_server.port)) as made:
        yield made


@pytest.fixture
def url_through(line, valkey_server, redis_url):
    return redis_url.replace(f":{valkey_server.port}/", f":{line.port}/")


@pytest.fixture
def everything(client):
    """Look at all that Valkey holds of conversions."""
    read = {
        "hash": client.hgetall,
        "zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        "list": lambda key: client.lrange(key, 0, -1),
        "set": client.smembers,
        "string": client.get,
    }

    def look():
        found = ((key, client.type(key)) for key in client.scan_iter())
        # A key may expire while it is looked at.
        return {
            key: read[kind](key)
            for key, kind in found
            if kind in read and not key.startswith(KEYS.expected_durations)
        }

    return look


# -- scripts, one by one --------------------------------------------------------------------------

AT = (1_700_000_000, 250_000)

_STEP = """
local READ = {
  string = function(key) return {redis.call('GET', key)} end,
  hash = function(key) return redis.call('HGETALL', key) end,
  zset = function(key) return redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end,
  set = function(key) return redis.call('SMEMBERS', key) end,
  list = function(key) return redis.call('LRANGE', key, 0, -1) end,
}
local function all()
  local found = {}
  for _, key in ipairs(redis.call('KEYS', '*')) do
    local kind = redis.call('TYPE', key).ok
    table.insert(found, {key, kind, redis.call('PTTL', key), READ[kind](key)})
  end
  return found
end
for key, life_ms in pairs(cjson.decode('LIVES')) do redis.call('PEXPIRE', key, life_ms) end
local before = all()
local answer = (function(KEYS, ARGV)
SCRIPT
end)(KEYS, ARGV)
return {answer or false, before, all()}
"""


def _write(client, held):
    for key, value in held.items():
        match value:
            case dict():
                is_scored = all(isinstance(each, int | float) for each in value.values())
                (client.zadd if is_scored else client.hset)(key, mapping=value)
            case set():
                client.sadd(key, *value)
            case list():
                client.rpush(key, *value)
            case _:
                client.set(key, value)


def _held(found):
    """All that Redis holds, by key; each member of a collection has a value."""
    held = {}
    for key, kind, life_ms, content in found:
        match kind:
            case "hash":
                held[key] = dict(zip(content[::2], content[1::2], strict=True))
            case "zset":
                held[key] = dict(zip(content[::2], map(float, content[1::2]), strict=True))
            case "set":
                held[key] = dict.fromkeys(content, "in")
            case "list":
                held[key] = content
            case _:
                (held[key],) = content
        held[f"{key} ms"] = life_ms if life_ms >= 0 else None
    return held


def _changes(before, after):
    changes = {}
    for key in before.keys() | after.keys():
        was, became = before.get(key), after.get(key)
        if isinstance(became, dict) and isinstance(was, dict | None):
            was = was or {}
            changes[key] = {
                name: became.get(name)
                for name in was.keys() | became.keys()
                if was.get(name) != became.get(name)
            }
        else:
            changes[key] = became if was != became else {}
    return {key: change for key, change in changes.items() if change != {}}


def _plain(answer):
    """An answer with the fields of an entry by their names: their order is Redis' own."""
    if not isinstance(answer, list):
        return answer
    if "state" in answer[::2]:
        return dict(zip(answer[::2], answer[1::2], strict=True))
    return list(map(_plain, answer))


class Effects:
    """What a script answers, and what it changes in Redis, at a moment that is set by hand.

    The scripts are the real ones, and so is the server. What they leave is read in the same step,
    so that times to live are exact, too.
    """

    def __init__(self, client):
        self._client = client

    def of(self, name, keys, args, *, held=None, lives_ms=None, at=AT):
        """Run a script.

        Args:
            name: The script's.
            keys: Its keys, separated by spaces.
            args: Its arguments; a collection as JSON.
            held: What Redis holds before, by key: text, a set, a list, a hash of texts, or a
                sorted set of numbers.
            lives_ms: How long some of that lives still.
            at: The moment, seconds and microseconds.

        Returns:
            What it answers. And by key the fields, members or values that are other now, None for
            what is gone; below the key's name and ``ms`` how long it lives from then on.
        """
        _write(self._client, held or {})
        moment = "({{'{}', '{:06}'}})".format(*at)
        text = script(name).replace("redis.call('TIME')", moment)
        step = _STEP.replace("LIVES", json.dumps(lives_ms or {})).replace("SCRIPT", text)
        given = [json.dumps(it) if isinstance(it, dict | list) else it for it in args]
        run = self._client.register_script(step)
        answer, before, after = run(keys=keys.split(), args=given)
        return _plain(answer), _changes(_held(before), _held(after))


@pytest.fixture
def effects(client):
    return Effects(client)
