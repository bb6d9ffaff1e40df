"""The gate before the wire: what may be paid is counted before it is sent, and nothing else is."""

from __future__ import annotations

import time

import pytest

from conveyor.live.answers import Answer, Silence
from conveyor.live.budget import Budget, BudgetSpent
from conveyor.live.scene import Scene
from conveyor.live.service import Credential, Service, TimeUp
from conveyor.live.tape import Tape

START = "/async/convert/txt/to/pdf"


class Line:
    """A wire that notes what was sent, and the budget as it stood then."""

    def __init__(self, reply):
        self.reply = reply
        self.sent = []
        self.budget = None

    def send(self, request):
        self.sent.append((request.method, request.url, self.budget.spent))
        if isinstance(self.reply, BaseException):
            raise self.reply
        return self.reply


def service(reply, allowed=0, seconds=60):
    line = Line(reply)
    line.budget = Budget(allowed)
    scene = Scene(base_url="http://127.0.0.1:1")
    return line, Service(
        scene,
        wire=line,
        budget=line.budget,
        tape=Tape(["hush"]),
        credential=Credential("hush", "hush"),
        deadline=time.monotonic() + seconds,
    )


def test_a_conversion_counts_before_it_is_sent():
    line, asked = service(Silence("no answer in time"), allowed=1)
    asked.pay("first", START, {}, {"File": "x"})
    assert line.sent == [("POST", f"http://127.0.0.1:1{START}", 1)]
    with pytest.raises(BudgetSpent):
        asked.pay("second", START, {}, {"File": "x"})
    assert len(line.sent) == 1


def test_it_counts_also_if_we_are_interrupted_meanwhile_and_is_recorded():
    line, asked = service(KeyboardInterrupt(), allowed=2)
    with pytest.raises(KeyboardInterrupt):
        asked.pay("first", START, {}, {"File": "x"})
    assert line.budget.spent == 1
    (exchange,) = asked.tape.redacted()
    assert (exchange.label, exchange.silence) == ("first", "interrupted")


@pytest.mark.parametrize("name", ["File", "file", "Files[0]", "Files[]", "Url", "Html", "Text"])
def test_source_is_never_sent_for_free(name):
    line, asked = service(Answer(200))
    with pytest.raises(ValueError, match="may be paid"):
        asked.free_post("x", START, {name: "x"})
    assert not line.sent


def test_a_conversion_can_not_be_asked_for_by_the_way():
    line, asked = service(Answer(200))
    with pytest.raises(ValueError, match="free_post"):
        asked.ask("x", "POST", START)
    assert not line.sent


@pytest.mark.parametrize(
    ("body", "spent"),
    [
        (b'{"JobId": "x"}', 1),
        (b'{"Files": []}', 1),
        (b'{"ConversionCost": 1}', 1),
        (b"<html>portal</html>", 0),
        (b"null", 0),
    ],
)
def test_no_post_follows_one_that_was_not_refused(body, spent):
    line, asked = service(Answer(200, {}, body), allowed=5)
    asked.free_post("x", START, {"Timeout": "never"})
    assert (line.budget.spent, line.budget.left) == (spent, 0)
    assert isinstance(asked.free_post("y", START, {}), Silence)
    with pytest.raises(BudgetSpent):
        asked.pay("z", START, {}, {"File": "x"})
    assert len(line.sent) == 1


def test_nothing_is_sent_or_counted_once_the_time_is_up():
    line, asked = service(Answer(200), allowed=1, seconds=-1)
    with pytest.raises(TimeUp):
        asked.pay("first", START, {}, {"File": "x"})
    with pytest.raises(TimeUp):
        asked.ask("user", "GET", "/user")
    assert (line.sent, line.budget.spent) == ([], 0)


def test_an_id_can_not_leave_its_place_in_the_path():
    line, asked = service(Answer(404))
    asked.ask("x", "GET", "/job/{job}", ids={"job": "../user?Secret=1#"})
    assert line.sent[0][1].endswith("/job/..%2Fuser%3FSecret%3D1%23")
