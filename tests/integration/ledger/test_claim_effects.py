"""A claim, run at one moment: what it answers, and what it changes in Redis, exactly."""

from __future__ import annotations

import pytest

AT = (1_700_000_000, 250_000)
_ENTRY = {"turn": "0", "v": "1", "created_at": "1699999000"}
_STATES = {"submit": "queued", "poll": "converting", "deliver": "ready"}
_ASKED = {"limit": 10, "token": "t", "lease_s": 15.5, "version": 1, "leave_s": 30}
_OF_SUBMITS = {"account": "acc", "most_jobs": 0, "check_s": 30, "hold_s": 3600, "job_life_s": 7200}
_TOLD = {
    "now": "1700000000.250000",
    "again_s": "-1.000000",
    "later": [],
    "reason": "",
    "must_check": 0,
    "probes": 0,
    "is_well": 0,
    "has_foreign_ids": 0,
    "gone": [],
    "damaged": [],
    "newer": [],
    "taken": [],
    "spent": [],
}

# What is asked besides `_ASKED`, what is due, which fields its entries have besides `_ENTRY` (None:
# there is none so named), and what Redis holds besides. Then what is told besides `_TOLD`, and what
# is changed; where `takes` is said, besides what each taking changes.
CASES = {
    "all that is due is taken, and the next waits for others": {
        "takes": True,
        "told": {"taken": ["c1", "c2"]},
        "leaves": {
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:claim:t": '[0,0,0,["tc1","tc2"]]',
            "p:claim:t ms": 60000,
        },
    },
    "polls are taken, and forget the call that brought them": {
        "kind": "poll",
        "entries": {"c1": {"webhook_received": "1"}},
        "takes": True,
        "told": {"taken": ["c1", "c2"]},
        "leaves": {
            "p:bell:poll:pause": "1",
            "p:bell:poll:pause ms": 250,
            "p:claim:t": '[0,0,0,["tc1","tc2"]]',
            "p:claim:t ms": 60000,
            "p:conversion:c1": {"webhook_received": None},
        },
    },
    "deliveries are taken without a turnstile": {
        "kind": "deliver",
        "entries": {"c1": {"state": "succeeded", "turn": None}, "c2": {"state": "failed"}},
        "takes": True,
        "told": {"taken": ["c1", "c2"]},
        "leaves": {
            "p:bell:deliver:pause": "1",
            "p:bell:deliver:pause ms": 250,
            "p:claim:t": '[0,0,0,["tc1","tc2"]]',
            "p:claim:t ms": 60000,
        },
    },
    "of more than the limit the rest has another bell rung": {
        "ask": {"limit": 1},
        "takes": True,
        "told": {"again_s": "0.000000", "taken": ["c1"]},
        "leaves": {
            "p:bell:submit": "1",
            "p:bell:submit ms": 1000,
            "p:claim:t": '[0,0,0,["tc1"]]',
            "p:claim:t ms": 60000,
        },
    },
    "the bell that brought the claim is none for the rest": {
        "ask": {"limit": 1},
        "held": {"p:bell:submit": "1"},
        "takes": True,
        "told": {"again_s": "0.000000", "taken": ["c1"]},
        "leaves": {"p:bell:submit ms": 1000, "p:claim:t": '[0,0,0,["tc1"]]', "p:claim:t ms": 60000},
    },
    "what is due this moment is taken, and what is due later is not": {
        "due": {"c1": 1700000000.25, "c2": 1700000000.26},
        "takes": True,
        "told": {"taken": ["c1"]},
        "leaves": {
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:claim:t": '[0,0,0,["tc1"]]',
            "p:claim:t ms": 60000,
        },
    },
    "a bell that comes too early comes again": {
        "ask": {"at": 1700000003.5},
        "told": {"again_s": "3.250000"},
        "leaves": {},
    },
    "a bell that comes to the moment is none too early": {
        "ask": {"at": 1700000000.25},
        "takes": True,
        "told": {"taken": ["c1", "c2"]},
        "leaves": {
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:claim:t": '[0,0,0,["tc1","tc2"]]',
            "p:claim:t ms": 60000,
        },
    },
    "nothing is due": {"due": {}, "told": {}, "leaves": {}},
    "nothing is due yet": {
        "due": {"c1": 1700000009, "c2": 1700000009},
        "held": {"p:bell:submit": "1"},
        "told": {},
        "leaves": {"p:bell:submit": None},
    },
    "a repeat brings what the first one took, and what is still its own": {
        "held": {
            "p:claim:t": '[1,0,1,["tc1","sc2","tc3"]]',
            "p:turnstile:c1": "t",
            "p:turnstile:c2": "t",
            "p:turnstile:c3": "other",
            "acc": {"foreign_ids": "1"},
        },
        "told": {
            "again_s": "0.000000",
            "must_check": 1,
            "is_well": 1,
            "has_foreign_ids": 1,
            "taken": ["c1"],
            "spent": ["c2"],
        },
        "leaves": {},
    },
    "a repeat knows no number in a damaged field": {
        "held": {
            "p:claim:t": '[1,0,1,["tc1","sc2","tc3"]]',
            "p:turnstile:c1": "t",
            "acc": {"foreign_ids": "odd"},
        },
        "told": {"again_s": "0.000000", "must_check": 1, "is_well": 1, "taken": ["c1"]},
        "leaves": {},
    },
    "a repeat of deliveries brings them": {
        "kind": "deliver",
        "held": {"p:claim:t": '[0,0,0,["tc1"]]'},
        "told": {"again_s": "0.000000", "taken": ["c1"]},
        "leaves": {},
    },
    "missing, damaged and newer ones are told": {
        "due": {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8, "i": 9},
        "entries": {
            "a": None,
            "c": {"state": None},
            "d": {"state": "Odd"},
            "e": {"state": "paused"},
            "f": {"v": "2"},
            "g": {"v": "1000"},
            "h": {"v": "1001"},
            "i": {"v": "odd"},
        },
        "held": {"p:conversion:b": "text"},
        "takes": True,
        "told": {
            "gone": ["a"],
            "damaged": ["b", "c", "d"],
            "newer": ["e", "f", "g"],
            "taken": ["h", "i"],
        },
        "leaves": {
            "due": {"e": 1700000030.25, "f": 1700000030.25, "g": 1700000030.25},
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:claim:t": '[0,0,0,["th","ti"]]',
            "p:claim:t ms": 60000,
        },
    },
    "one without a version is taken, one without a turn and one of an odd turn are damaged": {
        "due": {"a": 1, "b": 2, "c": 3},
        "entries": {"a": {"v": None}, "b": {"turn": None}, "c": {"turn": "odd"}},
        "takes": True,
        "told": {"damaged": ["b", "c"], "taken": ["a"]},
        "leaves": {
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:claim:t": '[0,0,0,["ta"]]',
            "p:claim:t ms": 60000,
            "p:turnstile:c": "t",
            "p:turnstile:c ms": 15500,
        },
    },
    "a newer one that waited for long is put off": {
        "due": {"a": 1699999970.24, "b": 1699999970.25},
        "entries": {"a": {"v": "2"}, "b": {"v": "2"}},
        "told": {"newer": ["a", "b"]},
        "leaves": {
            "accounts": {"acc": "in"},
            "due": {"a": 1700000030.25},
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
        },
    },
    "what is of another kind goes where it belongs": {
        "due": {"a": 1, "b": 2, "c": 3},
        "entries": {
            "a": {"state": "converting"},
            "b": {"state": "succeeded", "delivered": "1"},
            "c": {"state": "failed", "delivered": "0"},
        },
        "told": {},
        "leaves": {
            "accounts": {"acc": "in"},
            "due": None,
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:due:deliver": {"c": 1700000000.25},
            "p:due:poll": {"a": 1700000000.25},
        },
    },
    "one whose spacing is not over has a bell come then": {
        "kind": "poll",
        "held": {"p:turnstile:c1": "left"},
        "lives_ms": {"p:turnstile:c1": 3000},
        "takes": True,
        "told": {"later": ["3.250000"], "taken": ["c2"]},
        "leaves": {
            "due": {"c1": 1700000003.25},
            "p:bell:poll:6800000014": "1",
            "p:bell:poll:6800000014 ms": 4250,
            "p:bell:poll:pause": "1",
            "p:bell:poll:pause ms": 250,
            "p:claim:t": '[0,0,0,["tc2"]]',
            "p:claim:t ms": 60000,
        },
    },
    "one that another has in hand comes after its lease": {
        "kind": "poll",
        "held": {"p:turnstile:c1": "other"},
        "lives_ms": {"p:turnstile:c1": 3000},
        "takes": True,
        "told": {"taken": ["c2"]},
        "leaves": {
            "due": {"c1": 1700000003.35},
            "p:bell:poll:pause": "1",
            "p:bell:poll:pause ms": 250,
            "p:claim:t": '[0,0,0,["tc2"]]',
            "p:claim:t ms": 60000,
        },
    },
    "one whose turnstile never ends comes soon": {
        "kind": "poll",
        "held": {"p:turnstile:c1": "left"},
        "takes": True,
        "told": {"later": ["0.250000"], "taken": ["c2"]},
        "leaves": {
            "due": {"c1": 1700000000.251},
            "p:bell:poll:6800000002": "1",
            "p:bell:poll:6800000002 ms": 1250,
            "p:bell:poll:pause": "1",
            "p:bell:poll:pause ms": 250,
            "p:claim:t": '[0,0,0,["tc2"]]',
            "p:claim:t ms": 60000,
        },
    },
    "a turnstile of a wrong type harms no other": {
        "kind": "poll",
        "held": {"p:turnstile:c1": {"f": "1"}},
        "takes": True,
        "told": {"taken": ["c2"]},
        "leaves": {
            "due": {"c1": 1700000000.351},
            "p:bell:poll:pause": "1",
            "p:bell:poll:pause ms": 250,
            "p:claim:t": '[0,0,0,["tc2"]]',
            "p:claim:t ms": 60000,
        },
    },
    "for a slot whose bell is on its way none is rung": {
        "kind": "poll",
        "held": {"p:turnstile:c1": "left", "p:bell:poll:6800000014": "1"},
        "lives_ms": {"p:turnstile:c1": 3000},
        "takes": True,
        "told": {"taken": ["c2"]},
        "leaves": {
            "due": {"c1": 1700000003.25},
            "p:bell:poll:pause": "1",
            "p:bell:poll:pause ms": 250,
            "p:claim:t": '[0,0,0,["tc2"]]',
            "p:claim:t ms": 60000,
        },
    },
    "the account's limit is noted, and what it answers with": {
        "ask": {"most_jobs": 2},
        "held": {"acc": {"most_jobs": "3", "foreign_ids": "1", "well_at": "1699999400.26"}},
        "takes": True,
        "told": {"is_well": 1, "has_foreign_ids": 1, "taken": ["c1", "c2"]},
        "leaves": {
            "acc": {"most_jobs": "2"},
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:claim:t": '[0,0,1,["tc1","tc2"]]',
            "p:claim:t ms": 60000,
        },
    },
    "a hold that ended long ago says nothing": {
        "held": {"acc": {"well_at": "1699999400.25"}},
        "takes": True,
        "told": {"taken": ["c1", "c2"]},
        "leaves": {
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:claim:t": '[0,0,0,["tc1","tc2"]]',
            "p:claim:t ms": 60000,
        },
    },
    "a hold that ends later says nothing": {
        "held": {"acc": {"well_at": "1700000600.25"}},
        "takes": True,
        "told": {"taken": ["c1", "c2"]},
        "leaves": {
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:claim:t": '[0,0,0,["tc1","tc2"]]',
            "p:claim:t ms": 60000,
        },
    },
    "a hold that ended just now says that the account is well": {
        "held": {"acc": {"well_at": "1700000000.25"}},
        "takes": True,
        "told": {"is_well": 1, "taken": ["c1", "c2"]},
        "leaves": {
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:claim:t": '[0,0,1,["tc1","tc2"]]',
            "p:claim:t ms": 60000,
        },
    },
    "on hold nothing goes, and the caller is to ask": {
        "held": {"acc": {"held": "Refused.", "well_at": "1700000000.25"}},
        "told": {"again_s": "30.250000", "reason": "held", "must_check": 1},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "checked_at": "1700000000.250000"},
            "accounts": {"acc": "in"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 31000,
            "p:bell:submit:6800000122": "1",
            "p:bell:submit:6800000122 ms": 31250,
            "p:claim:t": "[1,0,0,{}]",
            "p:claim:t ms": 60000,
        },
    },
    "on hold that was asked for lately nothing goes": {
        "held": {"acc": {"held": "Refused.", "checked_at": "1699999980.25"}},
        "told": {"again_s": "10.250000", "reason": "held"},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000"},
            "accounts": {"acc": "in"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 11000,
            "p:bell:submit:6800000042": "1",
            "p:bell:submit:6800000042 ms": 11250,
        },
    },
    "on hold that was asked for as long ago as it lasts it is asked for again": {
        "held": {"acc": {"held": "Refused.", "checked_at": "1699999970.25"}},
        "told": {"again_s": "30.250000", "reason": "held", "must_check": 1},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "checked_at": "1700000000.250000"},
            "accounts": {"acc": "in"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 31000,
            "p:bell:submit:6800000122": "1",
            "p:bell:submit:6800000122 ms": 31250,
            "p:claim:t": "[1,0,0,{}]",
            "p:claim:t ms": 60000,
        },
    },
    "on hold that was asked for later than now it is asked for": {
        "held": {"acc": {"held": "Refused.", "checked_at": "1700000001"}},
        "told": {"again_s": "30.250000", "reason": "held", "must_check": 1},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "checked_at": "1700000000.250000"},
            "accounts": {"acc": "in"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 31000,
            "p:bell:submit:6800000122": "1",
            "p:bell:submit:6800000122 ms": 31250,
            "p:claim:t": "[1,0,0,{}]",
            "p:claim:t ms": 60000,
        },
    },
    "on hold one probes, but not who was refused last": {
        "held": {"acc": {"held": "Refused.", "by_submit": "1", "prober": "c1"}},
        "takes": True,
        "told": {"again_s": "30.250000", "reason": "held", "probes": 1, "taken": ["c2"]},
        "leaves": {
            "acc": {
                "blocked_at": "1700000000.250000",
                "checked_at": "1700000000.250000",
                "prober": "c2",
            },
            "p:bell:submit": "1",
            "p:bell:submit ms": 31000,
            "p:bell:submit:6800000122": "1",
            "p:bell:submit:6800000122 ms": 31250,
            "p:claim:t": '[0,1,0,["tc2"]]',
            "p:claim:t ms": 60000,
        },
    },
    "on hold who was refused last probes where no other waits": {
        "due": {"c1": 1},
        "held": {"acc": {"held": "Refused.", "by_submit": "1", "prober": "c1"}},
        "takes": True,
        "told": {"again_s": "30.250000", "reason": "held", "probes": 1, "taken": ["c1"]},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "checked_at": "1700000000.250000"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 31000,
            "p:bell:submit:6800000122": "1",
            "p:bell:submit:6800000122 ms": 31250,
            "p:claim:t": '[0,1,0,["tc1"]]',
            "p:claim:t ms": 60000,
        },
    },
    "on hold that was asked for lately none probes": {
        "held": {"acc": {"held": "Refused.", "by_submit": "1", "checked_at": "1699999980.25"}},
        "told": {"again_s": "10.250000", "reason": "held"},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000"},
            "accounts": {"acc": "in"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 11000,
            "p:bell:submit:6800000042": "1",
            "p:bell:submit:6800000042 ms": 11250,
        },
    },
    "on hold who has waited too long is spent": {
        "due": {"a": 1, "b": 2, "c": 3, "d": 4},
        "entries": {
            "a": {"created_at": "1699996400.24"},
            "b": {"created_at": "1699996400.25"},
            "c": {"created_at": "5", "since": "1699999000"},
            "d": {"created_at": "odd"},
        },
        "held": {"acc": {"held": "Refused.", "checked_at": "1699999980.25"}},
        "told": {"again_s": "0.000000", "reason": "held", "spent": ["a"]},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000"},
            "accounts": {"acc": "in"},
            "due": {"a": 1700000015.85},
            "p:bell:submit": "1",
            "p:bell:submit ms": 1000,
            "p:bell:submit:6800000042": "1",
            "p:bell:submit:6800000042 ms": 11250,
            "p:claim:t": '[0,0,0,["sa"]]',
            "p:claim:t ms": 60000,
            "p:conversion:a": {"turn": "1"},
            "p:turnstile:a": "t",
            "p:turnstile:a ms": 15500,
        },
    },
    "on hold not more than the limit are spent": {
        "ask": {"limit": 2},
        "due": {"a": 1, "b": 2, "c": 3},
        "entries": {"a": {"created_at": "5"}, "b": {"created_at": "5"}, "c": {"created_at": "5"}},
        "held": {"acc": {"held": "Refused.", "checked_at": "1699999980.25"}, "p:bell:submit": "1"},
        "told": {"again_s": "0.000000", "reason": "held", "spent": ["a", "b"]},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000"},
            "accounts": {"acc": "in"},
            "due": {"a": 1700000015.85, "b": 1700000015.85},
            "p:bell:submit ms": 1000,
            "p:bell:submit:6800000042": "1",
            "p:bell:submit:6800000042 ms": 11250,
            "p:claim:t": '[0,0,0,["sa","sb"]]',
            "p:claim:t ms": 60000,
            "p:conversion:a": {"turn": "1"},
            "p:conversion:b": {"turn": "1"},
            "p:turnstile:a": "t",
            "p:turnstile:a ms": 15500,
            "p:turnstile:b": "t",
            "p:turnstile:b ms": 15500,
        },
    },
    "on hold one that can't be entered is not spent": {
        "due": {"a": 1, "b": 2},
        "entries": {"a": {"created_at": "5"}, "b": {"created_at": "5"}},
        "held": {
            "acc": {"held": "Refused.", "checked_at": "1699999980.25"},
            "p:turnstile:a": "other",
        },
        "lives_ms": {"p:turnstile:a": 3000},
        "told": {"again_s": "0.000000", "reason": "held", "spent": ["b"]},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000"},
            "accounts": {"acc": "in"},
            "due": {"a": 1700000003.35, "b": 1700000015.85},
            "p:bell:submit": "1",
            "p:bell:submit ms": 1000,
            "p:bell:submit:6800000042": "1",
            "p:bell:submit:6800000042 ms": 11250,
            "p:claim:t": '[0,0,0,["sb"]]',
            "p:claim:t ms": 60000,
            "p:conversion:b": {"turn": "1"},
            "p:turnstile:b": "t",
            "p:turnstile:b ms": 15500,
        },
    },
    "at a rate one goes, and the next when it may": {
        "held": {"acc": {"rate": "4", "rate_at": "1699999997.75", "next_at": "1700000000.1"}},
        "takes": True,
        "told": {"again_s": "0.250000", "reason": "throttled", "taken": ["c1"]},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "next_at": "1700000000.350000"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 1100,
            "p:bell:submit:6800000002": "1",
            "p:bell:submit:6800000002 ms": 1250,
            "p:claim:t": '[0,0,0,["tc1"]]',
            "p:claim:t ms": 60000,
        },
    },
    "at a rate what was not used is made up for": {
        "due": {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5},
        "held": {"acc": {"rate": "4", "rate_at": "1699999997.75", "next_at": "1699999000"}},
        "takes": True,
        "told": {"again_s": "0.500000", "reason": "throttled", "taken": ["a", "b", "c"]},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "next_at": "1700000000.500000"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 1250,
            "p:bell:submit:6800000003": "1",
            "p:bell:submit:6800000003 ms": 1500,
            "p:claim:t": '[0,0,0,["ta","tb","tc"]]',
            "p:claim:t ms": 60000,
        },
    },
    "at a rate none goes before its time": {
        "held": {"acc": {"rate": "4", "rate_at": "1699999997.75", "next_at": "1700000000.5"}},
        "told": {"again_s": "0.500000", "reason": "throttled"},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000"},
            "accounts": {"acc": "in"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 1250,
            "p:bell:submit:6800000003": "1",
            "p:bell:submit:6800000003 ms": 1500,
        },
    },
    "at a rate one goes to the moment": {
        "held": {"acc": {"rate": "4", "rate_at": "1699999997.75", "next_at": "1700000000.25"}},
        "takes": True,
        "told": {"again_s": "0.500000", "reason": "throttled", "taken": ["c1"]},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "next_at": "1700000000.500000"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 1250,
            "p:bell:submit:6800000003": "1",
            "p:bell:submit:6800000003 ms": 1500,
            "p:claim:t": '[0,0,0,["tc1"]]',
            "p:claim:t ms": 60000,
        },
    },
    "at a rate a moment too far off is damaged": {
        "held": {"acc": {"rate": "4", "rate_at": "1699999997.75", "next_at": "1700000060.26"}},
        "takes": True,
        "told": {"again_s": "0.500000", "reason": "throttled", "taken": ["c1"]},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "next_at": "1700000000.500000"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 1250,
            "p:bell:submit:6800000003": "1",
            "p:bell:submit:6800000003 ms": 1500,
            "p:claim:t": '[0,0,0,["tc1"]]',
            "p:claim:t ms": 60000,
        },
    },
    "at a rate a moment a minute off counts": {
        "held": {"acc": {"rate": "4", "rate_at": "1699999997.75", "next_at": "1700000060.25"}},
        "told": {"again_s": "60.250000", "reason": "throttled"},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000"},
            "accounts": {"acc": "in"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 61000,
            "p:bell:submit:6800000242": "1",
            "p:bell:submit:6800000242 ms": 61250,
        },
    },
    "at a rate that is fast enough all go": {
        "due": {"a": 1, "b": 2},
        "held": {"acc": {"rate": "4", "rate_at": "1699999997.75", "next_at": "1700000000"}},
        "takes": True,
        "told": {"reason": "throttled", "taken": ["a", "b"]},
        "leaves": {
            "acc": {"next_at": "1700000000.500000"},
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:claim:t": '[0,0,0,["ta","tb"]]',
            "p:claim:t ms": 60000,
        },
    },
    "at a rate the last that goes leaves none behind": {
        "due": {"a": 1},
        "held": {"acc": {"rate": "0.5", "rate_at": "1699999997.75", "next_at": "1699999999.75"}},
        "takes": True,
        "told": {"reason": "throttled", "taken": ["a"]},
        "leaves": {
            "acc": {"next_at": "1700000001.750000"},
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:claim:t": '[0,0,0,["ta"]]',
            "p:claim:t ms": 60000,
        },
    },
    "at a rate of long ago all go": {
        "held": {"acc": {"rate": "4", "rate_at": "1699999960", "next_at": "1700000030"}},
        "takes": True,
        "told": {"taken": ["c1", "c2"]},
        "leaves": {
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:claim:t": '[0,0,0,["tc1","tc2"]]',
            "p:claim:t ms": 60000,
        },
    },
    "at a low rate it is waited for shortly at least": {
        "held": {"acc": {"rate": "100", "rate_at": "1699999997.75", "next_at": "1700000000.26"}},
        "told": {"again_s": "0.250000", "reason": "throttled"},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000"},
            "accounts": {"acc": "in"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 1050,
            "p:bell:submit:6800000002": "1",
            "p:bell:submit:6800000002 ms": 1250,
        },
    },
    "without room for a job the rest waits for one to end": {
        "ask": {"most_jobs": 3},
        "due": {"a": 1, "b": 2, "c": 3},
        "entries": {"x": {"state": "converting"}},
        "held": {"jobs": {"x"}},
        "takes": True,
        "told": {"reason": "full", "taken": ["a", "b"]},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "full": "1", "most_jobs": "3"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 31000,
            "p:claim:t": '[0,0,0,["ta","tb"]]',
            "p:claim:t ms": 60000,
        },
    },
    "without any room none goes": {
        "ask": {"most_jobs": 1},
        "entries": {"x": {"state": "converting"}},
        "held": {"jobs": {"x"}},
        "told": {"reason": "full"},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "full": "1", "most_jobs": "1"},
            "accounts": {"acc": "in"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 31000,
        },
    },
    "a job that is gone makes room": {
        "ask": {"most_jobs": 1},
        "due": {"a": 1, "b": 2},
        "held": {"jobs": {"x"}},
        "takes": True,
        "told": {"reason": "full", "taken": ["a"]},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "full": "1", "most_jobs": "1"},
            "jobs": {"x": None},
            "p:bell:submit": "1",
            "p:bell:submit ms": 31000,
            "p:claim:t": '[0,0,0,["ta"]]',
            "p:claim:t ms": 60000,
        },
    },
    "a job that is over makes room": {
        "ask": {"most_jobs": 1},
        "due": {"a": 1, "b": 2},
        "entries": {"x": {"state": "ready"}},
        "held": {"jobs": {"x"}},
        "takes": True,
        "told": {"reason": "full", "taken": ["a"]},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "full": "1", "most_jobs": "1"},
            "jobs": {"x": None},
            "p:bell:submit": "1",
            "p:bell:submit ms": 31000,
            "p:claim:t": '[0,0,0,["ta"]]',
            "p:claim:t ms": 60000,
        },
    },
    "a job of an unreadable entry makes room when no job lives so long": {
        "ask": {"most_jobs": 1},
        "due": {"a": 1, "b": 2},
        "entries": {"x": {"state": "converting"}},
        "held": {"jobs": {"x"}, "p:unreadable": {"x": 1699992800.24}},
        "takes": True,
        "told": {"reason": "full", "taken": ["a"]},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "full": "1", "most_jobs": "1"},
            "jobs": {"x": None},
            "p:bell:submit": "1",
            "p:bell:submit ms": 31000,
            "p:claim:t": '[0,0,0,["ta"]]',
            "p:claim:t ms": 60000,
        },
    },
    "a job of an unreadable entry keeps its place before that": {
        "ask": {"most_jobs": 1},
        "due": {"a": 1, "b": 2},
        "entries": {"x": {"state": "converting"}},
        "held": {"jobs": {"x"}, "p:unreadable": {"x": 1699992800.25}},
        "told": {"reason": "full"},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "full": "1", "most_jobs": "1"},
            "accounts": {"acc": "in"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 31000,
        },
    },
    "one that has its place already goes first": {
        "ask": {"most_jobs": 1},
        "due": {"a": 1, "b": 2},
        "held": {"jobs": {"b"}},
        "told": {"reason": "full", "taken": ["b"]},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "full": "1", "most_jobs": "1"},
            "accounts": {"acc": "in"},
            "due": {"b": 1700000015.85},
            "p:bell:submit": "1",
            "p:bell:submit ms": 31000,
            "p:claim:t": '[0,0,0,["tb"]]',
            "p:claim:t ms": 60000,
            "p:conversion:b": {"account": "acc", "turn": "1"},
            "p:turnstile:b": "t",
            "p:turnstile:b ms": 15500,
        },
    },
    "one that has its place and is due later is awaited": {
        "ask": {"most_jobs": 1},
        "due": {"a": 1, "b": 1700000010.25},
        "held": {"jobs": {"b"}},
        "told": {"reason": "full"},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "full": "1", "most_jobs": "1"},
            "accounts": {"acc": "in"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 11000,
        },
    },
    "one that has its place and is due in over half a minute is not awaited": {
        "ask": {"most_jobs": 1},
        "due": {"a": 1, "b": 1700000040.25},
        "held": {"jobs": {"b"}},
        "told": {"reason": "full"},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "full": "1", "most_jobs": "1"},
            "accounts": {"acc": "in"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 31000,
        },
    },
    "while full who has waited too long is spent": {
        "ask": {"most_jobs": 1},
        "due": {"a": 1, "b": 2},
        "entries": {"a": {"created_at": "5"}, "x": {"state": "converting"}},
        "held": {"jobs": {"x"}},
        "told": {"again_s": "0.000000", "reason": "full", "spent": ["a"]},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "full": "1", "most_jobs": "1"},
            "accounts": {"acc": "in"},
            "due": {"a": 1700000015.85},
            "p:bell:submit": "1",
            "p:bell:submit ms": 1000,
            "p:claim:t": '[0,0,0,["sa"]]',
            "p:claim:t ms": 60000,
            "p:conversion:a": {"turn": "1"},
            "p:turnstile:a": "t",
            "p:turnstile:a ms": 15500,
        },
    },
    "one whose text is no entry keeps its place": {
        "ask": {"most_jobs": 1},
        "due": {"a": 1},
        "held": {"jobs": {"x"}, "p:conversion:x": "text"},
        "told": {"reason": "full"},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "full": "1", "most_jobs": "1"},
            "accounts": {"acc": "in"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 31000,
        },
    },
    "while it could not go its patience did not run out": {
        "due": {"a": 1699999990.25, "b": 1699999995, "c": 1699999995.1},
        "entries": {
            "a": {"since": "1699999500"},
            "b": {"since": "odd"},
            "c": {"since": "1699999500"},
        },
        "held": {"acc": {"blocked_at": "1699999995"}},
        "takes": True,
        "told": {"taken": ["a", "b", "c"]},
        "leaves": {
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:claim:t": '[0,0,0,["ta","tb","tc"]]',
            "p:claim:t ms": 60000,
            "p:conversion:a": {"since": "1699999510.000000"},
            "p:conversion:b": {"since": "5.250000"},
        },
    },
    "its patience begins no later than now": {
        "due": {"a": 5},
        "held": {"acc": {"blocked_at": "1699999995"}},
        "takes": True,
        "told": {"taken": ["a"]},
        "leaves": {
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:claim:t": '[0,0,0,["ta"]]',
            "p:claim:t ms": 60000,
            "p:conversion:a": {"since": "1700000000.250000"},
        },
    },
    "polls ask nothing of the account": {
        "kind": "poll",
        "held": {
            "acc": {"held": "Refused.", "rate": "1", "rate_at": "1700000000.25", "most_jobs": "1"}
        },
        "takes": True,
        "told": {"taken": ["c1", "c2"]},
        "leaves": {
            "p:bell:poll:pause": "1",
            "p:bell:poll:pause ms": 250,
            "p:claim:t": '[0,0,0,["tc1","tc2"]]',
            "p:claim:t ms": 60000,
        },
    },
    "of polls more than the limit leave a bell for the rest": {
        "kind": "poll",
        "ask": {"limit": 1},
        "takes": True,
        "told": {"again_s": "0.000000", "taken": ["c1"]},
        "leaves": {
            "p:bell:poll": "1",
            "p:bell:poll ms": 1000,
            "p:claim:t": '[0,0,0,["tc1"]]',
            "p:claim:t ms": 60000,
        },
    },
    "on hold that is asked for in half a second nothing goes yet": {
        "held": {"acc": {"held": "Refused.", "checked_at": "1699999970.75"}},
        "told": {"again_s": "0.750000", "reason": "held"},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000"},
            "accounts": {"acc": "in"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 1500,
            "p:bell:submit:6800000004": "1",
            "p:bell:submit:6800000004 ms": 1750,
        },
    },
    "on hold an entry of another type is not spent": {
        "due": {"a": 1, "b": 2},
        "held": {
            "p:conversion:a": "text",
            "acc": {"held": "Refused.", "checked_at": "1699999980.25"},
        },
        "told": {"again_s": "10.250000", "reason": "held"},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000"},
            "accounts": {"acc": "in"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 11000,
            "p:bell:submit:6800000042": "1",
            "p:bell:submit:6800000042 ms": 11250,
        },
    },
    "at a rate that lets as many go as are asked for nobody is throttled": {
        "ask": {"limit": 2},
        "due": {"a": 1, "b": 2, "c": 3},
        "held": {"acc": {"rate": "4", "rate_at": "1699999997.75", "next_at": "1700000000"}},
        "takes": True,
        "told": {"again_s": "0.000000", "taken": ["a", "b"]},
        "leaves": {
            "acc": {"next_at": "1700000000.500000"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 1000,
            "p:claim:t": '[0,0,0,["ta","tb"]]',
            "p:claim:t ms": 60000,
        },
    },
    "a limit that is no more is noted": {
        "ask": {"most_jobs": 0},
        "held": {"acc": {"most_jobs": "3"}},
        "takes": True,
        "told": {"taken": ["c1", "c2"]},
        "leaves": {
            "acc": {"most_jobs": "0"},
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:claim:t": '[0,0,0,["tc1","tc2"]]',
            "p:claim:t ms": 60000,
        },
    },
    "without a limit no job is looked at": {
        "held": {"jobs": {"x"}},
        "takes": True,
        "told": {"taken": ["c1", "c2"]},
        "leaves": {
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:claim:t": '[0,0,0,["tc1","tc2"]]',
            "p:claim:t ms": 60000,
        },
    },
    "its date and its lease are exact": {
        "kind": "poll",
        "ask": {"lease_s": 15.5004},
        "due": {"c1": 1},
        "told": {"now": "1700000000.250001", "taken": ["c1"]},
        "leaves": {
            "due": {"c1": 1700000015.850401},
            "p:bell:poll:pause": "1",
            "p:bell:poll:pause ms": 250,
            "p:claim:t": '[0,0,0,["tc1"]]',
            "p:claim:t ms": 60000,
            "p:conversion:c1": {"turn": "1"},
            "p:turnstile:c1": "t",
            "p:turnstile:c1 ms": 15500,
        },
        "at": (1700000000, 250001),
    },
    "one that has its place and is due this moment goes first": {
        "ask": {"most_jobs": 1},
        "due": {"a": 1, "b": 1700000000.25},
        "held": {"jobs": {"b"}},
        "told": {"reason": "full", "taken": ["b"]},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "full": "1", "most_jobs": "1"},
            "accounts": {"acc": "in"},
            "due": {"b": 1700000015.85},
            "p:bell:submit": "1",
            "p:bell:submit ms": 31000,
            "p:claim:t": '[0,0,0,["tb"]]',
            "p:claim:t ms": 60000,
            "p:conversion:b": {"account": "acc", "turn": "1"},
            "p:turnstile:b": "t",
            "p:turnstile:b ms": 15500,
        },
    },
    "on hold no job is looked at": {
        "ask": {"most_jobs": 1},
        "due": {"a": 1},
        "held": {"jobs": {"x"}, "acc": {"held": "Refused.", "checked_at": "1699999980.25"}},
        "told": {"again_s": "10.250000", "reason": "held"},
        "leaves": {
            "acc": {"blocked_at": "1700000000.250000", "most_jobs": "1"},
            "accounts": {"acc": "in"},
            "p:bell:submit": "1",
            "p:bell:submit ms": 11000,
            "p:bell:submit:6800000042": "1",
            "p:bell:submit:6800000042 ms": 11250,
        },
    },
    "for one that is asked for a job that is gone makes room": {
        "ask": {"most_jobs": 1, "limit": 1},
        "due": {"a": 1, "b": 2},
        "held": {"jobs": {"x"}},
        "takes": True,
        "told": {"again_s": "0.000000", "taken": ["a"]},
        "leaves": {
            "acc": {"most_jobs": "1"},
            "jobs": {"x": None},
            "p:bell:submit": "1",
            "p:bell:submit ms": 1000,
            "p:claim:t": '[0,0,0,["ta"]]',
            "p:claim:t ms": 60000,
        },
    },
    "with room for a job none is looked at": {
        "ask": {"most_jobs": 2},
        "due": {"a": 1},
        "held": {"jobs": {"x"}},
        "takes": True,
        "told": {"taken": ["a"]},
        "leaves": {
            "acc": {"most_jobs": "2"},
            "p:bell:submit:pause": "1",
            "p:bell:submit:pause ms": 250,
            "p:claim:t": '[0,0,0,["ta"]]',
            "p:claim:t ms": 60000,
        },
    },
}


def _entries(case, kind, due):
    """The entries of what is due, by their keys."""
    entries = {}
    for each in due.keys() | case.get("entries", {}).keys():
        fields = case.get("entries", {}).get(each, {})
        if fields is not None:
            whole = {"state": _STATES[kind], **_ENTRY, **fields}
            known = {name: text for name, text in whole.items() if text is not None}
            entries[f"p:conversion:{each}"] = known
    return entries


def _by_taking(kind, ids):
    """What each claim changes that takes these."""
    changes = {"due": dict.fromkeys(ids, 1700000015.85)}
    for each in () if kind == "deliver" else ids:
        changes[f"p:turnstile:{each}"] = "t"
        changes[f"p:turnstile:{each} ms"] = 15500
        changes[f"p:conversion:{each}"] = {"turn": "1"}
        if kind == "submit":
            changes[f"p:conversion:{each}"]["account"] = "acc"
    if kind == "submit":
        changes |= {"accounts": {"acc": "in"}, "jobs": dict.fromkeys(ids, "in")}
    return changes


def _together(changes, others):
    both = changes | others
    for key in changes.keys() & others.keys():
        if isinstance(changes[key], dict):
            both[key] = changes[key] | others[key]
    return both


def _claim(effects, kind, due, ask, *, held, lives_ms=None, at=AT):
    """Claim; what is told by its name, the ids of what was taken, and all that was changed."""
    asked = {"kind": kind, **_ASKED, **(_OF_SUBMITS if kind == "submit" else {}), **ask}
    answer, leaves = effects.of(
        "claim",
        "due acc jobs accounts",
        (asked, "p:"),
        held={**held, **({"due": due} if due else {})},
        lives_ms=lives_ms,
        at=at,
    )
    told = dict(zip(_TOLD, answer, strict=True))
    for name in ("taken", "spent"):
        ids, entries = told[name][::2], told[name][1::2]
        states = [held[f"p:conversion:{each}"]["state"] for each in ids]
        assert [entry["state"] for entry in entries] == states
        told[name] = ids
    return told, leaves


@pytest.mark.parametrize("name", CASES)
def test_claim_tells_and_changes_exactly_this(effects, name):
    case = CASES[name]
    kind, due = case.get("kind", "submit"), case.get("due", {"c1": 1, "c2": 2})
    held = {**_entries(case, kind, due), **case.get("held", {})}
    told, leaves = _claim(
        effects,
        kind,
        due,
        case.get("ask", {}),
        held=held,
        lives_ms=case.get("lives_ms"),
        at=case.get("at", AT),
    )

    assert told == _TOLD | case["told"]
    by_taking = _by_taking(kind, told["taken"]) if case.get("takes") else {}
    assert leaves == _together(by_taking, case["leaves"])


@pytest.mark.parametrize(("count", "are_put_off"), [(51, False), (52, True)])
def test_newer_ones_are_put_off_where_they_hide_the_rest(effects, count, are_put_off):
    """A claim of one looks at 52."""
    ids = [f"n{number}" for number in range(count)]
    entries = {f"p:conversion:{each}": {"state": "queued", **_ENTRY, "v": "2"} for each in ids}
    due = dict.fromkeys(ids, 1699999999)
    told, leaves = _claim(effects, "submit", due, {"limit": 1}, held=entries)

    assert sorted(told["newer"]) == sorted(ids)
    assert leaves.get("due", {}) == (dict.fromkeys(ids, 1700000001.25) if are_put_off else {})
    assert told["again_s"] == ("0.000000" if are_put_off else "-1.000000")


def test_of_several_that_have_their_place_no_more_go_than_are_asked_for(effects):
    due, ids = {"a": 1, "b": 2, "c": 3}, ("b", "c")
    entries = {f"p:conversion:{each}": {"state": "queued", **_ENTRY} for each in due}
    ask = {"limit": 1, "most_jobs": 2}
    told, _ = _claim(effects, "submit", due, ask, held={**entries, "jobs": set(ids)})

    assert len(told["taken"]) == 1
    assert told["taken"][0] in ids
