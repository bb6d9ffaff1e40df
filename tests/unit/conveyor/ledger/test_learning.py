"""When a process asks and tells what conversions take; Redis is a dictionary here."""

from __future__ import annotations

import pytest

from conveyor.domain.durations import Durations, Sighting
from conveyor.domain.request import ConversionRequest
from conveyor.errors import LedgerUnavailable
from conveyor.ledger import connect
from conveyor.ledger.expected_durations import ExpectedDurations
from conveyor.ledger.expected_pair import Pair, pair_of, read, written

PDF = ConversionRequest.build("https://example.com/a.docx", "pdf")
PNG = ConversionRequest.build("https://example.com/a.docx", "png")


class Redis:
    """What `ExpectedDurations` needs of Redis.

    Attributes:
        known: The texts by pair.
        asked: The pairs that were read, in their order.
        told: What the script was asked: pair, what it built upon, what it is now, and how many.
        quicker: Texts of others that come between, one for each call.
        is_away: Whether it can't be reached.
    """

    def __init__(self):
        self.known, self.asked, self.told, self.quicker, self.is_away = {}, [], [], [], False

    def read(self, name):
        self._check()
        self.asked.append(name)
        return self.known.get(name, "")

    def learn(self, keys, args):
        self._check()
        self.told.append(args)
        if self.quicker:
            self.known[args[0]] = self.quicker.pop(0)
        if self.known.get(args[0], "") != args[1]:
            return [0, self.known[args[0]]]
        self.known[args[0]] = args[2]
        return [1]

    def _check(self):
        if self.is_away:
            raise LedgerUnavailable("away")


@pytest.fixture
def server():
    return Redis()


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def durations(server, clock):
    with connect("redis://127.0.0.1:1/0") as client:
        made = ExpectedDurations(client, lambda: clock[0])
        made._read, made._learn = server.read, server.learn
        yield made


def _text(seconds, count=20):
    seen = [Sighting(seconds, 0.0, ended=False), Sighting(seconds, seconds)]
    return written(Durations().with_(seen * count))


# -- asking ---------------------------------------------------------------------------------------


def test_known_pair_is_asked_for_every_two_seconds(durations, server, clock):
    server.known["docx:pdf"] = _text(10.0)
    assert durations.of(PDF).usual_s == pytest.approx(10, rel=0.1)
    server.known["docx:pdf"] = _text(20.0)
    clock[0] += 1.99
    assert durations.of(PDF).usual_s == pytest.approx(10, rel=0.1)
    assert len(server.asked) == 1
    clock[0] += 0.01
    assert durations.of(PDF).usual_s == pytest.approx(20, rel=0.1)
    assert len(server.asked) == 2


def test_unknown_pair_is_asked_for_every_half_second(durations, server, clock):
    assert durations.of(PDF) is None
    clock[0] += 0.49
    assert durations.of(PDF) is None
    assert len(server.asked) == 1
    clock[0] += 0.01
    assert durations.of(PDF) is None
    assert len(server.asked) == 2


def test_while_redis_is_away_what_is_known_stays(durations, server, clock):
    server.known["docx:pdf"] = _text(10.0)
    durations.of(PDF)
    server.is_away = True
    clock[0] += 5

    assert durations.of(PDF).usual_s == pytest.approx(10, rel=0.1)
    assert durations.of(PNG) is None


# -- telling --------------------------------------------------------------------------------------


def test_first_sighting_is_told_at_once_and_the_next_after_a_second(durations, server, clock):
    durations.learn(PDF, 10.0, 5.0)
    assert len(server.told) == 1
    clock[0] += 0.99
    durations.learn(PDF, 11.0, 5.0)
    assert len(server.told) == 1
    clock[0] += 0.01
    durations.learn(PDF, 12.0, 5.0)
    assert len(server.told) == 2

    first, second = server.told
    assert first == ["docx:pdf", "", written(_learned("", (10.0, 5.0))), 1000]
    assert second == [
        "docx:pdf",
        first[2],
        written(_learned(first[2], (11.0, 5.0), (12.0, 5.0))),
        1000,
    ]


def _learned(text, *sightings, ended=True):
    return read(text).with_([Sighting(age_s, after_s, ended) for age_s, after_s in sightings])


def test_one_that_has_not_ended_is_told_so(durations, server):
    durations.learn(PDF, 10.0, ended=False)

    assert server.known["docx:pdf"] == written(_learned("", (10.0, 0.0), ended=False))


def test_exact_end_is_told_as_a_moment(durations, server):
    durations.learn(PDF, 10.0, 5.0, exact=True)
    seen = [Sighting(10.0, 5.0, ended=False), Sighting(10.0, 10.0)]

    assert server.known["docx:pdf"] == written(Durations().with_(seen))


def test_without_an_earlier_look_it_is_seen_since_its_begin(durations, server):
    durations.learn(PDF, 10.0)

    assert server.known["docx:pdf"] == written(_learned("", (10.0, 0.0)))


def test_flush_tells_what_waits_of_each_pair(durations, server):
    for request in (PDF, PNG):
        durations.learn(request, 10.0)
        durations.learn(request, 11.0)
    durations.flush()
    durations.flush()

    assert [args[0] for args in server.told] == ["docx:pdf", "docx:png"] * 2


def test_what_others_were_quicker_with_is_built_upon(durations, server):
    server.quicker = [_text(20.0), _text(30.0)]
    durations.learn(PDF, 10.0)

    assert len(server.told) == 3
    assert server.known["docx:pdf"] == written(_learned(_text(30.0), (10.0, 0.0)))
    assert durations.of(PDF) == read(server.known["docx:pdf"]).expectation()


def test_after_three_tries_it_waits_for_the_next_time(durations, server):
    server.quicker = [_text(20.0), _text(30.0), _text(40.0)]
    durations.learn(PDF, 10.0)
    assert len(server.told) == 3
    assert server.known["docx:pdf"] == _text(40.0)
    durations.flush()

    assert server.known["docx:pdf"] == written(_learned(_text(40.0), (10.0, 0.0)))


def test_what_redis_does_not_take_is_told_later_in_its_order(durations, server, clock):
    server.is_away = True
    durations.learn(PDF, 10.0)
    durations.learn(PDF, 11.0)
    server.is_away = False
    durations.flush()

    assert server.known["docx:pdf"] == written(_learned("", (10.0, 0.0), (11.0, 0.0)))


def test_what_waits_for_long_is_bounded(durations, server):
    server.is_away = True
    for _ in range(10_010):
        durations.learn(PDF, 10.0)
    waiting = durations._pairs["docx:pdf"].sightings
    assert len(waiting) == 10_000
    durations.flush()

    assert len(durations._pairs["docx:pdf"].sightings) == 10_000


def test_a_thousand_pairs_are_known_the_oldest_makes_room(durations):
    for number in range(1000):
        durations._pair(f"a:b{number}")
    assert len(durations._pairs) == 1000
    durations._pair("a:b0")
    assert len(durations._pairs) == 1000
    durations._pair("new")

    assert len(durations._pairs) == 1000
    assert "a:b0" not in durations._pairs
    assert {"a:b1", "new"} <= durations._pairs.keys()


def test_what_was_told_is_known_without_asking(durations, server, clock):
    for _ in range(20):
        durations.learn(PDF, 10.0, exact=True)
    durations.flush()

    assert durations.of(PDF).usual_s == pytest.approx(10, rel=0.1)
    assert server.asked == []


# -- whether most have not ended ------------------------------------------------------------------


def test_first_few_that_begin_are_no_crowd(durations):
    assert [durations.begin(PDF) for _ in range(5)] == [False, False, False, True, True]
    assert not durations.begin(PNG)


def test_crowd_is_more_than_twice_those_that_ended(durations):
    for _ in range(5):
        durations.begin(PDF)
    durations.end(PDF)

    assert [durations.begin(PDF) for _ in range(2)] == [True, True]
    durations.end(PDF)
    assert not Pair().begin(0.0)
    assert [durations.begin(PDF), durations.begin(PDF)] == [True, True]


def test_end_counts_for_two_that_begin():
    pair = Pair()
    pair.end(0.0)

    assert [pair.begin(0.0) for _ in range(6)] == [False] * 5 + [True]


@pytest.mark.parametrize(("after_s", "is_crowd"), [(0.0, True), (60.0, False)])
def test_what_began_long_ago_counts_for_less(after_s, is_crowd):
    """After a minute for a third, as in e to the minus one."""
    pair = Pair()
    for _ in range(5):
        pair.begin(0.0)

    assert pair.begin(after_s) is is_crowd


def test_what_ended_long_ago_counts_for_less():
    pair = Pair()
    pair.end(0.0)
    begun = [pair.begin(60.0) for _ in range(5)]

    assert begun == [False, False, False, True, True]


def test_count_fades_by_a_third_in_a_minute():
    pair = Pair()
    for _ in range(3):
        pair.begin(0.0)
    pair.begin(60.0)

    assert pair._begun == pytest.approx(3 / 2.718281828 + 1)


# -- how Redis keeps it ---------------------------------------------------------------------------


def test_pair_is_called_by_its_formats():
    assert (pair_of(PDF), pair_of(PNG)) == ("docx:pdf", "docx:png")


def test_people_see_half_and_nine_tenths_in_seconds():
    text = _text(10.0)
    usual, late, form = text.split(" ")
    expectation = read(text).expectation()

    assert (usual, late) == (f"{expectation.usual_s:.2f}", f"{expectation.late_s:.2f}")
    assert read(text) == Durations.load(form)


def test_people_see_nothing_where_nothing_is_known():
    assert written(Durations()).startswith("? ? ")
