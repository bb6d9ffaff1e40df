"""Who else lives in a Redis: what is said, and how much is looked at."""

from __future__ import annotations

import pytest
import redis

from conveyor.ledger.bound_queues import Binding, binding_of, is_forbidden, queues_of, waiting_in
from conveyor.ledger.neighbours import Neighbours, _fleets, _Names
from conveyor.names import Queues

SEPARATOR = "\x06\x16"


@pytest.mark.parametrize(
    ("neighbours", "told"),
    [
        (Neighbours(), "nobody else was seen"),
        (Neighbours(is_whole=False), "nobody else was seen (not everything was checked)"),
        (Neighbours(frozenset("ba")), "other namespaces of Conveyor: a, b"),
        (
            Neighbours(queues={"b": 2, "a": None}),
            "other applications' queues: a, b (2 waiting)",
        ),
        (
            Neighbours(frozenset("a"), {"b": 0}, is_whole=False),
            (
                "other namespaces of Conveyor: a; other applications' queues: b (0 waiting)"
                " (not everything was checked)"
            ),
        ),
        (
            Neighbours(frozenset(f"n{number:02}" for number in range(10))),
            "other namespaces of Conveyor: n00, n01, n02, n03, n04, n05, n06, n07, n08, n09",
        ),
        (
            Neighbours(frozenset(f"n{number:02}" for number in range(12))),
            (
                "other namespaces of Conveyor: "
                "n00, n01, n02, n03, n04, n05, n06, n07, n08, n09 and 2 more"
            ),
        ),
        (
            Neighbours(frozenset({"a\x1b[31m" + "x" * 90})),
            "other namespaces of Conveyor: a[31m" + "x" * 75,
        ),
    ],
)
def test_neighbours_are_told_in_one_line(neighbours, told):
    assert str(neighbours) == told


class Server:
    """Answers one scan after the other."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def scan(self, cursor, count):
        self.asked.append((cursor, count))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def _names(server, most=10, seconds=(0.0,)):
    clock = iter([*seconds, *[seconds[-1]] * 100])
    names = _Names(server, most, lambda: next(clock))
    return list(names), names.is_whole


def test_names_are_read_to_their_end():
    server = Server((7, ["a", "b"]), (0, ["c"]))

    assert _names(server) == (["a", "b", "c"], True)
    assert server.asked == [(0, 10), (7, 10)]


def test_a_thousand_names_are_asked_for_at_once():
    server = Server((0, []))
    _names(server, most=5000)

    assert server.asked == [(0, 1000)]


def test_no_more_names_are_looked_at_than_that():
    assert _names(Server((7, ["a"] * 10), (0, ["b"]))) == (["a"] * 10, False)
    assert _names(Server((7, ["a"] * 9), (0, ["b"]))) == ([*["a"] * 9, "b"], True)


@pytest.mark.parametrize(("after_s", "count"), [(2.9, 2), (3.0, 1)])
def test_names_are_looked_at_for_three_seconds(after_s, count):
    names, _ = _names(Server((7, ["a"]), (0, ["b"])), seconds=(0.0, 0.0, after_s))

    assert len(names) == count


def test_forbidden_look_tells_nothing():
    assert _names(Server(redis.exceptions.NoPermissionError("x"))) == ([], False)


def test_other_error_is_raised():
    with pytest.raises(redis.ConnectionError):
        _names(Server(redis.ConnectionError("x")))


@pytest.mark.parametrize(
    ("error", "forbidden"),
    [
        (redis.exceptions.NoPermissionError("x"), True),
        (redis.ConnectionError("NOPERM x"), True),
        (redis.ConnectionError("x"), False),
    ],
)
def test_missing_permission_is_known_by_the_servers_word(error, forbidden):
    assert is_forbidden(error) is forbidden


@pytest.mark.parametrize(
    ("name", "binding"),
    [
        ("_kombu.binding.mail", Binding("", "_kombu.binding.mail")),
        ("app:_kombu.binding.a\nb", Binding("app:", "app:_kombu.binding.a\nb")),
        ("x" * 200 + "_kombu.binding.mail", Binding("x" * 200, "x" * 200 + "_kombu.binding.mail")),
        ("x" * 201 + "_kombu.binding.mail", None),
        ("_kombu.binding.", None),
        ("_kombu.binding.celeryev", None),
        ("_kombu.binding.celery.pidbox", None),
        ("_kombu.binding.reply.celery.pidbox", None),
        ("mail", None),
    ],
)
def test_key_of_a_binding_is_known_by_its_name(name, binding):
    assert binding_of(name) == binding


class Pipeline:
    """Answers all commands at once."""

    def __init__(self, answers):
        self.answers, self.asked = answers, []

    def pipeline(self, *, transaction):
        assert not transaction
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def execute_command(self, *command):
        self.asked.append(command)

    def execute(self, *, raise_on_error):
        assert not raise_on_error
        if isinstance(self.answers, Exception):
            raise self.answers
        return self.answers


def test_queues_are_read_from_their_bindings():
    members = {f"key{SEPARATOR}{SEPARATOR}mail", f"{SEPARATOR}{SEPARATOR}bulk", "odd"}
    server = Pipeline([members, redis.ResponseError("WRONGTYPE")])
    bindings = [Binding("app:", "k1"), Binding("", "k2")]

    assert queues_of(server, bindings) == {"app:mail", "app:bulk"}
    assert server.asked == [("SMEMBERS", "k1"), ("SMEMBERS", "k2")]


def test_messages_of_all_priorities_are_counted():
    wrong = redis.ResponseError("WRONGTYPE")
    server = Pipeline([1, 2, 3, 4, 0, wrong, 5, 0, wrong, wrong, wrong, wrong])
    told = waiting_in(server, ["a", "b", "c"])

    assert told == {"a": 10, "b": 5, "c": None}
    assert [key for _, key in server.asked[:4]] == [
        "a",
        f"a{SEPARATOR}3",
        f"a{SEPARATOR}6",
        f"a{SEPARATOR}9",
    ]
    assert {command for command, _ in server.asked} == {"LLEN"}


def test_what_may_not_be_asked_is_not_known():
    forbidden = Pipeline(redis.exceptions.NoPermissionError("x"))

    assert waiting_in(forbidden, ["a"]) == {"a": None}
    assert queues_of(forbidden, [Binding("", "k")]) == set()


@pytest.mark.parametrize(
    "answers", [redis.ConnectionError("x"), [1, 2, 3, redis.ConnectionError("x")]]
)
def test_lost_connection_is_raised(answers):
    with pytest.raises(redis.ConnectionError):
        waiting_in(Pipeline(answers), ["a"])


def test_fleet_is_known_by_all_of_its_queues():
    ours, theirs = Queues("ours").names, Queues("theirs").names

    assert set(_fleets([*ours, *theirs[:-1], "mail", "odd.mail"])) == {"ours"}
