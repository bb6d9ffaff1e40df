"""Each of the other scripts, run at one moment: what it answers, and what it changes, exactly."""

from __future__ import annotations

import pytest

_ENTRIES = {
    "p:c:a": {"state": "queued", "v": "1"},
    "p:c:b": {"state": "queued", "delivered": "1"},
    "p:c:c": {"state": "ready"},
    "p:c:d": {"state": "queued"},
    "p:c:e": {"state": "queued"},
    "p:c:n": {"state": "queued", "v": "2"},
    "p:c:o": {"state": "queued", "v": "odd"},
    "p:c:t": "text",
    "p:c:f": {"state": "queued", "delivered": "0"},
}
_AUDITED = {
    "index": {
        "a": 1,
        "b": 2,
        "c": 3,
        "d": 4,
        "e": 5,
        "n": 6,
        "o": 7,
        "t": 8,
        "f": 9,
        "gone": 10,
        "young": 1699999900.26,
        "edge": 1699999900.25,
    },
    "due": {"d": 5},
    "aside": {"e": 5},
    **_ENTRIES,
}
_LEFTOVERS = {
    "left": {"a": 1, "b": 2, "odd": 3},
    "records": {
        "a": "1700000100 4 r a",
        "b": "1700000100 0 rb",
        "odd": "no record",
        "out": "1700000100 0 ro",
    },
}


CASES = {
    "dates: what is due is claimed and put off": {
        "run": ("claim_dates", "dates", (2, 60.5)),
        "held": {"dates": {"a": 1, "b": 1700000000.25, "c": 2, "later": 1700000001}},
        "answer": ["a", "c"],
        "leaves": {"dates": {"a": 1700000060.75, "c": 1700000060.75}},
    },
    "dates: the edge is due": {
        "run": ("claim_dates", "dates", (9, 60)),
        "held": {"dates": {"b": 1700000000.25, "later": 1700000000.250001}},
        "answer": ["b"],
        "leaves": {"dates": {"b": 1700000060.25}},
    },
    "dates: what is there is put off": {
        "run": ("put_off_dates", "dates", (5.5, "a", "b", "gone")),
        "held": {"dates": {"a": 1, "b": 2, "c": 3}},
        "answer": None,
        "leaves": {"dates": {"a": 1700000005.75, "b": 1700000005.75}},
    },
    "erased: a tombstone begins to age": {
        "run": ("erased", "entry erasing counts left", ("c1", 100, 30.5)),
        "held": {
            "entry": {"state": "deleted", "left": "a b ", "staged": "t", "token": "k"},
            "erasing": {"c1": 1},
            "left": {"c": 5},
        },
        "answer": 1,
        "leaves": {
            "counts": {"erased": "1"},
            "entry": {
                "erased_at": "1700000000.250000",
                "left": None,
                "staged": None,
                "token": None,
            },
            "entry ms": 100000,
            "erasing": {"c1": 1700000030.75},
        },
    },
    "erased: the service still has something": {
        "run": ("erased", "entry erasing counts left", ("c1", 100, 30)),
        "held": {
            "entry": {"state": "deleted", "left": "a b "},
            "erasing": {"c1": 1},
            "left": {"b": 5},
        },
        "answer": 0,
        "leaves": {},
    },
    "erased: after the last look nothing is due": {
        "run": ("erased", "entry erasing counts left", ("c1", 100, 30)),
        "held": {
            "entry": {"state": "deleted", "erased_at": "5"},
            "erasing": {"c1": 1, "c2": 2},
        },
        "answer": 2,
        "leaves": {"erasing": {"c1": None}},
    },
    "erased: without a tombstone nothing is due": {
        "run": ("erased", "entry erasing counts left", ("c1", 100, 30)),
        "held": {"erasing": {"c1": 1, "c2": 2}},
        "answer": 2,
        "leaves": {"erasing": {"c1": None}},
    },
    "join: a deleted one can't be held": {
        "run": ("join", "entry", (1,)),
        "held": {"entry": {"state": "deleted"}},
        "answer": 0,
        "leaves": {},
    },
    "leftovers: a new one is noted and a known one stays": {
        "run": (
            "add_leftovers",
            "left records",
            (
                [
                    {"id": "a", "record": "ra", "life_s": 100.9, "wait_s": 5.5},
                    {"id": "b", "record": "rb", "life_s": 100.9, "wait_s": 5.5},
                ],
            ),
        ),
        "held": {"left": {"a": 5}, "records": {"a": "old"}},
        "answer": 1,
        "leaves": {"left": {"b": 1700000005.75}, "records": {"b": "1700000101 0 rb"}},
    },
    "leftovers: the latest due come first, and dead ones are dropped": {
        "run": ("claim_leftovers", "left records pause counts", (10, 60.5)),
        "held": {
            "left": {"dead": 1, "odd": 2, "old": 3, "just": 1700000000.25, "later": 1700000001},
            "records": {
                "dead": "1700000000 0 r",
                "odd": "no record",
                "old": "1700000001 2 re cord",
                "just": "1700000100 0 r",
                "later": "1700000100 0 r",
            },
        },
        "answer": ["just", "0", "r", "old", "2", "re cord"],
        "leaves": {
            "counts": {"not_deleted": "2"},
            "left": {"dead": None, "just": 1700000060.75, "odd": None, "old": 1700000060.75},
            "records": {"dead": None, "odd": None},
        },
    },
    "leftovers: while paused dead ones are dropped and none is claimed": {
        "run": ("claim_leftovers", "left records pause counts", (10, 60)),
        "held": {
            "left": {"dead": 1, "odd": 2, "old": 3, "just": 1700000000.25, "later": 1700000001},
            "records": {
                "dead": "1700000000 0 r",
                "odd": "no record",
                "old": "1700000001 2 re cord",
                "just": "1700000100 0 r",
                "later": "1700000100 0 r",
            },
            "pause": "1",
        },
        "answer": [],
        "leaves": {
            "counts": {"not_deleted": "2"},
            "left": {"dead": None, "odd": None},
            "records": {"dead": None, "odd": None},
        },
    },
    "leftovers: of more than the batch the latest is claimed": {
        "run": ("claim_leftovers", "left records pause counts", (1, 60)),
        "held": {
            "left": {"a": 1, "b": 2, "c": 3},
            "records": {"a": "1700000100 0 ra", "b": "1700000100 0 rb", "c": "1700000100 7 rc"},
        },
        "answer": ["c", "7", "rc"],
        "leaves": {"left": {"c": 1700000060.25}},
    },
    "leftovers: a dead one beyond the batch is not claimed": {
        "run": ("claim_leftovers", "left records pause counts", (1, 60)),
        "held": {"left": {"a": 1, "b": 2}, "records": {"a": "1700000100 0 ra", "b": "5 0 rb"}},
        "answer": [],
        "leaves": {"left": {"b": 1700000060.25}},
    },
    "leftovers: one whose life ends this second is dropped": {
        "run": ("claim_leftovers", "left records pause counts", (10, 60)),
        "held": {
            "left": {"a": 1, "b": 2},
            "records": {"a": "1700000000 0 ra", "b": "1700000001 0 rb"},
        },
        "at": (1700000000, 0),
        "answer": ["b", "0", "rb"],
        "leaves": {
            "counts": {"not_deleted": "1"},
            "left": {"a": None, "b": 1700000060.0},
            "records": {"a": None},
        },
    },
    "leftovers: a failed one is tried later and its failure counts": {
        "run": ("postpone_leftovers", "left records", (30.5, 1, "a", "out", "odd", "gone")),
        "held": _LEFTOVERS,
        "answer": 1,
        "leaves": {"left": {"a": 1700000030.75}, "records": {"a": "1700000100 5 r a"}},
    },
    "leftovers: one that was not tried keeps its failures": {
        "run": ("postpone_leftovers", "left records", (0, 0, "a", "b")),
        "held": _LEFTOVERS,
        "answer": 2,
        "leaves": {"left": {"a": 1700000000.25, "b": 1700000000.25}},
    },
    "leftovers: what is cleared is counted": {
        "run": ("clear_leftovers", "left records counts", ("deleted", "a", "b", "gone")),
        "held": {
            "left": {"a": 1, "b": 2, "odd": 3},
            "records": {
                "a": "1700000100 4 r a",
                "b": "1700000100 0 rb",
                "odd": "no record",
                "out": "1700000100 0 ro",
            },
            "counts": {"deleted": "3"},
        },
        "answer": 2,
        "leaves": {
            "counts": {"deleted": "5"},
            "left": {"a": None, "b": None},
            "records": {"a": None, "b": None},
        },
    },
    "leftovers: what is gone is not counted": {
        "run": ("clear_leftovers", "left records counts", ("deleted", "gone")),
        "held": _LEFTOVERS,
        "answer": 0,
        "leaves": {},
    },
    "dead letters: old ones are stripped, newer and odd ones passed over": {
        "run": ("strip_dead", "dead stripped", (100, 10, "c:", 1, "job", "url")),
        "held": {
            "dead": {"old": 100, "newer": 200, "odd": 300, "edge": 1699999900, "young": 1699999901},
            "c:old": {"v": "1", "job": "j", "url": "u", "x": "1"},
            "c:newer": {"v": "2", "job": "j"},
            "c:odd": "text",
            "c:edge": {"v": "odd", "job": "j", "x": "1"},
            "c:young": {"job": "j"},
        },
        "answer": 4,
        "leaves": {
            "c:edge": {"job": None},
            "c:old": {"job": None, "url": None},
            "stripped": "1699999900",
        },
    },
    "dead letters: stripping goes on where it ended": {
        "run": ("strip_dead", "dead stripped", (100, 10, "c:", 1, "job", "url")),
        "held": {
            "dead": {"old": 100, "newer": 200, "odd": 300, "edge": 1699999900, "young": 1699999901},
            "c:old": {"v": "1", "job": "j", "url": "u", "x": "1"},
            "c:newer": {"v": "2", "job": "j"},
            "c:odd": "text",
            "c:edge": {"v": "odd", "job": "j", "x": "1"},
            "c:young": {"job": "j"},
            "stripped": "300",
        },
        "answer": 1,
        "leaves": {"c:edge": {"job": None}, "stripped": "1699999900"},
    },
    "dead letters: a batch is stripped": {
        "run": ("strip_dead", "dead stripped", (100, 1, "c:", 1, "job", "url")),
        "held": {
            "dead": {"old": 100, "newer": 200, "odd": 300, "edge": 1699999900, "young": 1699999901},
            "c:old": {"v": "1", "job": "j", "url": "u", "x": "1"},
            "c:newer": {"v": "2", "job": "j"},
            "c:odd": "text",
            "c:edge": {"v": "odd", "job": "j", "x": "1"},
            "c:young": {"job": "j"},
        },
        "answer": 1,
        "leaves": {"c:old": {"job": None, "url": None}, "stripped": "100"},
    },
    "dead letters: one without a version is stripped": {
        "run": ("strip_dead", "dead stripped", (100, 1, "c:", 1, "job")),
        "held": {"dead": {"a": 5}, "c:a": {"job": "j", "x": "1"}},
        "answer": 1,
        "leaves": {"c:a": {"job": None}, "stripped": "5"},
    },
    "staged: a reserved folder is doomed now, a shared and a gone one not": {
        "run": ("doom_now", "staging doomed signed", ("a", "shared", "gone")),
        "held": {"staging": {"a": 9000000000.0, "shared": 9000000000.0}, "signed": {"shared"}},
        "answer": ["a"],
        "leaves": {"doomed": {"a": "in"}, "staging": {"a": None}},
    },
    "staged: folders whose time is over are doomed": {
        "run": ("doom_staged", "staging doomed signed", (10,)),
        "held": {
            "staging": {
                "0123456789abcdef0123456789abcdef": 1700000000,
                "ffffffffffffffffffffffffffffffff": 1700000001,
                "fffffffffffffffffffffffffffffff": 1,
                "gggggggggggggggggggggggggggggggg": 2,
            },
            "signed": {"0123456789abcdef0123456789abcdef"},
        },
        "answer": ["0123456789abcdef0123456789abcdef"],
        "leaves": {
            "doomed": {"0123456789abcdef0123456789abcdef": "in"},
            "signed": None,
            "staging": {
                "0123456789abcdef0123456789abcdef": None,
                "fffffffffffffffffffffffffffffff": 1700003600.0,
                "gggggggggggggggggggggggggggggggg": 1700003600.0,
            },
        },
    },
    "staged: a batch is doomed": {
        "run": ("doom_staged", "staging doomed signed", (1,)),
        "held": {
            "staging": {
                "0123456789abcdef0123456789abcdef": 1,
                "ffffffffffffffffffffffffffffffff": 2,
            }
        },
        "answer": ["0123456789abcdef0123456789abcdef"],
        "leaves": {
            "doomed": {"0123456789abcdef0123456789abcdef": "in"},
            "staging": {"0123456789abcdef0123456789abcdef": None},
        },
    },
    "staged: none is told where none is doomed": {
        "run": ("doom_staged", "staging doomed signed", (1,)),
        "held": {"staging": {"0123456789abcdef0123456789abcdef": 1700000001}},
        "answer": [],
        "leaves": {},
    },
    "delivery: a free one is taken and is due after its lease": {
        "run": ("deliver", "lease entry due", ("token", 15500, "c1", 1)),
        "held": {"entry": {"request": "r", "v": "1", "deliveries": "2"}, "due": {"c1": 5}},
        "answer": [1, "1700000000.250000", ["request", "r", "v", "1", "deliveries", "3"]],
        "leaves": {
            "due": {"c1": 1700000015.85},
            "entry": {"deliveries": "3"},
            "lease": "token",
            "lease ms": 15500,
        },
    },
    "delivery: one that another delivers is left alone": {
        "run": ("deliver", "lease entry due", ("token", 15500, "c1", 1)),
        "held": {
            "entry": {"request": "r", "v": "1", "deliveries": "2"},
            "lease": "other",
            "due": {"c1": 5},
        },
        "answer": [0],
        "leaves": {},
    },
    "delivery: one that is ours already is read again": {
        "run": ("deliver", "lease entry due", ("token", 15500, "c1", 1)),
        "held": {
            "entry": {"request": "r", "v": "1", "deliveries": "2"},
            "lease": "token",
            "due": {"c1": 5},
        },
        "answer": [1, "1700000000.250000", ["request", "r", "v", "1", "deliveries", "2"]],
        "leaves": {},
    },
    "delivery: one without a request is gone": {
        "run": ("deliver", "lease entry due", ("token", 15500, "c1", 1)),
        "held": {"entry": {"v": "1"}, "due": {"c1": 5}},
        "answer": [0],
        "leaves": {},
    },
    "delivery: one of a newer version is left alone": {
        "run": ("deliver", "lease entry due", ("token", 15500, "c1", 1)),
        "held": {"entry": {"request": "r", "v": "2", "deliveries": "2"}, "due": {"c1": 5}},
        "answer": [0],
        "leaves": {},
    },
    "delivery: one of an odd version is taken": {
        "run": ("deliver", "lease entry due", ("token", 15500, "c1", 1)),
        "held": {"entry": {"request": "r", "v": "odd", "deliveries": "2"}, "due": {"c1": 5}},
        "answer": [1, "1700000000.250000", ["request", "r", "v", "odd", "deliveries", "3"]],
        "leaves": {
            "due": {"c1": 1700000015.85},
            "entry": {"deliveries": "3"},
            "lease": "token",
            "lease ms": 15500,
        },
    },
    "delivery: one without a version is taken": {
        "run": ("deliver", "lease entry due", ("token", 15500, "c1", 1)),
        "held": {"entry": {"request": "r"}, "due": {"c1": 5}},
        "answer": [1, "1700000000.250000", ["request", "r", "deliveries", "1"]],
        "leaves": {
            "due": {"c1": 1700000015.85},
            "entry": {"deliveries": "1"},
            "lease": "token",
            "lease ms": 15500,
        },
    },
    "delivery: one that is due later stays so": {
        "run": ("deliver", "lease entry due", ("token", 15500, "c1", 1)),
        "held": {"entry": {"request": "r", "v": "1", "deliveries": "2"}, "due": {"c1": 1700009999}},
        "answer": [1, "1700000000.250000", ["request", "r", "v", "1", "deliveries", "3"]],
        "leaves": {"entry": {"deliveries": "3"}, "lease": "token", "lease ms": 15500},
    },
    "delivery: one that is due at no time stays so": {
        "run": ("deliver", "lease entry due", ("token", 15500, "c1", 1)),
        "held": {"entry": {"request": "r", "v": "1", "deliveries": "2"}, "due": {"c2": 5}},
        "answer": [1, "1700000000.250000", ["request", "r", "v", "1", "deliveries", "3"]],
        "leaves": {"entry": {"deliveries": "3"}, "lease": "token", "lease ms": 15500},
    },
    "lost: what has no entry leaves every index": {
        "run": (
            "lose",
            "lost counts due1 due2 due3 index1 index2",
            ("p:", 2, "c1", "here", "c2", "c3"),
        ),
        "held": {
            "lost": {"first": 1, "second": 2, "c3": 3},
            "p:accounts": {"acc", "other"},
            "p:conversion:here": {"v": "1"},
            "due1": {"c1": 1, "here": 1},
            "due2": {"c2": 1},
            "due3": {"c3": 1, "x": 1},
            "index1": {"c1": 1, "here": 1, "c2": 1},
            "index2": {"c2": 1, "x": 1},
            "p:jobs:acc": {"c1", "x"},
            "p:account:acc": {"full": "1", "rate": "1"},
            "p:bell:submit": "1",
            "p:events:c1": ["e"],
            "counts": {"lost": "4"},
        },
        "answer": ["c1", 1, "c2", 1],
        "leaves": {
            "counts": {"lost": "6"},
            "due1": {"c1": None},
            "due2": None,
            "due3": {"c3": None},
            "index1": {"c1": None, "c2": None},
            "index2": {"c2": None},
            "lost": {
                "c1": 1700000000.0,
                "c2": 1700000000.0,
                "c3": None,
                "first": None,
                "second": None,
            },
            "p:account:acc": {"full": None},
            "p:bell:submit": None,
            "p:events:c1": None,
            "p:jobs:acc": {"c1": None},
        },
    },
    "lost: one that was known is not told again": {
        "run": ("lose", "lost counts due1 due2 due3 index1", ("p:", 10, "c1")),
        "held": {"lost": {"c1": 3}, "due3": {"c1": 1}},
        "answer": [],
        "leaves": {"due3": None},
    },
    "lost: of each the caller is told whether it was due": {
        "run": ("lose", "lost counts due1 due2 due3 index1", ("p:", 10, "c1", "c2", "c3", "c4")),
        "held": {"due1": {"c1": 1}, "due2": {"c2": 1}, "due3": {"c3": 1}},
        "answer": ["c1", 1, "c2", 1, "c3", 1, "c4", 0],
        "leaves": {
            "counts": {"lost": "4"},
            "due1": None,
            "due2": None,
            "due3": None,
            "lost": {
                "c1": 1700000000.0,
                "c2": 1700000000.0,
                "c3": 1700000000.0,
                "c4": 1700000000.0,
            },
        },
    },
    "lost: a damaged count harms nobody": {
        "run": ("lose", "lost counts due1 due2 due3 index1", ("p:", 10, "c1")),
        "held": {"counts": {"lost": "odd"}},
        "answer": ["c1", 0],
        "leaves": {"lost": {"c1": 1700000000.0}},
    },
    "heartbeat: what is ours is due after the lease": {
        "run": (
            "heartbeat",
            "submits polls deliveries",
            (
                "p:",
                15500,
                "c1",
                "turnstile",
                "t1",
                "c2",
                "turnstile",
                "t2",
                "c3",
                "delivery",
                "t3",
                "c4",
                "",
                "",
                "c5",
                "turnstile",
                "t5",
            ),
        ),
        "held": {
            "submits": {"c1": 1, "c2": 1, "c4": 1, "x": 1},
            "polls": {"c1": 2, "c3": 2, "c5": 2},
            "deliveries": {"c3": 3, "c1": 3, "c4": 3},
            "p:turnstile:c1": "t1",
            "p:turnstile:c2": "other",
            "p:delivery:c3": "t3",
            "p:turnstile:c5": {"f": "1"},
        },
        "answer": None,
        "leaves": {
            "deliveries": {"c3": 1700000015.85},
            "p:delivery:c3 ms": 15500,
            "p:turnstile:c1 ms": 15500,
            "polls": {"c1": 1700000015.85},
            "submits": {"c1": 1700000015.85, "c4": 1700000015.85},
        },
    },
    "heartbeat: what is due later stays so": {
        "run": ("heartbeat", "submits polls deliveries", ("p:", 15500, "c1", "", "")),
        "held": {"submits": {"c1": 1700009999}},
        "answer": None,
        "leaves": {},
    },
    "revoked: an id without a conversion is noted": {
        "run": ("revoke", "entry revoked", ("c1", 100, 3)),
        "held": {"revoked": {"old": 1699999900, "edge": 1699999901, "x": 1700000000}},
        "answer": 0,
        "leaves": {"revoked": {"c1": 1700000000.0, "old": None}, "revoked ms": 100000},
    },
    "revoked: the latest are noted": {
        "run": ("revoke", "entry revoked", ("c1", 100, 1)),
        "held": {"revoked": {"x": 1699999990}},
        "answer": 0,
        "leaves": {"revoked": {"c1": 1700000000.0, "x": None}, "revoked ms": 100000},
    },
    "revoked: a conversion is not": {
        "run": ("revoke", "entry revoked", ("c1", 100, 3)),
        "held": {"entry": {"state": "queued"}},
        "answer": 1,
        "leaves": {},
    },
    "joined: a waiting conversion is held": {
        "run": ("join", "entry", (1,)),
        "held": {"entry": {"state": "queued", "turn": "0", "v": "1"}},
        "answer": 1,
        "leaves": {"entry": {"joined": "1"}},
    },
    "joined: one without a version is held": {
        "run": ("join", "entry", (1,)),
        "held": {"entry": {"state": "queued", "turn": "0"}},
        "answer": 1,
        "leaves": {"entry": {"joined": "1"}},
    },
    "joined: one of an odd version is held": {
        "run": ("join", "entry", (1,)),
        "held": {"entry": {"state": "queued", "turn": "0", "v": "odd"}},
        "answer": 1,
        "leaves": {"entry": {"joined": "1"}},
    },
    "joined: one of a newer version is there": {
        "run": ("join", "entry", (1,)),
        "held": {"entry": {"state": "queued", "turn": "0", "v": "2"}},
        "answer": 1,
        "leaves": {},
    },
    "joined: one that a worker has is there": {
        "run": ("join", "entry", (1,)),
        "held": {"entry": {"state": "queued", "turn": "1"}},
        "answer": 1,
        "leaves": {},
    },
    "joined: one that is converting is there": {
        "run": ("join", "entry", (1,)),
        "held": {"entry": {"state": "converting", "turn": "0"}},
        "answer": 1,
        "leaves": {},
    },
    "joined: no entry is none": {
        "run": ("join", "entry", (1,)),
        "held": {"entry": {"turn": "0"}},
        "answer": 0,
        "leaves": {},
    },
    "learned: nothing was known": {
        "run": ("learn_expected_durations", "durations", ("a:b", "", "new", 2)),
        "held": {"durations": {"x:y": "1"}},
        "answer": [1],
        "leaves": {"durations": {"a:b": "new"}},
    },
    "learned: what was built upon stands": {
        "run": ("learn_expected_durations", "durations", ("a:b", "old", "new", 1)),
        "held": {"durations": {"a:b": "old", "x:y": "1"}},
        "answer": [1],
        "leaves": {"durations": {"a:b": "new"}},
    },
    "learned: another was quicker": {
        "run": ("learn_expected_durations", "durations", ("a:b", "older", "new", 9)),
        "held": {"durations": {"a:b": "old"}},
        "answer": [0, "old"],
        "leaves": {},
    },
    "learned: it was forgotten meanwhile": {
        "run": ("learn_expected_durations", "durations", ("a:b", "old", "new", 9)),
        "answer": [0, ""],
        "leaves": {},
    },
    "learned: the place of another is taken": {
        "run": ("learn_expected_durations", "durations", ("a:b", "", "new", 1)),
        "held": {"durations": {"x:y": "1"}},
        "answer": [1],
        "leaves": {"durations": {"a:b": "new", "x:y": None}},
    },
    "signed: a staged folder is kept": {
        "run": ("sign", "staging signed", ("t", 100)),
        "held": {"staging": {"t": 5}},
        "answer": 1,
        "leaves": {"signed": {"t": "in"}, "staging": {"t": 1700000100.0}},
    },
    "signed: one that has run out is not": {
        "run": ("sign", "staging signed", ("t", 100)),
        "held": {"staging": {"x": 5}},
        "answer": 0,
        "leaves": {},
    },
    "reserved: a new folder": {
        "run": ("reserve", "staging", ("t", "10.9", 0)),
        "answer": 1,
        "leaves": {"staging": {"t": 1700000010.0}},
    },
    "reserved: one that is renewed": {
        "run": ("reserve", "staging", ("t", "10.9", 1)),
        "held": {"staging": {"t": 5}},
        "answer": 1,
        "leaves": {"staging": {"t": 1700000010.0}},
    },
    "reserved: one that has run out is not renewed": {
        "run": ("reserve", "staging", ("t", "10", 1)),
        "held": {"staging": {"x": 5}},
        "answer": 0,
        "leaves": {},
    },
    "aside: what can't be read is due at no time": {
        "run": ("set_aside", "aside s p", ("a", "b", "c")),
        "held": {"aside": {"b": 3}, "s": {"a": 1, "b": 1, "x": 1}, "p": {"c": 1}},
        "answer": 2,
        "leaves": {
            "aside": {"a": 1700000000.0, "c": 1700000000.0},
            "p": None,
            "s": {"a": None, "b": None},
        },
    },
    "turnstile: it is left and stays closed": {
        "run": ("leave", "turn", ("t", 5000)),
        "held": {"turn": "t"},
        "answer": 1,
        "leaves": {"turn": "left", "turn ms": 5000},
    },
    "turnstile: it is left open": {
        "run": ("leave", "turn", ("t", 0)),
        "held": {"turn": "t"},
        "answer": 1,
        "leaves": {"turn": None},
    },
    "turnstile: closed for a millisecond": {
        "run": ("leave", "turn", ("t", 1)),
        "held": {"turn": "t"},
        "answer": 1,
        "leaves": {"turn": "left", "turn ms": 1},
    },
    "turnstile: another's is not left": {
        "run": ("leave", "turn", ("t", 5000)),
        "held": {"turn": "other"},
        "answer": 0,
        "leaves": {},
    },
    "lease: ours lives on": {
        "run": ("renew", "lease", ("t", 5000)),
        "held": {"lease": "t"},
        "answer": 1,
        "leaves": {"lease ms": 5000},
    },
    "lease: another's does not": {
        "run": ("renew", "lease", ("t", 5000)),
        "held": {"lease": "other"},
        "answer": 0,
        "leaves": {},
    },
    "lease: ours ends": {
        "run": ("release", "lease", ("t",)),
        "held": {"lease": "t"},
        "answer": 1,
        "leaves": {"lease": None},
    },
    "lease: another's stays": {
        "run": ("release", "lease", ("t",)),
        "held": {"lease": "other"},
        "answer": 0,
        "leaves": {},
    },
    "hold: it begins and is asked at once": {
        "run": ("hold", "acc accounts", ("acc", "Refused.", 401, 30, "credentials")),
        "held": {"acc": {"checked_at": "5", "by_submit": "1", "counters": "c", "rate": "1"}},
        "answer": 1,
        "leaves": {
            "acc": {
                "because": "credentials",
                "by_submit": None,
                "check_s": "30",
                "checked_at": None,
                "code": "401",
                "counters": None,
                "held": "Refused.",
                "held_since": "1700000000.250000",
            },
            "accounts": {"acc": "in"},
        },
    },
    "hold: a later refusal does not begin it anew": {
        "run": ("hold", "acc accounts", ("acc", "Again.", 402, 60, "no_balance")),
        "held": {
            "acc": {
                "held": "Refused.",
                "held_since": "5",
                "checked_at": "6",
                "by_submit": "1",
                "counters": "c",
            }
        },
        "answer": 0,
        "leaves": {
            "acc": {"because": "no_balance", "check_s": "60", "code": "402", "held": "Again."},
            "accounts": {"acc": "in"},
        },
    },
    "webhook: its poll is due now": {
        "run": ("job_ended", "entry turn polls", ("c1", "j", "p:", 1)),
        "held": {
            "entry": {"state": "converting", "confirmed": "1", "job_id": "j", "v": "1"},
            "polls": {"c1": 1700000100},
        },
        "answer": ["0.000000", "1700000000.250000"],
        "leaves": {
            "entry": {"webhook_received": "1"},
            "p:bell:poll": "1",
            "p:bell:poll ms": 1000,
            "polls": {"c1": 1700000000.25},
        },
    },
    "webhook: one that names no job is a hint, too": {
        "run": ("job_ended", "entry turn polls", ("c1", "", "p:", 1)),
        "held": {
            "entry": {"state": "converting", "confirmed": "1", "job_id": "j", "v": "1"},
            "polls": {"c1": 1700000100},
        },
        "answer": ["0.000000", "1700000000.250000"],
        "leaves": {
            "entry": {"webhook_received": "1"},
            "p:bell:poll": "1",
            "p:bell:poll ms": 1000,
            "polls": {"c1": 1700000000.25},
        },
    },
    "webhook: one for another job changes nothing": {
        "run": ("job_ended", "entry turn polls", ("c1", "k", "p:", 1)),
        "held": {
            "entry": {"state": "converting", "confirmed": "1", "job_id": "j", "v": "1"},
            "polls": {"c1": 1700000100},
        },
        "answer": ["-1", ""],
        "leaves": {},
    },
    "webhook: one for another job that is not confirmed is noted": {
        "run": ("job_ended", "entry turn polls", ("c1", "k", "p:", 1)),
        "held": {
            "entry": {"state": "converting", "confirmed": "0", "job_id": "j", "v": "1"},
            "polls": {"c1": 1700000100},
        },
        "answer": ["-1", ""],
        "leaves": {"entry": {"webhook_received": "1"}},
    },
    "webhook: a second one changes nothing": {
        "run": ("job_ended", "entry turn polls", ("c1", "j", "p:", 1)),
        "held": {
            "entry": {
                "state": "converting",
                "confirmed": "1",
                "job_id": "j",
                "v": "1",
                "webhook_received": "1",
            },
            "polls": {"c1": 1700000100},
        },
        "answer": ["-1", ""],
        "leaves": {},
    },
    "webhook: one for what is not converting changes nothing": {
        "run": ("job_ended", "entry turn polls", ("c1", "j", "p:", 1)),
        "held": {
            "entry": {"state": "ready", "confirmed": "1", "job_id": "j", "v": "1"},
            "polls": {"c1": 1700000100},
        },
        "answer": ["-1", ""],
        "leaves": {},
    },
    "webhook: one for a newer version changes nothing": {
        "run": ("job_ended", "entry turn polls", ("c1", "j", "p:", 1)),
        "held": {
            "entry": {"state": "converting", "confirmed": "1", "job_id": "j", "v": "2"},
            "polls": {"c1": 1700000100},
        },
        "answer": ["-1", ""],
        "leaves": {},
    },
    "webhook: one for an odd version is taken": {
        "run": ("job_ended", "entry turn polls", ("c1", "j", "p:", 1)),
        "held": {
            "entry": {"state": "converting", "confirmed": "1", "job_id": "j", "v": "odd"},
            "polls": {"c1": 1700000100},
        },
        "answer": ["0.000000", "1700000000.250000"],
        "leaves": {
            "entry": {"webhook_received": "1"},
            "p:bell:poll": "1",
            "p:bell:poll ms": 1000,
            "polls": {"c1": 1700000000.25},
        },
    },
    "webhook: one for no version is taken": {
        "run": ("job_ended", "entry turn polls", ("c1", "j", "p:", 1)),
        "held": {
            "entry": {"state": "converting", "confirmed": "1", "job_id": "j"},
            "polls": {"c1": 1700000100},
        },
        "answer": ["0.000000", "1700000000.250000"],
        "leaves": {
            "entry": {"webhook_received": "1"},
            "p:bell:poll": "1",
            "p:bell:poll ms": 1000,
            "polls": {"c1": 1700000000.25},
        },
    },
    "webhook: while a request is in flight it is noted alone": {
        "run": ("job_ended", "entry turn polls", ("c1", "j", "p:", 1)),
        "held": {
            "entry": {"state": "converting", "confirmed": "1", "job_id": "j", "v": "1"},
            "polls": {"c1": 1700000100},
            "turn": "token",
        },
        "answer": ["-1", ""],
        "leaves": {"entry": {"webhook_received": "1"}},
    },
    "webhook: after a poll it is due when the spacing is over": {
        "run": ("job_ended", "entry turn polls", ("c1", "j", "p:", 1)),
        "held": {
            "entry": {"state": "converting", "confirmed": "1", "job_id": "j", "v": "1"},
            "polls": {"c1": 1700000100},
            "turn": "left",
        },
        "lives_ms": {"turn": 5000},
        "answer": ["5.250000", "1700000000.250000"],
        "leaves": {
            "entry": {"webhook_received": "1"},
            "p:bell:poll:6800000022": "1",
            "p:bell:poll:6800000022 ms": 6250,
            "polls": {"c1": 1700000005.25},
        },
    },
    "webhook: a poll that is due before stays so": {
        "run": ("job_ended", "entry turn polls", ("c1", "j", "p:", 1)),
        "held": {
            "entry": {"state": "converting", "confirmed": "1", "job_id": "j", "v": "1"},
            "polls": {"c1": 5},
        },
        "answer": ["0.000000", "1700000000.250000"],
        "leaves": {"entry": {"webhook_received": "1"}, "p:bell:poll": "1", "p:bell:poll ms": 1000},
    },
    "webhook: one that nobody awaits is noted alone": {
        "run": ("job_ended", "entry turn polls", ("c1", "j", "p:", 1)),
        "held": {
            "entry": {"state": "converting", "confirmed": "1", "job_id": "j", "v": "1"},
            "polls": {"c2": 5},
        },
        "answer": ["-1", ""],
        "leaves": {"entry": {"webhook_received": "1"}},
    },
    "audit: what nobody awaits is due now and what is missing is told": {
        "run": ("audit", "index cursors due aside", ("idx", 100, "p:c:", 1, 0, "queued", "", "p:")),
        "held": _AUDITED,
        "answer": [0, 3, ["gone", "edge", "young"], ["n"]],
        "leaves": {
            "cursors": {"idx": "0"},
            "due": {"a": 1700000000.25, "f": 1700000000.25, "o": 1700000000.25},
        },
    },
    "audit: of an index that forgets what is old is taken out": {
        "run": (
            "audit",
            "index cursors due aside",
            ("idx", 100, "p:c:", 1, 100, "queued", "", "p:"),
        ),
        "held": _AUDITED,
        "answer": [2, 3, ["young"], ["n"]],
        "leaves": {
            "cursors": {"idx": "0"},
            "due": {"a": 1700000000.25, "f": 1700000000.25, "o": 1700000000.25},
            "index": {"edge": None, "gone": None},
        },
    },
    "audit: of an index without a state nothing is made due": {
        "run": ("audit", "index cursors due aside", ("idx", 100, "p:c:", 1, 0, "", "", "p:")),
        "held": _AUDITED,
        "answer": [0, 0, ["gone", "edge", "young"], ["n"]],
        "leaves": {"cursors": {"idx": "0"}},
    },
    "audit: of jobs what is gone makes room": {
        "run": ("audit", "index cursors due aside", ("idx", 100, "p:c:", 1, 0, "", "acc", "p:")),
        "held": {
            "index": {"gone"},
            "p:jobs:acc": {"gone"},
            "p:account:acc": {"full": "1"},
            "p:bell:submit": "1",
        },
        "answer": [1, 0, [], []],
        "leaves": {
            "cursors": {"idx": "0"},
            "p:account:acc": None,
            "p:bell:submit": None,
            "p:jobs:acc": None,
        },
    },
    "audit: of jobs what is there stays": {
        "run": ("audit", "index cursors due aside", ("idx", 100, "p:c:", 1, 0, "", "acc", "p:")),
        "held": {
            "index": {"a"},
            "p:jobs:acc": {"a"},
            **_ENTRIES,
        },
        "answer": [0, 0, [], []],
        "leaves": {"cursors": {"idx": "0"}},
    },
    "audit: an index that is none is passed over": {
        "run": ("audit", "index cursors due aside", ("idx", 100, "p:c:", 1, 0, "queued", "", "p:")),
        "held": {"index": "text", "cursors": {"idx": "7", "x": "1"}},
        "answer": [0, 0, [], []],
        "leaves": {"cursors": {"idx": None}},
    },
    "audit: a missing index is passed over": {
        "run": ("audit", "index cursors due aside", ("idx", 100, "p:c:", 1, 0, "queued", "", "p:")),
        "held": {"cursors": {"idx": "7"}},
        "answer": [0, 0, [], []],
        "leaves": {"cursors": None},
    },
    "audit: a damaged cursor is forgotten": {
        "run": ("audit", "index cursors due aside", ("idx", 100, "p:c:", 1, 0, "queued", "", "p:")),
        "held": {
            "index": {"a": 1},
            "cursors": {"idx": "odd", "x": "1"},
            **_ENTRIES,
        },
        "answer": [0, 0, [], []],
        "leaves": {"cursors": {"idx": None}},
    },
    "audit: what ended stays out": {
        "run": ("audit", "index cursors due aside", ("idx", 100, "p:c:", 1, 0, "queued", "", "p:")),
        "held": {
            "index": {"a": 1},
            "cursors": {"idx": "0"},
            "p:c:a": {"state": "queued", "delivered": "1"},
        },
        "answer": [0, 0, [], []],
        "leaves": {},
    },
    "leftovers: a date has microseconds": {
        "run": (
            "add_leftovers",
            "left records",
            (
                [
                    {"id": "a", "record": "ra", "life_s": 100.9, "wait_s": 5.5},
                    {"id": "b", "record": "rb", "life_s": 100.9, "wait_s": 5.5},
                ],
            ),
        ),
        "at": (1700000000, 250001),
        "answer": 2,
        "leaves": {
            "left": {"a": 1700000005.750001, "b": 1700000005.750001},
            "records": {"a": "1700000101 0 ra", "b": "1700000101 0 rb"},
        },
    },
    "leftovers: a lease has microseconds": {
        "run": ("claim_leftovers", "left records pause counts", (10, 60)),
        "held": {
            "left": {"a": 1700000000.250001, "b": 1700000000.250002},
            "records": {"a": "1700000100 0 ra", "b": "1700000100 0 rb"},
        },
        "at": (1700000000, 250001),
        "answer": ["a", "0", "ra"],
        "leaves": {"left": {"a": 1700000060.250001}},
    },
    "leftovers: a next try has microseconds, and failures are many": {
        "run": ("postpone_leftovers", "left records", (30, 1, "a")),
        "held": {"left": {"a": 1}, "records": {"a": "1700000100 123456789012345 ra"}},
        "at": (1700000000, 250001),
        "answer": 1,
        "leaves": {
            "left": {"a": 1700000030.250001},
            "records": {"a": "1700000100 123456789012346 ra"},
        },
    },
    "leftovers: one that is cleared is counted": {
        "run": ("clear_leftovers", "left records counts", ("deleted", "a")),
        "held": _LEFTOVERS,
        "answer": 1,
        "leaves": {"counts": {"deleted": "1"}, "left": {"a": None}, "records": {"a": None}},
    },
    "delivery: its date has microseconds": {
        "run": ("deliver", "lease entry due", ("token", 15500, "c1", 1)),
        "held": {"entry": {"request": "r", "v": "1", "deliveries": "2"}, "due": {"c1": 5}},
        "at": (1700000000, 250001),
        "answer": [1, "1700000000.250001", ["request", "r", "v", "1", "deliveries", "3"]],
        "leaves": {
            "due": {"c1": 1700000015.850001},
            "entry": {"deliveries": "3"},
            "lease": "token",
            "lease ms": 15500,
        },
    },
    "heartbeat: its date has microseconds": {
        "run": ("heartbeat", "submits polls deliveries", ("p:", 15500, "c1", "", "")),
        "held": {"submits": {"c1": 1}},
        "at": (1700000000, 250001),
        "answer": None,
        "leaves": {"submits": {"c1": 1700000015.850001}},
    },
    "lost: one that was in an index alone was not due, and is counted": {
        "run": ("lose", "lost counts due1 due2 due3 index1", ("p:", 10, "c1")),
        "held": {"index1": {"c1": 1}},
        "answer": ["c1", 0],
        "leaves": {"counts": {"lost": "1"}, "index1": None, "lost": {"c1": 1700000000.0}},
    },
    "revoked: what was revoked long ago is forgotten": {
        "run": ("revoke", "entry revoked", ("c1", 100, 30)),
        "held": {"revoked": {"old": 1699999900, "edge": 1699999901, "x": 1700000000}},
        "answer": 0,
        "leaves": {"revoked": {"c1": 1700000000.0, "old": None}, "revoked ms": 100000},
    },
    "dead letters: each of several is stripped": {
        "run": ("strip_dead", "dead stripped", (100, 10, "c:", 1, "job")),
        "held": {
            "dead": {"a": 5, "b": 6, "c": 7, "d": 8},
            "c:a": {"job": "j", "x": "1"},
            "c:b": {"job": "j", "x": "1"},
            "c:c": {"job": "j", "x": "1"},
            "c:d": {"job": "j", "x": "1"},
        },
        "answer": 4,
        "leaves": {
            "c:a": {"job": None},
            "c:b": {"job": None},
            "c:c": {"job": None},
            "c:d": {"job": None},
            "stripped": "8",
        },
    },
    "hold: it begins at the microsecond": {
        "run": ("hold", "acc accounts", ("acc", "Refused.", 401, 30, "credentials")),
        "at": (1700000000, 250001),
        "answer": 1,
        "leaves": {
            "acc": {
                "because": "credentials",
                "check_s": "30",
                "code": "401",
                "held": "Refused.",
                "held_since": "1700000000.250001",
            },
            "accounts": {"acc": "in"},
        },
    },
    "audit: what was accepted more than a second ago is taken out where that is the time": {
        "run": ("audit", "index cursors due aside", ("idx", 100, "p:c:", 1, 1, "queued", "", "p:")),
        "held": {"index": {"gone": 1699999999, "young": 1699999999.5}},
        "answer": [1, 0, ["young"], []],
        "leaves": {"cursors": {"idx": "0"}, "index": {"gone": None}},
    },
    "audit: of jobs each that is gone makes room": {
        "run": ("audit", "index cursors due aside", ("idx", 100, "p:c:", 1, 0, "", "acc", "p:")),
        "held": {"index": {"a", "b", "c"}, "p:jobs:acc": {"a", "b", "c"}},
        "answer": [3, 0, [], []],
        "leaves": {"cursors": {"idx": "0"}, "p:jobs:acc": None},
    },
    "audit: its dates have microseconds": {
        "run": ("audit", "index cursors due aside", ("idx", 100, "p:c:", 1, 0, "queued", "", "p:")),
        "held": {"index": {"a": 1}, "p:c:a": {"state": "queued"}},
        "at": (1700000000, 250001),
        "answer": [0, 1, [], []],
        "leaves": {"cursors": {"idx": "0"}, "due": {"a": 1700000000.250001}},
    },
    "webhook: right after a claim the bell waits for others": {
        "run": ("job_ended", "entry turn polls", ("c1", "j", "p:", 1)),
        "held": {
            "entry": {"state": "converting", "confirmed": "1", "job_id": "j", "v": "1"},
            "polls": {"c1": 1700000100},
            "p:bell:poll:pause": "1",
        },
        "lives_ms": {"p:bell:poll:pause": 200},
        "answer": ["0.200000", "1700000000.250000"],
        "leaves": {
            "entry": {"webhook_received": "1"},
            "p:bell:poll": "1",
            "p:bell:poll ms": 1200,
            "polls": {"c1": 1700000000.25},
        },
    },
    "webhook: its poll is due to the microsecond": {
        "run": ("job_ended", "entry turn polls", ("c1", "j", "p:", 1)),
        "held": {
            "entry": {"state": "converting", "confirmed": "1", "job_id": "j", "v": "1"},
            "polls": {"c1": 1700000100},
        },
        "at": (1700000000, 250001),
        "answer": ["0.000000", "1700000000.250001"],
        "leaves": {
            "entry": {"webhook_received": "1"},
            "p:bell:poll": "1",
            "p:bell:poll ms": 1000,
            "polls": {"c1": 1700000000.250001},
        },
    },
}


@pytest.mark.parametrize("name", CASES)
def test_script_answers_and_changes_exactly_this(effects, name):
    case = dict(CASES[name])
    run, answer, leaves = (case.pop(each) for each in ("run", "answer", "leaves"))

    assert effects.of(*run, **case) == (answer, leaves)
