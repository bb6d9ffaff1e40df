"""What the fleet learns of each pair, on a real Valkey."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from conveyor.domain.conversion import Failure, FailureKind
from conveyor.domain.durations import Durations
from conveyor.domain.request import ConversionRequest
from conveyor.ledger import Ledger, connect
from conveyor.ledger.expected_durations import ExpectedDurations
from conveyor.ledger.keys import Keys
from workers.local.ports import free_port

KEYS = Keys()
PDF = ConversionRequest.build("https://example.com/a.docx", "pdf")


class Clock:
    """Stands still unless told."""

    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def durations(client, clock):
    return ExpectedDurations(client, clock)


@pytest.fixture
def commands(client):
    """How many commands of a kind Valkey has had since."""

    def count(name):
        return client.info("commandstats").get(f"cmdstat_{name}", {}).get("calls", 0)

    return count


def _learn(durations, seconds, count=20):
    for _ in range(count):
        durations.learn(PDF, seconds, exact=True)
    durations.flush()


def test_a_pair_is_unknown_until_some_have_ended(durations, clock):
    assert durations.of(PDF) is None
    _learn(durations, 10.0, count=1)
    assert durations.of(PDF) is None
    _learn(durations, 10.0)

    assert durations.of(PDF).usual_s == pytest.approx(10.0, rel=0.1)


def test_what_one_process_learns_the_others_expect(durations, client):
    _learn(durations, 10.0)

    assert ExpectedDurations(client).of(PDF) == durations.of(PDF)


def test_each_pair_is_learned_by_itself(durations):
    _learn(durations, 10.0)

    assert durations.of(ConversionRequest.build("https://example.com/a.docx", "png")) is None


def test_thousands_of_conversions_are_a_call_a_second(durations, clock, commands):
    before = commands("evalsha") + commands("eval")
    for number in range(5000):
        clock.now_s += 0.001
        durations.learn(PDF, 10.0 + number % 7, 5.0)

    assert commands("evalsha") + commands("eval") - before <= 8


def test_a_process_looks_once_in_two_seconds(durations, client, clock, commands):
    _learn(durations, 10.0)
    before = commands("hget")
    for _ in range(1000):
        durations.of(PDF)
    clock.now_s += 2.1
    durations.of(PDF)

    # The script asks, too; none of these runs it.
    assert commands("hget") - before == 1


def test_those_that_learn_at_the_same_moment_lose_nothing(client, clock):
    learners = [ExpectedDurations(client, clock) for _ in range(8)]

    def learn(durations):
        for _ in range(4):
            _learn(durations, 10.0, count=1)

    threads = [threading.Thread(target=learn, args=(durations,)) for durations in learners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for durations in learners:  # what others were quicker with each time
        durations.flush()
    text = client.hget(KEYS.expected_durations, "docx:pdf").rpartition(" ")[2]

    # Of 64 that are remembered 32 are there, a little faded.
    assert sum(Durations.load(text).ended) == pytest.approx(64 * (1 - (63 / 64) ** 32), abs=0.5)


def test_one_that_has_not_ended_counts(durations, clock):
    _learn(durations, 10.0)
    for _ in range(100):
        durations.learn(PDF, 15.0, 5.0, ended=False)
    durations.flush()

    assert durations.of(PDF).usual_s > 12


@pytest.mark.parametrize(
    "damage", ["", "fast", "8.0", "8.0 9.0 ~", "\x00\xff", "1 2 " + "0" * 4000]
)
def test_a_damaged_record_is_learned_anew(damage, client, clock):
    client.hset(KEYS.expected_durations, "docx:pdf", damage)
    durations = ExpectedDurations(client, clock)

    assert durations.of(PDF) is None
    _learn(durations, 10.0)
    assert ExpectedDurations(client).of(PDF).usual_s == pytest.approx(10.0, rel=0.1)


def test_the_first_few_are_no_crowd_and_those_of_which_most_have_ended_are_none(durations):
    assert [durations.begin(PDF) for _ in range(5)] == [False, False, False, True, True]
    for _ in range(2):
        durations.end(PDF)

    assert not durations.begin(PDF)


def test_a_crowd_is_forgotten_after_minutes(durations, clock):
    crowd = [durations.begin(PDF) for _ in range(50)]
    clock.now_s += 600

    assert crowd[-1]
    assert not durations.begin(PDF)


def test_failures_one_after_the_other_are_no_crowd(ledger, make):
    for _ in range(10):
        assert not ledger.expected_durations.begin(PDF)
        failure = Failure(FailureKind.INPUT, "The file is damaged.", 5002, 500)
        ledger.failed(make.converting(confirmed=True), failure)


def test_pairs_are_bounded_in_redis_and_in_the_process(durations, client, clock):
    client.hset(
        KEYS.expected_durations, mapping={f"a{number}:pdf": "? ? 0000" for number in range(1000)}
    )
    for number in range(20):
        request = ConversionRequest.build("https://example.com/a.docx", "pdf", f"b{number}")
        durations.learn(request, 1.0)
        assert durations.of(request) is None

    assert client.hlen(KEYS.expected_durations) == 1000
    assert client.hexists(KEYS.expected_durations, "b19:pdf")


def test_a_pair_takes_a_few_hundred_bytes_and_can_be_read_by_people(durations, client):
    _learn(durations, 10.0, count=200)
    text = client.hget(KEYS.expected_durations, "docx:pdf")
    usual_s, late_s, _ = text.split(" ")

    assert 9 < float(usual_s) <= float(late_s) < 11
    assert len(text) < 500


def test_where_redis_is_away_nothing_is_raised_and_nothing_known(clock):
    client = connect(f"redis://127.0.0.1:{free_port()}/0")
    with closing(client):
        durations = ExpectedDurations(client, clock)
        durations.learn(PDF, 10.0)
        durations.flush()

        assert durations.of(PDF) is None


def test_what_could_not_be_sent_is_sent_later(client, clock):
    durations = ExpectedDurations(client, clock)
    client.set(KEYS.expected_durations, "no hash")
    _learn(durations, 10.0)
    client.delete(KEYS.expected_durations)
    durations.flush()

    assert ExpectedDurations(client).of(PDF).usual_s == pytest.approx(10.0, rel=0.1)


def test_what_is_forgotten_begins_anew(durations, client):
    _learn(durations, 10.0)
    durations.forget()

    assert durations.of(PDF) is None
    assert not client.exists(KEYS.expected_durations)


# -- what the ledger tells of a conversion ----------------------------------------------------


def _sightings(ledger, monkeypatch):
    seen = []
    monkeypatch.setattr(
        ledger.expected_durations, "learn", lambda request, *told, **how: seen.append((*told, how))
    )
    return seen


def _polling():
    """A poll's pass."""
    return {"token": "t", "for_ms": 1, "polls": 1}


def test_a_poll_tells_since_when_and_how_long(ledger, make, monkeypatch):
    seen = _sightings(ledger, monkeypatch)
    entry = make.converting(confirmed=True)
    entry = ledger.poll_later(entry, 1.0, confirmed=True, failed=False)
    entry = ledger.poll_later(entry, 1.0, confirmed=True, failed=False)
    ledger.ready(entry, make.result, leaving=_polling())
    (first, second, last) = seen

    assert first[1:] == (0.0, {"ended": False})
    assert second[1:] == (pytest.approx(first[0], abs=0.001), {"ended": False})
    assert last[1:] == (pytest.approx(second[0], abs=0.001), {"exact": False})


@pytest.mark.parametrize("posted", [True, False], ids=["by the POST's own answer", "by a poll"])
def test_who_sees_the_very_end_says_so(posted, ledger, make, monkeypatch):
    seen = _sightings(ledger, monkeypatch)
    entry = make.converting()
    ledger.ready(entry, make.result, leaving=None if posted else _polling())

    assert [how for *_, how in seen] == [{"exact": posted}]


@pytest.mark.parametrize("failed", [True, False], ids=["an outage", "an ordinary poll"])
def test_what_an_outage_has_delayed_tells_nothing(failed, ledger, make, monkeypatch):
    seen = _sightings(ledger, monkeypatch)
    entry = ledger.poll_later(
        make.converting(confirmed=True), 1.0, confirmed=not failed, failed=failed
    )
    ledger.ready(entry, make.result)

    assert (seen == []) is failed


def test_what_was_expected_at_the_submit_is_kept_until_the_end(ledger, make, client):
    durations = Ledger(client).expected_durations
    _learn(durations, 10.0)
    entry = make.converting()
    started = ledger.started(entry, entry.job_id, 1.0, expectation=durations.of(PDF))

    assert started.usual_s == pytest.approx(10.0, rel=0.1)
    assert started.usual_s <= started.late_s
