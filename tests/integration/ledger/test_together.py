"""Scripts of many threads in one round trip, on a real Valkey."""

from __future__ import annotations

import ctypes
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import redis

from conveyor.ledger import connect
from conveyor.ledger.together import Together
from local_stack.valkey import Valkey

ECHO = "return {ARGV[1], redis.call('INCR', KEYS[1])}"
FAIL = "if ARGV[1] == 'bad' then return redis.call('HGET', KEYS[1], 'x') end return ARGV[1]"
THREADS = 64
# What hangs is found; what is slow is not.
PATIENCE_S = 60


@pytest.fixture
def together(client):
    return Together(client)


@pytest.fixture
def crowd():
    """As many threads as a process has."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield pool


class _Lead:
    """A call that holds the lead up until it is let go, so that others gather behind it."""

    def __init__(self, together, client, crowd):
        self._is_in, self._goes = threading.Event(), threading.Event()
        self._pipeline = client.pipeline
        client.pipeline = self._held
        self._result = crowd.submit(together.send, [("ECHO", "led")])
        assert self._is_in.wait(PATIENCE_S)
        client.pipeline = self._pipeline

    def _held(self, **ways):
        self._is_in.set()
        self._goes.wait(PATIENCE_S)
        return self._pipeline(**ways)

    def let_go(self):
        self._goes.set()

    def ends(self):
        assert not self._result.done()
        self.let_go()
        assert self._result.result(PATIENCE_S) == ["led"]


@pytest.fixture
def lead(together, client, crowd):
    made = _Lead(together, client, crowd)
    yield made
    made.let_go()


def _results(futures):
    return [future.result(PATIENCE_S) for future in futures]


def _errors(futures):
    return [future.exception(PATIENCE_S) for future in futures]


def _await(is_so):
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _interrupt(thread, error):
    """Raise in another thread, as a signal does in the main one."""
    raised = ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(error)
    )
    assert raised == 1


def test_answer_goes_to_its_asker(together, client, crowd):
    script = client.register_script(ECHO)

    def ask(number):
        said, count = together.run(script, [f"key-{number % 7}"], [f"word-{number}"])
        return number % 7, said == f"word-{number}", count

    answers = list(crowd.map(ask, range(3000)))

    assert all(is_mine for _, is_mine, _ in answers)
    # Each was run once: no count is missing, none is there twice.
    for key in range(7):
        counts = sorted(count for its_key, _, count in answers if its_key == key)
        assert counts == list(range(1, len(counts) + 1))


def test_those_that_gather_share_a_round_trip(together, client, crowd, lead):
    script = client.register_script(ECHO)
    script(["key"], ["the server learns it"])
    gathered = [crowd.submit(together.run, script, ["key"], [n]) for n in range(THREADS - 1)]
    _await(lambda: len(together._waiting) == THREADS - 1)
    rounds, pipeline = [], client.pipeline

    def counted(**ways):
        rounds.append(pipeline(**ways))
        return rounds[-1]

    client.pipeline = counted
    lead.ends()

    assert len(_results(gathered)) == THREADS - 1
    assert len(rounds) == 1


def test_an_error_of_one_call_harms_no_other(together, client, crowd):
    client.set("of another type", "words")
    script = client.register_script(FAIL)
    words = ["bad" if number % 5 == 0 else f"good-{number}" for number in range(1000)]
    futures = [crowd.submit(together.run, script, ["of another type"], [word]) for word in words]
    errors = _errors(futures)

    assert all(
        isinstance(error, redis.ResponseError) if word == "bad" else error is None
        for word, error in zip(words, errors, strict=True)
    )
    good = [future.result() for future, error in zip(futures, errors, strict=True) if not error]
    assert good == [word for word in words if word != "bad"]


def test_commands_of_one_call_are_answered_in_their_order(together, crowd):
    def ask(number):
        key = f"key-{number}"
        return together.send([("SET", key, number), ("GET", key), ("INCR", key)])

    assert list(crowd.map(ask, range(1000))) == [[True, str(n), n + 1] for n in range(1000)]


def test_a_command_that_is_refused_is_told_to_its_caller_alone(together, client, crowd):
    client.set("of another type", "words")
    bad, good = [("INCR", "count"), ("INCR", "of another type")], [("INCR", "count")]
    futures = [crowd.submit(together.send, bad if n % 5 == 0 else good) for n in range(500)]
    errors = _errors(futures)

    assert [error is not None for error in errors] == [n % 5 == 0 for n in range(500)]
    assert all(error is None or isinstance(error, redis.ResponseError) for error in errors)
    assert client.get("count") == "500"


def test_a_server_that_has_forgotten_the_scripts_learns_them_again(together, client, crowd):
    script = client.register_script(ECHO)
    futures = []
    for number in range(2000):
        futures.append(crowd.submit(together.run, script, ["key"], [str(number)]))
        if number % 100 == 0:
            client.script_flush()
    answers = _results(futures)

    assert [said for said, _ in answers] == [str(number) for number in range(2000)]
    assert sorted(count for _, count in answers) == list(range(1, 2001))


def test_connections_that_are_killed_meanwhile_are_made_anew(together, client, crowd, redis_url):
    """A call may have been run twice then: scripts that write tell a repeat by its token."""
    script = client.register_script(ECHO)
    done = threading.Event()

    def kill():
        with closing(connect(redis_url)) as killer:
            while not done.wait(0.02):
                killer.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    killing = threading.Thread(target=kill)
    killing.start()
    try:
        futures = [crowd.submit(together.run, script, ["key"], [str(n)]) for n in range(2000)]
        errors = _errors(futures)
    finally:
        done.set()
        killing.join()

    # Whoever met too many kills in a row was told so; everybody was told something.
    assert all(error is None or isinstance(error, redis.ConnectionError) for error in errors)
    answers = {n: f.result() for n, f in enumerate(futures) if f.exception() is None}
    assert len(answers) > 1000
    assert all(said == str(n) for n, (said, _) in answers.items())
    counts = Counter(count for _, count in answers.values())
    assert max(counts.values()) == 1


def test_a_server_that_dies_is_told_to_all_and_one_that_is_back_serves_all(crowd):
    with Valkey() as server, closing(connect(server.url())) as client:
        together, script = Together(client), client.register_script(ECHO)
        assert crowd.submit(together.run, script, ["key"], ["w"]).result(PATIENCE_S)
        server.kill()
        futures = [crowd.submit(together.run, script, ["key"], [n]) for n in range(THREADS)]
        assert all(isinstance(error, redis.ConnectionError) for error in _errors(futures))

        server.start()
        futures = [crowd.submit(together.run, script, ["key"], [str(n)]) for n in range(THREADS)]
        assert [said for said, _ in _results(futures)] == [str(n) for n in range(THREADS)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupted_leader_releases_its_followers(*, together, client, crowd, lead, error):
    script = client.register_script(ECHO)
    entered, go_on = threading.Event(), threading.Event()
    pipeline = client.pipeline

    def interrupted(**ways):
        entered.set()
        go_on.wait(PATIENCE_S)
        client.pipeline = pipeline
        raise error

    client.pipeline = interrupted
    round_ = [crowd.submit(_caught, together, script, n) for n in range(8)]
    _await(lambda: len(together._waiting) == 8)
    lead.ends()
    assert entered.wait(PATIENCE_S)
    later = [crowd.submit(_caught, together, script, n) for n in range(8, 16)]
    _await(lambda: len(together._waiting) == 8)
    go_on.set()

    told = Counter(type(answer) for answer in _results(round_))
    # It is the leader's own interruption; the others are told that nothing is known.
    assert told == {error: 1, redis.ConnectionError: 7}
    assert [said for said, _ in _results(later)] == [str(n) for n in range(8, 16)]
    assert not together._is_busy


def _caught(together, script, number):
    try:
        return together.run(script, ["key"], [str(number)])
    except BaseException as error:  # noqa: BLE001 - as a thread sees it
        return error


def test_interrupted_follower_blocks_no_others(together, client, crowd, lead):
    """As a time-out of gevent's does: what waited next was to lead the next round."""
    script = client.register_script(ECHO)
    gone = []

    def waits():
        try:
            together.run(script, ["key"], ["impatient"])
        except TimeoutError as error:
            gone.append(error)

    impatient = threading.Thread(target=waits)
    impatient.start()
    _await(lambda: len(together._waiting) == 1)
    # A lock is left by a release alone: as a greenlet is thrown out of it, its wait ends so.
    (call,) = together._waiting
    _interrupt(impatient, TimeoutError)
    call.turn.release()
    impatient.join(PATIENCE_S)
    assert gone
    assert not impatient.is_alive()
    others = [crowd.submit(together.run, script, ["key"], [str(n)]) for n in range(8)]
    _await(lambda: len(together._waiting) == 8)
    lead.ends()

    assert [said for said, _ in _results(others)] == [str(n) for n in range(8)]
    assert sorted(count for _, count in _results(others)) == list(range(1, 9))


def test_the_main_thread_neither_waits_for_others_nor_leads_them(together, client, lead):
    """A signal may interrupt it anywhere: a wait for it would have no end."""
    script = client.register_script(ECHO)

    assert together.run(script, ["key"], ["main"]) == ["main", 1]
    lead.ends()
