"""A transition, run at one moment: what it answers, and what it changes in Redis, exactly."""

from __future__ import annotations

import pytest
import redis

AT = (1_700_000_000, 250_000)
NOW = "1700000000.250000"
_KEYS = (
    "entry submits dead turn counts delivery events changed staging left records revoked signed "
    "polls deliveries key"
)
_ENTRY = {"state": "queued", "turn": "0", "v": "1", "created_at": "1699999000"}
_ASKED = {
    "version": 1,
    "keep_events": 200,
    "leaves": ["queued"],
    "set": {},
    "guards": {},
    "add": {},
}
_DONE = [1, NOW, [], "", "-1.000000", "-1.000000"]
_REFUSED = [0, NOW, []]

# What is asked besides `_ASKED`, which fields the entry has besides `_ENTRY` (None: it has none so
# named), and what Redis holds besides. Then the answer, unless it is `_DONE`, and what is changed
# besides the entry's token.
CASES = {
    "what may be done is done, and the fields are told": {
        "change": {"set": {"note": ""}},
        "answer": [
            1,
            "1700000000.250000",
            {
                "state": "queued",
                "turn": "0",
                "v": "1",
                "created_at": "1699999000",
                "note": "",
                "token": "tok",
            },
            "",
            "-1.000000",
            "-1.000000",
        ],
        "leaves": {"entry": {"note": ""}},
    },
    "silently nothing is told": {"change": {"silent": True}, "leaves": {}},
    "a repeat is answered as the first time": {
        "change": {"set": {"note": "x"}},
        "entry": {"token": "tok"},
        "answer": [
            1,
            "1700000000.250000",
            {"state": "queued", "turn": "0", "v": "1", "created_at": "1699999000", "token": "tok"},
            "",
            "-1.000000",
            "-1.000000",
        ],
        "leaves": {},
    },
    "from another state it is refused": {
        "change": {},
        "entry": {"state": "ready"},
        "answer": _REFUSED,
        "leaves": {},
    },
    "a newer version is left alone": {
        "change": {"silent": True},
        "entry": {"v": "2"},
        "answer": _REFUSED,
        "leaves": {},
    },
    "no version is ours": {"change": {"silent": True}, "entry": {"v": None}, "leaves": {}},
    "an entry that is there is not opened": {
        "change": {"leaves": [""], "silent": True},
        "answer": _REFUSED,
        "leaves": {},
    },
    "one that is not there is opened": {
        "change": {
            "leaves": [""],
            "set": {"state": "queued", "v": "1"},
            "stamp": ["created_at"],
            "due_in": 0,
            "bell": True,
        },
        "entry": None,
        "answer": [
            1,
            "1700000000.250000",
            {"created_at": "1700000000.250000", "token": "tok", "v": "1", "state": "queued"},
            "submit",
            "0.000000",
            "-1.000000",
        ],
        "leaves": {
            "entry": {"created_at": "1700000000.250000", "state": "queued", "v": "1"},
            "events": ["1700000000250-0 queued "],
            "p:bell:submit": "1",
            "p:bell:submit ms": 1000,
            "p:state:queued": {"c1": 1700000000.25},
            "submits": {"c1": 1700000000.25},
        },
    },
    "one of several states": {
        "change": {"leaves": ["queued", "ready"], "silent": True},
        "entry": {"state": "ready"},
        "leaves": {},
    },
    "a guard that holds": {
        "change": {"guards": {"turn": "0", "joined": ""}, "silent": True},
        "leaves": {},
    },
    "a guard that does not hold": {
        "change": {"guards": {"turn": "1"}, "silent": True},
        "answer": _REFUSED,
        "leaves": {},
    },
    "a field that must be absent": {
        "change": {"guards": {"joined": ""}, "silent": True},
        "entry": {"joined": "1"},
        "answer": _REFUSED,
        "leaves": {},
    },
    "by whoever holds the delivery": {
        "change": {"holder": "d", "silent": True},
        "held": {"delivery": "d"},
        "leaves": {},
    },
    "not by another than whoever holds the delivery": {
        "change": {"holder": "d", "silent": True},
        "held": {"delivery": "e"},
        "answer": _REFUSED,
        "leaves": {},
    },
    "not from another state by another than the holder": {
        "change": {"holder": "d", "silent": True},
        "entry": {"state": "ready"},
        "held": {"delivery": "e"},
        "answer": _REFUSED,
        "leaves": {},
    },
    "not while another is in, from another state": {
        "change": {"enter": {"token": "t", "for_ms": 5000}, "silent": True},
        "entry": {"state": "ready"},
        "held": {"turn": "other"},
        "answer": _REFUSED,
        "leaves": {},
    },
    "a guard that does not hold in another state": {
        "change": {"guards": {"turn": "1"}, "silent": True},
        "entry": {"state": "ready"},
        "answer": _REFUSED,
        "leaves": {},
    },
    "not while another is in": {
        "change": {"enter": {"token": "t", "for_ms": 5000}, "silent": True},
        "held": {"turn": "other"},
        "answer": _REFUSED,
        "leaves": {},
    },
    "after another has left": {
        "change": {"enter": {"token": "t", "for_ms": 5000}, "silent": True},
        "held": {"turn": "left"},
        "leaves": {"turn": "t", "turn ms": 5000},
    },
    "by whoever is in": {
        "change": {"enter": {"token": "t", "for_ms": 5000}, "silent": True},
        "held": {"turn": "t"},
        "leaves": {"turn ms": 5000},
    },
    "where nobody is in": {
        "change": {
            "enter": {"token": "t", "for_ms": 5000},
            "take": {"token": "d", "for_ms": 6000},
            "silent": True,
        },
        "leaves": {"delivery": "d", "delivery ms": 6000, "turn": "t", "turn ms": 5000},
    },
    "whoever notes it leaves": {
        "change": {"leave": {"token": "t", "for_ms": 5000}, "release": "d", "silent": True},
        "held": {"turn": "t", "delivery": "d"},
        "leaves": {"delivery": None, "turn": "left", "turn ms": 5000},
    },
    "whoever notes it leaves even if it is refused": {
        "change": {"leave": {"token": "t", "for_ms": 0}, "release": "d"},
        "entry": {"state": "ready"},
        "held": {"turn": "t", "delivery": "d"},
        "answer": _REFUSED,
        "leaves": {"delivery": None, "turn": None},
    },
    "another's lease stays": {
        "change": {"leave": {"token": "t", "for_ms": 5000}, "release": "d", "silent": True},
        "held": {"turn": "x", "delivery": "y"},
        "leaves": {},
    },
    "a revoked id is refused": {
        "change": {"unless_revoked": True, "silent": True},
        "held": {"revoked": {"c1": 1}},
        "answer": [-2, "1700000000.250000", []],
        "leaves": {},
    },
    "an id that was not revoked is not": {
        "change": {"unless_revoked": True, "silent": True},
        "held": {"revoked": {"c2": 1}},
        "leaves": {},
    },
    "a revoked id may go on": {
        "change": {"silent": True},
        "held": {"revoked": {"c1": 1}},
        "leaves": {},
    },
    "folders are its own from now on": {
        "change": {"owns": ["a", "b"], "silent": True},
        "held": {"staging": {"a": 1, "b": 2, "c": 3}},
        "leaves": {"staging": {"a": None, "b": None}},
    },
    "a folder that is gone is refused": {
        "change": {"owns": ["a", "b"], "silent": True},
        "held": {"staging": {"a": 1}},
        "answer": [-1, "1700000000.250000", []],
        "leaves": {},
    },
    "a folder that signatures share is refused": {
        "change": {"owns": ["a"], "silent": True},
        "held": {"staging": {"a": 1}, "signed": {"a"}},
        "answer": [-1, "1700000000.250000", []],
        "leaves": {},
    },
    "folders that signatures share are kept for them": {
        "change": {"takes": ["a", "b", "c", "d"], "sign_s": 100.5, "silent": True},
        "held": {"staging": {"a": 1, "b": 2}, "signed": {"b", "c"}},
        "leaves": {"entry": {"shared": "1"}, "staging": {"a": None, "b": 1700000101.0}},
    },
    "a free key is its own": {
        "change": {"bind_key": {"value": "mine", "keep_s": 100}, "silent": True},
        "leaves": {"key": "mine", "key ms": 100000},
    },
    "a key that is its own stays so": {
        "change": {"bind_key": {"value": "mine", "keep_s": 100}, "silent": True},
        "held": {"key": "mine"},
        "leaves": {"key ms": 100000},
    },
    "a key of another is told": {
        "change": {"bind_key": {"value": "mine", "keep_s": 100}, "silent": True},
        "held": {"key": "theirs"},
        "answer": [-3, "1700000000.250000", ["theirs"]],
        "leaves": {},
    },
    "its key is free again": {
        "change": {"free_key": "mine", "silent": True},
        "held": {"key": "mine"},
        "leaves": {"key": None},
    },
    "another's key is not freed": {
        "change": {"free_key": "mine", "silent": True},
        "held": {"key": "theirs"},
        "leaves": {},
    },
    "counters are raised": {
        "change": {"add": {"polls": 1, "submits": -1}, "silent": True},
        "entry": {"polls": "4"},
        "leaves": {"entry": {"polls": "5", "submits": "-1"}},
    },
    "a counter of the greatest number": {
        "change": {"add": {"polls": 1}, "silent": True},
        "entry": {"polls": "9007199254740990"},
        "leaves": {"entry": {"polls": "9007199254740991"}},
    },
    "a damaged count of everybody begins anew": {
        "change": {
            "counts": {"g": 2, "a": 2, "b": 2, "c": 2, "d": 2, "e": 2, "f": 2},
            "silent": True,
        },
        "held": {
            "counts": {
                "a": "odd",
                "b": "-5",
                "c": "nan",
                "d": "9007199254740991",
                "e": "7",
                "g": "-2",
            }
        },
        "leaves": {"counts": {"a": "2", "b": "2", "c": "2", "e": "9", "f": "2", "g": "0"}},
    },
    "seconds are counted in a histogram": {
        "change": {
            "timed": {"since": "ready_at", "le": "le", "sum": "sum", "bounds": ["0.5", "1", "inf"]},
            "silent": True,
        },
        "entry": {"ready_at": "1699999999.749"},
        "leaves": {"counts": {"le:1": "1", "sum": "501"}},
    },
    "seconds to a bound are counted there": {
        "change": {
            "timed": {"since": "ready_at", "le": "le", "sum": "sum", "bounds": ["0.5", "1", "inf"]},
            "silent": True,
        },
        "entry": {"ready_at": "1699999999.75"},
        "leaves": {"counts": {"le:0.5": "1", "sum": "500"}},
    },
    "more seconds than all bounds are counted": {
        "change": {
            "timed": {"since": "ready_at", "le": "le", "sum": "sum", "bounds": ["0.5", "1", "inf"]},
            "silent": True,
        },
        "entry": {"ready_at": "1699999000"},
        "leaves": {"counts": {"le:inf": "1", "sum": "1000250"}},
    },
    "no seconds are counted of what is dated later": {
        "change": {
            "timed": {"since": "ready_at", "le": "le", "sum": "sum", "bounds": ["0.5", "inf"]},
            "silent": True,
        },
        "entry": {"ready_at": "1700000009"},
        "leaves": {"counts": {"le:0.5": "1", "sum": "0"}},
    },
    "no seconds are counted without a date": {
        "change": {
            "timed": {"since": "ready_at", "le": "le", "sum": "sum", "bounds": ["0.5", "inf"]},
            "counts": {"other": 1},
            "silent": True,
        },
        "leaves": {"counts": {"le:0.5": "1", "other": "1", "sum": "0"}},
    },
    "moments are noted, and the first of them once": {
        "change": {
            "stamp": ["since"],
            "first": ["held_at", "missing_at"],
            "unset": ["created_at"],
            "silent": True,
        },
        "entry": {"held_at": "5"},
        "leaves": {
            "entry": {
                "created_at": None,
                "missing_at": "1700000000.250000",
                "since": "1700000000.250000",
            }
        },
    },
    "leftovers are noted": {
        "change": {
            "leftovers": [
                {"id": "a", "record": "ra", "life_s": 100.9, "wait_s": 5.5},
                {"id": "b", "record": "rb", "life_s": 100.9, "wait_s": 5.5},
            ],
            "silent": True,
        },
        "held": {"left": {"a": 5}, "records": {"a": "old"}},
        "leaves": {
            "entry": {"left": "a b "},
            "left": {"b": 1700000005.75},
            "records": {"b": "1700000101 0 rb"},
        },
    },
    "leftovers are noted beside those of before": {
        "change": {
            "leftovers": [{"id": "b", "record": "rb", "life_s": 100, "wait_s": 5}],
            "silent": True,
        },
        "entry": {"left": "a "},
        "leaves": {
            "entry": {"left": "a b "},
            "left": {"b": 1700000005.25},
            "records": {"b": "1700000100 0 rb"},
        },
    },
    "files get a life": {
        "change": {"keep_files_s": 60, "silent": True},
        "held": {"p:expiring": {"c1": 5}},
        "leaves": {
            "entry": {"files_until": "1700000060.250000"},
            "p:expiring": {"c1": 1700000060.25},
        },
    },
    "the life of files is over": {
        "change": {"keep_files_s": False, "silent": True},
        "entry": {"files_until": "5"},
        "held": {"p:expiring": {"c1": 5, "c2": 6}},
        "leaves": {"p:expiring": {"c1": None}},
    },
    "a deletion is due beside the state": {
        "change": {"first": ["deleted_at"], "erase_in": 0.5, "silent": True},
        "leaves": {"entry": {"deleted_at": NOW}, "p:erasing": {"c1": 1700000000.75}},
    },
    "of a deleted one a tombstone is left": {
        "change": {
            "leaves": ["failed"],
            "set": {"state": "deleted", "staged": "t1 t2"},
            "first": ["deleted_at"],
            "entomb": True,
            "erase_in": 0,
            "due_in": False,
            "dead": False,
            "keep_files_s": False,
            "keep_s": 0,
            "leftovers": [{"id": "b", "record": "rb", "life_s": 100, "wait_s": 5}],
            "silent": True,
        },
        "entry": {
            "state": "failed",
            "deleted_at": "7",
            "left": "a ",
            "key": "k1",
            "request": "r",
            "failure": '{"kind":"input"}',
            "file:0": "f",
            "of a later release": "x",
        },
        "held": {
            "events": ["1-0 queued ", "2-0 failed "],
            "dead": {"c1": 5},
            "p:dead:input": {"c1": 5},
            "p:state:failed": {"c1": 5, "c2": 6},
            "p:expiring": {"c1": 5},
            "p:key:k1": "c1 1:f",
        },
        "lives_ms": {"entry": 5000},
        "leaves": {
            "entry": {
                "created_at": None,
                "failure": None,
                "file:0": None,
                "key": None,
                "left": "a b ",
                "of a later release": None,
                "request": None,
                "staged": "t1 t2",
                "state": "deleted",
                "turn": None,
                "v": None,
            },
            "entry ms": None,
            "dead": None,
            "events": None,
            "left": {"b": 1700000005.25},
            "p:dead:input": None,
            "p:erasing": {"c1": 1700000000.25},
            "p:expiring": None,
            "p:key:k1": None,
            "p:state:failed": {"c1": None},
            "records": {"b": "1700000100 0 rb"},
        },
    },
    "the key of another conversion stays": {
        "change": {"set": {"state": "deleted"}, "entomb": True, "silent": True},
        "entry": {"key": "k1"},
        "held": {"p:key:k1": "c11 1:f"},
        "leaves": {
            "entry": {
                "created_at": None,
                "key": None,
                "state": "deleted",
                "turn": None,
                "v": None,
            },
        },
    },
    "a new state is told": {
        "change": {
            "leaves": ["queued"],
            "set": {"state": "converting", "note": "begins"},
            "silent": True,
        },
        "leaves": {
            "entry": {"note": "begins", "state": "converting"},
            "events": ["1700000000250-0 converting begins"],
            "p:state:converting": {"c1": 1699999000.0},
        },
    },
    "a new note is told": {
        "change": {"set": {"note": "new"}, "silent": True},
        "entry": {"note": "old"},
        "held": {"events": ["1-0 queued "]},
        "leaves": {
            "entry": {"note": "new"},
            "events": ["1-0 queued ", "1700000000250-0 queued new"],
        },
    },
    "the same note is not told": {
        "change": {"set": {"note": "old"}, "silent": True},
        "entry": {"note": "old"},
        "held": {"events": ["1-0 queued "]},
        "leaves": {},
    },
    "two of one millisecond are told apart": {
        "change": {"set": {"note": "n"}, "silent": True},
        "held": {"events": ["1700000000250-4 queued "]},
        "leaves": {
            "entry": {"note": "n"},
            "events": ["1700000000250-4 queued ", "1700000000250-5 queued n"],
        },
    },
    "one of a later millisecond comes before": {
        "change": {"set": {"note": "n"}, "silent": True},
        "held": {"events": ["1700000000251-4 queued "]},
        "leaves": {
            "entry": {"note": "n"},
            "events": ["1700000000251-4 queued ", "1700000000251-5 queued n"],
        },
    },
    "one of an earlier millisecond comes after": {
        "change": {"set": {"note": "n"}, "silent": True},
        "held": {"events": ["1700000000249-4 queued "]},
        "leaves": {
            "entry": {"note": "n"},
            "events": ["1700000000249-4 queued ", "1700000000250-0 queued n"],
        },
    },
    "odd events stay": {
        "change": {"set": {"note": "n"}, "silent": True},
        "held": {"events": ["odd"]},
        "leaves": {"entry": {"note": "n"}, "events": ["odd", "1700000000250-0 queued n"]},
    },
    "events of another type make room": {
        "change": {"set": {"note": "n"}, "silent": True},
        "held": {"events": "text"},
        "leaves": {"entry": {"note": "n"}, "events": ["1700000000250-0 queued n"]},
    },
    "the last events are kept": {
        "change": {"keep_events": 2, "set": {"note": "n"}, "silent": True},
        "held": {"events": ["1-0 a x", "2-0 b y", "3-0 c z"]},
        "leaves": {"entry": {"note": "n"}, "events": ["3-0 c z", "1700000000250-0 queued n"]},
    },
    "of the events the states are kept": {
        "change": {"states_alone": True, "silent": True},
        "held": {"events": ["1-0 a x", "2-0 a y", "odd", "3-0 c z"]},
        "leaves": {"events": ["1-0 a ", "3-0 c "]},
    },
    "of odd events nothing is kept": {
        "change": {"states_alone": True, "silent": True},
        "held": {"events": ["odd"]},
        "leaves": {"events": None},
    },
    "of no events no states are kept": {
        "change": {"states_alone": True, "silent": True},
        "leaves": {},
    },
    "it is due later, and a bell comes then": {
        "change": {"due_in": 3, "bell": True, "silent": True},
        "held": {"submits": {"c1": 5, "x": 5}, "polls": {"x": 5}, "deliveries": {"x": 5}},
        "answer": [1, "1700000000.250000", [], "submit", "3.250000", "-1.000000"],
        "leaves": {
            "p:bell:submit:6800000014": "1",
            "p:bell:submit:6800000014 ms": 4250,
            "submits": {"c1": 1700000003.25},
        },
    },
    "it is due later, and no bell comes": {
        "change": {"due_in": 3, "silent": True},
        "held": {"submits": {"c1": 5, "x": 5}, "polls": {"x": 5}, "deliveries": {"x": 5}},
        "leaves": {"submits": {"c1": 1700000003.25}},
    },
    "it is due at no time": {
        "change": {"due_in": False, "silent": True},
        "held": {"submits": {"c1": 5, "x": 5}, "polls": {"x": 5}, "deliveries": {"x": 5}},
        "leaves": {"submits": {"c1": None}},
    },
    "it is due for another work": {
        "change": {"set": {"state": "converting"}, "due_in": 1.5, "bell": True, "silent": True},
        "held": {"submits": {"c1": 5, "x": 5}, "polls": {"x": 5}, "deliveries": {"x": 5}},
        "answer": [1, "1700000000.250000", [], "poll", "1.750000", "-1.000000"],
        "leaves": {
            "entry": {"state": "converting"},
            "events": ["1700000000250-0 converting "],
            "p:bell:poll:6800000008": "1",
            "p:bell:poll:6800000008 ms": 2750,
            "p:state:converting": {"c1": 1699999000.0},
            "polls": {"c1": 1700000001.75},
            "submits": {"c1": None},
        },
    },
    "its date stays": {
        "change": {"set": {"state": "converting"}, "silent": True},
        "held": {"submits": {"c1": 5, "x": 5}, "polls": {"x": 5}, "deliveries": {"x": 5}},
        "leaves": {
            "entry": {"state": "converting"},
            "events": ["1700000000250-0 converting "],
            "p:state:converting": {"c1": 1699999000.0},
        },
    },
    "it is due before all that were accepted later": {
        "change": {"due_in": 3, "due_first": True, "bell": True, "silent": True},
        "held": {"submits": {"c1": 5, "x": 5}, "polls": {"x": 5}, "deliveries": {"x": 5}},
        "answer": [1, "1700000000.250000", [], "submit", "0.000000", "-1.000000"],
        "leaves": {"p:bell:submit": "1", "p:bell:submit ms": 1000, "submits": {"c1": 1699999000.0}},
    },
    "it is due no later than now": {
        "change": {"due_in": 3, "due_first": True, "silent": True},
        "entry": {"created_at": "1700000009"},
        "held": {"submits": {"c1": 5, "x": 5}, "polls": {"x": 5}, "deliveries": {"x": 5}},
        "leaves": {"submits": {"c1": 1700000000.25}},
    },
    "without its acceptance it is due now": {
        "change": {"due_in": 3, "due_first": True, "silent": True},
        "entry": {"created_at": None},
        "held": {"submits": {"c1": 5, "x": 5}, "polls": {"x": 5}, "deliveries": {"x": 5}},
        "leaves": {"submits": {"c1": 1700000000.25}},
    },
    "after a call it is due when that is seen": {
        "change": {
            "due_in": 60,
            "due_received_in": 5,
            "bell": "webhook_received",
            "leaves": ["converting"],
            "silent": True,
        },
        "entry": {"state": "converting", "webhook_received": "1"},
        "answer": [1, "1700000000.250000", [], "poll", "5.250000", "-1.000000"],
        "leaves": {
            "p:bell:poll:6800000022": "1",
            "p:bell:poll:6800000022 ms": 6250,
            "polls": {"c1": 1700000005.25},
        },
    },
    "without a call it is due then and has no bell": {
        "change": {
            "due_in": 59,
            "due_received_in": 5,
            "bell": "webhook_received",
            "leaves": ["converting"],
            "silent": True,
        },
        "entry": {"state": "converting", "webhook_received": "0"},
        "leaves": {"polls": {"c1": 1700000059.25}},
    },
    "without a date for a call it is due then": {
        "change": {
            "due_in": 30,
            "bell": "webhook_received",
            "leaves": ["converting"],
            "silent": True,
        },
        "entry": {"state": "converting", "webhook_received": "1"},
        "answer": [1, "1700000000.250000", [], "poll", "30.250000", "-1.000000"],
        "leaves": {
            "p:bell:poll:6800000122": "1",
            "p:bell:poll:6800000122 ms": 31250,
            "polls": {"c1": 1700000030.25},
        },
    },
    "its bell could not be sent": {
        "change": {"unrung": True, "silent": True},
        "held": {"p:bell:submit": "1"},
        "leaves": {"p:bell:submit": None},
    },
    "its bell is on its way": {
        "change": {"due_in": 0, "bell": True, "silent": True},
        "held": {"p:bell:submit": "1"},
        "answer": [1, "1700000000.250000", [], "submit", "-1.000000", "-1.000000"],
        "leaves": {"submits": {"c1": 1700000000.25}},
    },
    "what the service works on is a job": {
        "change": {"set": {"state": "converting"}, "silent": True},
        "entry": {"account": "acc"},
        "leaves": {
            "entry": {"state": "converting"},
            "events": ["1700000000250-0 converting "],
            "p:jobs:acc": {"c1": "in"},
            "p:state:converting": {"c1": 1699999000.0},
        },
    },
    "what is over makes room for one that waits": {
        "change": {"leaves": ["converting"], "set": {"state": "ready"}},
        "entry": {"account": "acc", "state": "converting"},
        "held": {
            "p:jobs:acc": {"c1", "x"},
            "p:account:acc": {"full": "1", "x": "1"},
            "p:bell:submit": "1",
        },
        "answer": [
            1,
            "1700000000.250000",
            {
                "state": "ready",
                "turn": "0",
                "v": "1",
                "created_at": "1699999000",
                "account": "acc",
                "token": "tok",
            },
            "",
            "-1.000000",
            "0.000000",
        ],
        "leaves": {
            "entry": {"state": "ready"},
            "events": ["1700000000250-0 ready "],
            "p:account:acc": {"full": None},
            "p:bell:submit ms": 1000,
            "p:jobs:acc": {"c1": None},
            "p:state:ready": {"c1": 1699999000.0},
        },
    },
    "what makes room at once": {
        "change": {"makes_room": True, "silent": True},
        "entry": {"account": "acc"},
        "held": {
            "p:jobs:acc": {"c1", "x"},
            "p:account:acc": {"full": "1", "x": "1"},
            "p:bell:submit": "1",
        },
        "answer": [1, "1700000000.250000", [], "", "-1.000000", "0.000000"],
        "leaves": {
            "p:account:acc": {"full": None},
            "p:bell:submit ms": 1000,
            "p:jobs:acc": {"c1": None},
        },
    },
    "what makes no room keeps its place": {
        "change": {"set": {"note": ""}, "silent": True},
        "entry": {"account": "acc"},
        "held": {
            "p:jobs:acc": {"c1", "x"},
            "p:account:acc": {"full": "1", "x": "1"},
            "p:bell:submit": "1",
        },
        "leaves": {"entry": {"note": ""}},
    },
    "where none waits no bell comes": {
        "change": {"makes_room": True},
        "entry": {"account": "acc"},
        "held": {"p:jobs:acc": {"c1"}, "p:account:acc": {"x": "1"}},
        "answer": [
            1,
            "1700000000.250000",
            {
                "state": "queued",
                "turn": "0",
                "v": "1",
                "created_at": "1699999000",
                "account": "acc",
                "token": "tok",
            },
            "",
            "-1.000000",
            "-1.000000",
        ],
        "leaves": {"p:jobs:acc": None},
    },
    "one that is no job makes no room": {
        "change": {"makes_room": True},
        "entry": {"account": "acc"},
        "held": {"p:jobs:acc": {"x"}, "p:account:acc": {"full": "1"}},
        "answer": [
            1,
            "1700000000.250000",
            {
                "state": "queued",
                "turn": "0",
                "v": "1",
                "created_at": "1699999000",
                "account": "acc",
                "token": "tok",
            },
            "",
            "-1.000000",
            "-1.000000",
        ],
        "leaves": {},
    },
    "one of no account makes no room": {
        "change": {"set": {"state": "ready"}, "silent": True},
        "held": {
            "p:jobs:acc": {"c1", "x"},
            "p:account:acc": {"full": "1", "x": "1"},
            "p:bell:submit": "1",
        },
        "leaves": {
            "entry": {"state": "ready"},
            "events": ["1700000000250-0 ready "],
            "p:state:ready": {"c1": 1699999000.0},
        },
    },
    "a submit that was taken tells how fast the account may go": {
        "change": {"set": {"state": "converting"}, "took": True, "silent": True},
        "entry": {"account": "acc"},
        "held": {
            "p:account:acc": {
                "taken": "3",
                "taken_at": "1699999998.25",
                "taken_since": "1699999990",
                "strain": "0.25",
            }
        },
        "leaves": {
            "entry": {"state": "converting"},
            "events": ["1700000000250-0 converting "],
            "p:account:acc": {
                "strain": "0.150000",
                "taken": "2.103638",
                "taken_at": "1700000000.250000",
                "taken_since": "1699999990.000000",
            },
            "p:jobs:acc": {"c1": "in"},
            "p:state:converting": {"c1": 1699999000.0},
        },
    },
    "the first that is taken begins the count": {
        "change": {"set": {"state": "converting"}, "took": True, "silent": True},
        "entry": {"account": "acc"},
        "held": {
            "p:account:acc": {
                "taken": "3",
                "taken_at": "1699999950",
                "taken_since": "1699999940",
                "strain": "0.05",
            }
        },
        "leaves": {
            "entry": {"state": "converting"},
            "events": ["1700000000250-0 converting "],
            "p:account:acc": {
                "strain": "0.000000",
                "taken": "1.000000",
                "taken_at": "1700000000.250000",
                "taken_since": "1700000000.250000",
            },
            "p:jobs:acc": {"c1": "in"},
            "p:state:converting": {"c1": 1699999000.0},
        },
    },
    "one that is taken of no state notes nothing": {
        "change": {"took": True, "silent": True},
        "entry": {"account": "acc"},
        "leaves": {},
    },
    "one that is taken of a wrong type harms nobody": {
        "change": {"set": {"state": "converting"}, "took": True, "silent": True},
        "entry": {"account": "acc"},
        "held": {"p:account:acc": "text"},
        "leaves": {
            "entry": {"state": "converting"},
            "events": ["1700000000250-0 converting "],
            "p:jobs:acc": {"c1": "in"},
            "p:state:converting": {"c1": 1699999000.0},
        },
    },
    "a strain of none stays": {
        "change": {"set": {"state": "converting"}, "took": True, "silent": True},
        "entry": {"account": "acc"},
        "held": {
            "p:account:acc": {
                "taken": "1",
                "taken_at": "1700000000.25",
                "taken_since": "1700000000",
            }
        },
        "leaves": {
            "entry": {"state": "converting"},
            "events": ["1700000000250-0 converting "],
            "p:account:acc": {
                "taken": "2.000000",
                "taken_at": "1700000000.250000",
                "taken_since": "1700000000.000000",
            },
            "p:jobs:acc": {"c1": "in"},
            "p:state:converting": {"c1": 1699999000.0},
        },
    },
    "a dead letter is indexed": {
        "change": {
            "set": {"state": "failed", "failure": '{"kind":"account"}'},
            "dead": True,
            "silent": True,
        },
        "held": {"p:state:queued": {"c1": 5}},
        "leaves": {
            "dead": {"c1": 1700000000.25},
            "entry": {"failure": '{"kind":"account"}', "state": "failed"},
            "events": ["1700000000250-0 failed "],
            "p:dead:account": {"c1": 1700000000.25},
            "p:state:failed": {"c1": 1699999000.0},
            "p:state:queued": None,
        },
    },
    "a dead letter that lives again is taken out": {
        "change": {
            "leaves": ["failed"],
            "set": {"state": "queued"},
            "unset": ["failure"],
            "dead": False,
            "keep_s": 0,
            "silent": True,
        },
        "entry": {"state": "failed", "failure": '{"kind":"service","message":"m"}'},
        "held": {
            "dead": {"c1": 5, "x": 5},
            "p:dead:service": {"c1": 5, "x": 5},
            "p:state:failed": {"c1": 5, "x": 5},
        },
        "leaves": {
            "dead": {"c1": None},
            "entry": {"failure": None, "state": "queued"},
            "events": ["1700000000250-0 queued "],
            "p:dead:service": {"c1": None},
            "p:state:failed": {"c1": None},
            "p:state:queued": {"c1": 1699999000.0},
        },
    },
    "a dead letter of another class is moved": {
        "change": {
            "set": {"state": "failed", "failure": '{"kind":"account"}'},
            "dead": True,
            "silent": True,
        },
        "entry": {"state": "queued", "failure": '{"kind":"service","message":"m"}'},
        "held": {
            "dead": {"c1": 5, "x": 5},
            "p:dead:service": {"c1": 5, "x": 5},
            "p:state:failed": {"c1": 5, "x": 5},
        },
        "leaves": {
            "dead": {"c1": 1700000000.25},
            "entry": {"failure": '{"kind":"account"}', "state": "failed"},
            "events": ["1700000000250-0 failed "],
            "p:dead:account": {"c1": 1700000000.25},
            "p:dead:service": {"c1": None},
            "p:state:failed": {"c1": 1699999000.0},
        },
    },
    "a failure that can't be read is passed over": {
        "change": {"leaves": ["failed"], "dead": False, "silent": True},
        "entry": {"state": "failed", "failure": "odd"},
        "held": {
            "dead": {"c1": 5, "x": 5},
            "p:dead:service": {"c1": 5, "x": 5},
            "p:state:failed": {"c1": 5, "x": 5},
        },
        "leaves": {"dead": {"c1": None}},
    },
    "a failure that is no record is passed over": {
        "change": {"leaves": ["failed"], "dead": False, "silent": True},
        "entry": {"state": "failed", "failure": "5"},
        "held": {
            "dead": {"c1": 5, "x": 5},
            "p:dead:service": {"c1": 5, "x": 5},
            "p:state:failed": {"c1": 5, "x": 5},
        },
        "leaves": {"dead": {"c1": None}},
    },
    "a dead letter that is not asked about stays": {
        "change": {"leaves": ["failed"], "silent": True},
        "entry": {"state": "failed", "failure": '{"kind":"service","message":"m"}'},
        "held": {
            "dead": {"c1": 5, "x": 5},
            "p:dead:service": {"c1": 5, "x": 5},
            "p:state:failed": {"c1": 5, "x": 5},
        },
        "leaves": {},
    },
    "it is forgotten at once": {
        "change": {"leaves": ["failed"], "keep_s": -1, "silent": True},
        "entry": {"state": "failed"},
        "held": {
            "dead": {"c1": 5, "x": 5},
            "p:dead:service": {"c1": 5, "x": 5},
            "p:state:failed": {"c1": 5, "x": 5},
            "events": ["1-0 a x"],
        },
        "leaves": {"entry": None, "events": None, "p:state:failed": {"c1": None}},
    },
    "it is kept for a while": {
        "change": {"keep_s": 100, "silent": True},
        "held": {"events": ["1-0 a x"]},
        "leaves": {"entry ms": 100000, "events ms": 100000},
    },
    "it is kept for ever": {
        "change": {"keep_s": 0, "silent": True},
        "held": {"events": ["1-0 a x"]},
        "lives_ms": {"entry": 5000, "events": 5000},
        "leaves": {"entry ms": None, "events ms": None},
    },
    "it is kept as it was": {
        "change": {"silent": True},
        "held": {"events": ["1-0 a x"]},
        "lives_ms": {"entry": 5000},
        "leaves": {},
    },
    "it is indexed by its acceptance": {
        "change": {"set": {"state": "converting"}, "silent": True},
        "held": {"p:state:queued": {"c1": 5, "x": 5}},
        "leaves": {
            "entry": {"state": "converting"},
            "events": ["1700000000250-0 converting "],
            "p:state:converting": {"c1": 1699999000.0},
            "p:state:queued": {"c1": None},
        },
    },
    "what succeeds is counted by the minute": {
        "change": {"leaves": ["ready"], "set": {"state": "succeeded"}, "silent": True},
        "entry": {"state": "ready"},
        "held": {"p:minute:28333333": "4"},
        "leaves": {
            "entry": {"state": "succeeded"},
            "events": ["1700000000250-0 succeeded "],
            "p:minute:28333333": "5",
            "p:minute:28333333 ms": 3600000,
            "p:state:succeeded": {"c1": 1699999000.0},
        },
    },
    "what has succeeded is not counted again": {
        "change": {"leaves": ["succeeded"], "set": {"state": "succeeded"}, "silent": True},
        "entry": {"state": "succeeded"},
        "leaves": {},
    },
    "what was taken counts down to a twentieth": {
        "change": {"set": {"state": "converting"}, "took": True, "silent": True},
        "entry": {"account": "acc"},
        "held": {
            "p:account:acc": {
                "taken": "0.05",
                "taken_at": "1700000000.25",
                "taken_since": "1699999990",
            }
        },
        "leaves": {
            "entry": {"state": "converting"},
            "events": ["1700000000250-0 converting "],
            "p:account:acc": {
                "taken": "1.050000",
                "taken_at": "1700000000.250000",
                "taken_since": "1699999990.000000",
            },
            "p:jobs:acc": {"c1": "in"},
            "p:state:converting": {"c1": 1699999000.0},
        },
    },
    "one folder that signatures share is noted": {
        "change": {"takes": ["b"], "sign_s": 100, "silent": True},
        "held": {"staging": {"b": 2}, "signed": {"b"}},
        "leaves": {"entry": {"shared": "1"}, "staging": {"b": 1700000100.0}},
    },
    "its dates have microseconds": {
        "change": {
            "set": {"state": "ready"},
            "due_in": 1,
            "leftovers": [{"id": "a", "record": "ra", "life_s": 100, "wait_s": 5}],
            "silent": True,
        },
        "entry": {"created_at": "1699999000.123456"},
        "answer": [1, "1700000000.250001", [], "", "-1.000000", "-1.000000"],
        "leaves": {
            "deliveries": {"c1": 1700000001.250001},
            "entry": {"left": "a ", "state": "ready"},
            "events": ["1700000000250-0 ready "],
            "left": {"a": 1700000005.250001},
            "p:state:ready": {"c1": 1699999000.123456},
            "records": {"a": "1700000100 0 ra"},
        },
        "at": (1700000000, 250001),
    },
    "of one event the state is kept": {
        "change": {"states_alone": True, "silent": True},
        "held": {"events": ["1-0 a x"]},
        "leaves": {"events": ["1-0 a "]},
    },
}


def _without_none(fields):
    return {name: text for name, text in fields.items() if text is not None}


@pytest.mark.parametrize("name", CASES)
def test_transition_answers_and_changes_exactly_this(effects, name):
    case = CASES[name]
    fields = case.get("entry", {})
    held = dict(case.get("held", {}))
    if fields is not None:
        held["entry"] = _without_none(_ENTRY | fields)
    answer, leaves = effects.of(
        "transition",
        _KEYS,
        ("c1", "tok", _ASKED | case["change"], "p:"),
        held=held,
        lives_ms=case.get("lives_ms"),
        at=case.get("at", AT),
    )
    token = (leaves.get("entry") or {}).pop("token", None)

    assert answer == case.get("answer", _DONE)
    assert {key: change for key, change in leaves.items() if change != {}} == case["leaves"]
    assert token == ("tok" if answer[0] == 1 and token else None)


@pytest.mark.parametrize("count", ["9007199254740991", "1.5"])
def test_counter_out_of_bounds_is_refused_and_nothing_is_written(effects, client, count):
    held = {"entry": {**_ENTRY, "polls": count}}
    change = {**_ASKED, "add": {"polls": 1}, "set": {"note": "n"}}
    with pytest.raises(redis.ResponseError, match="the counter polls is out of bounds"):
        effects.of("transition", _KEYS, ("c1", "tok", change, "p:"), held=held)

    assert client.hgetall("entry") == held["entry"]


def test_change_of_state_is_told_to_followers(effects, client):
    with client.pubsub(ignore_subscribe_messages=True) as followers:
        followers.subscribe("changed")
        change = {**_ASKED, "set": {"state": "converting"}}
        effects.of("transition", _KEYS, ("c1", "tok", change, "p:"), held={"entry": _ENTRY})
        told = next(each for each in iter(lambda: followers.get_message(timeout=60), 0) if each)

    assert (told["channel"], told["data"]) == ("changed", "c1")
