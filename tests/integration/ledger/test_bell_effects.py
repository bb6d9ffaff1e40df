"""What is overdue or put off, at one moment: which bells come, and which marks stay, exactly."""

from __future__ import annotations

import pytest

CASES = {
    "overdue: what is late for longer than the grace is told": {
        "run": ("overdue", "s p d", ("p:", 0.5, "submit", "poll", "deliver")),
        "held": {"s": {"a": 1, "b": 1699999999.75}, "p": {"c": 1699999999.76}, "d": {"e": 5}},
        "answer": ["submit", 2, "deliver", 1],
        "leaves": {
            "p:bell:deliver": "1",
            "p:bell:deliver ms": 1000,
            "p:bell:submit": "1",
            "p:bell:submit ms": 1000,
        },
    },
    "overdue: while a bell is on its way nothing is told": {
        "run": ("overdue", "s p d", ("p:", 0.5, "submit", "poll", "deliver")),
        "held": {
            "s": {"a": 1, "b": 1699999999.75},
            "p": {"c": 1699999999.76},
            "d": {"e": 5},
            "p:bell:submit": "1",
        },
        "answer": ["deliver", 1],
        "leaves": {"p:bell:deliver": "1", "p:bell:deliver ms": 1000},
    },
    "overdue: right after a claim the bell waits for others": {
        "run": ("overdue", "s p d", ("p:", 0.5, "submit", "poll", "deliver")),
        "held": {"s": {"a": 1}, "p:bell:submit:pause": "1"},
        "lives_ms": {"p:bell:submit:pause": 200},
        "answer": ["submit", 1],
        "leaves": {"p:bell:submit": "1", "p:bell:submit ms": 1200},
    },
    "put off: a bell that came too early comes again": {
        "run": ("put_off", "s", ("p:", "poll", 1.5, 1700000003.5)),
        "held": {"s": {"a": 1}},
        "answer": ["3.250000", "1700000000.250000"],
        "leaves": {},
    },
    "put off: where nothing is due none comes": {
        "run": ("put_off", "s", ("p:", "poll", 1.5, 0)),
        "held": {"s": {"a": 1700000000.26}},
        "answer": ["-1", "1700000000.250000"],
        "leaves": {},
    },
    "put off: for what is due this moment a bell comes at its slot's end": {
        "run": ("put_off", "s", ("p:", "poll", 1.1, 1700000000.25)),
        "held": {"s": {"a": 1700000000.25}},
        "answer": ["1.250", "1700000000.250000"],
        "leaves": {"p:bell:poll:6800000006": "1", "p:bell:poll:6800000006 ms": 2250},
    },
    "put off: one bell is enough for a slot": {
        "run": ("put_off", "s", ("p:", "poll", 1.1, 0)),
        "held": {"s": {"a": 1}, "p:bell:poll:6800000006": "1"},
        "answer": ["-1.000", "1700000000.250000"],
        "leaves": {},
    },
    "put off: for more than a minute the sweep rings": {
        "run": ("put_off", "s", ("p:", "poll", 60.25, 0)),
        "held": {"s": {"a": 1}},
        "answer": ["-1.000", "1700000000.250000"],
        "leaves": {},
    },
    "put off: for a minute a bell comes": {
        "run": ("put_off", "s", ("p:", "poll", 60, 0)),
        "held": {"s": {"a": 1}},
        "answer": ["60.250", "1700000000.250000"],
        "leaves": {"p:bell:poll:6800000242": "1", "p:bell:poll:6800000242 ms": 61250},
    },
    "put off: without a wait a bell comes at once": {
        "run": ("put_off", "s", ("p:", "poll", 0, 0)),
        "held": {"s": {"a": 1}},
        "answer": ["0.000", "1700000000.250000"],
        "leaves": {"p:bell:poll": "1", "p:bell:poll ms": 1000},
    },
    "put off: without a wait one mark is enough": {
        "run": ("put_off", "s", ("p:", "poll", 0, 0)),
        "held": {"s": {"a": 1}, "p:bell:poll": "1"},
        "answer": ["-1.000", "1700000000.250000"],
        "leaves": {},
    },
    "overdue: by the microsecond": {
        "run": ("overdue", "s p d", ("p:", 0.5, "submit", "poll", "deliver")),
        "held": {"s": {"a": 1699999999.750001, "b": 1699999999.750002}},
        "at": (1700000000, 250001),
        "answer": ["submit", 1],
        "leaves": {"p:bell:submit": "1", "p:bell:submit ms": 1000},
    },
    "put off: a bell that came half a second too early comes again": {
        "run": ("put_off", "s", ("p:", "poll", 1.5, 1700000000.75)),
        "held": {"s": {"a": 1}},
        "answer": ["0.500000", "1700000000.250000"],
        "leaves": {},
    },
    "put off: a mark lives to the millisecond": {
        "run": ("put_off", "s", ("p:", "poll", 1.1, 0)),
        "held": {"s": {"a": 1}},
        "at": (1700000000, 250300),
        "answer": ["1.250", "1700000000.250300"],
        "leaves": {"p:bell:poll:6800000006": "1", "p:bell:poll:6800000006 ms": 2250},
    },
}


@pytest.mark.parametrize("name", CASES)
def test_script_answers_and_changes_exactly_this(effects, name):
    case = dict(CASES[name])
    run, answer, leaves = (case.pop(each) for each in ("run", "answer", "leaves"))

    assert effects.of(*run, **case) == (answer, leaves)
