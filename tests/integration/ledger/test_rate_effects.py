"""An account's rate, at one moment: what a look and a throttle make of it, exactly."""

from __future__ import annotations

import pytest

_FIRST_LOWERED = {
    "acc": {
        "next_at": "1700000004.096154",
        "rate": "0.200000",
        "rate_at": "1699999990.250000",
        "strain": "0",
    },
    "counts": {"throttles": "1"},
}


CASES = {
    "account: nothing is known": {
        "run": ("account", "acc jobs", ()),
        "answer": ["1700000000.250000", "0.000000", 0, []],
        "leaves": {},
    },
    "account: its rate is just fallen": {
        "run": ("account", "acc jobs", ()),
        "held": {"acc": {"rate": "8", "rate_at": "1700000000.25"}, "jobs": {"a", "b"}},
        "answer": ["1700000000.250000", "7.200000", 2, ["rate", "8", "rate_at", "1700000000.25"]],
        "leaves": {},
    },
    "account: its rate is halfway": {
        "run": ("account", "acc jobs", ()),
        "held": {"acc": {"rate": "8", "rate_at": "1699999995.25"}, "jobs": {"a", "b"}},
        "answer": ["1700000000.250000", "8.800000", 2, ["rate", "8", "rate_at", "1699999995.25"]],
        "leaves": {},
    },
    "account: its rate is as it was": {
        "run": ("account", "acc jobs", ()),
        "held": {"acc": {"rate": "8", "rate_at": "1699999990.25"}, "jobs": {"a", "b"}},
        "answer": ["1700000000.250000", "10.400000", 2, ["rate", "8", "rate_at", "1699999990.25"]],
        "leaves": {},
    },
    "account: its rate is four times": {
        "run": ("account", "acc jobs", ()),
        "held": {"acc": {"rate": "8", "rate_at": "1699999987.25"}, "jobs": {"a", "b"}},
        "answer": ["1700000000.250000", "41.600000", 2, ["rate", "8", "rate_at", "1699999987.25"]],
        "leaves": {},
    },
    "account: its rate is after half a minute": {
        "run": ("account", "acc jobs", ()),
        "held": {"acc": {"rate": "8", "rate_at": "1699999970.25"}, "jobs": {"a", "b"}},
        "answer": [
            "1700000000.250000",
            "107341.241704",
            2,
            ["rate", "8", "rate_at", "1699999970.25"],
        ],
        "leaves": {},
    },
    "account: its rate is after more than half a minute": {
        "run": ("account", "acc jobs", ()),
        "held": {"acc": {"rate": "8", "rate_at": "1699999969.75"}, "jobs": {"a", "b"}},
        "answer": ["1700000000.250000", "0.000000", 2, ["rate", "8", "rate_at", "1699999969.75"]],
        "leaves": {},
    },
    "account: its rate is of a moment to come": {
        "run": ("account", "acc jobs", ()),
        "held": {"acc": {"rate": "8", "rate_at": "1700000005.25"}, "jobs": {"a", "b"}},
        "answer": ["1700000000.250000", "7.200000", 2, ["rate", "8", "rate_at", "1700000005.25"]],
        "leaves": {},
    },
    "account: its rate is of a farther moment": {
        "run": ("account", "acc jobs", ()),
        "held": {"acc": {"rate": "8", "rate_at": "1700000031.25"}, "jobs": {"a", "b"}},
        "answer": ["1700000000.250000", "0.000000", 2, ["rate", "8", "rate_at", "1700000031.25"]],
        "leaves": {},
    },
    "account: a rate of nan": {
        "run": ("account", "acc jobs", ()),
        "held": {"acc": {"rate": "nan", "rate_at": "1699999990.25"}},
        "answer": ["1700000000.250000", "0.000000", 0, ["rate", "nan", "rate_at", "1699999990.25"]],
        "leaves": {},
    },
    "account: a rate of inf": {
        "run": ("account", "acc jobs", ()),
        "held": {"acc": {"rate": "inf", "rate_at": "1699999990.25"}},
        "answer": ["1700000000.250000", "0.000000", 0, ["rate", "inf", "rate_at", "1699999990.25"]],
        "leaves": {},
    },
    "account: a rate of odd": {
        "run": ("account", "acc jobs", ()),
        "held": {"acc": {"rate": "odd", "rate_at": "1699999990.25"}},
        "answer": ["1700000000.250000", "0.000000", 0, ["rate", "odd", "rate_at", "1699999990.25"]],
        "leaves": {},
    },
    "account: a rate of -3": {
        "run": ("account", "acc jobs", ()),
        "held": {"acc": {"rate": "-3", "rate_at": "1699999990.25"}},
        "answer": ["1700000000.250000", "0.000000", 0, ["rate", "-3", "rate_at", "1699999990.25"]],
        "leaves": {},
    },
    "account: a rate of 1.5e12": {
        "run": ("account", "acc jobs", ()),
        "held": {"acc": {"rate": "1.5e12", "rate_at": "1699999990.25"}},
        "answer": [
            "1700000000.250000",
            "0.000000",
            0,
            ["rate", "1.5e12", "rate_at", "1699999990.25"],
        ],
        "leaves": {},
    },
    "account: a rate of 1e12": {
        "run": ("account", "acc jobs", ()),
        "held": {"acc": {"rate": "1e12", "rate_at": "1699999990.25"}},
        "answer": [
            "1700000000.250000",
            "1300000000000.000000",
            0,
            ["rate", "1e12", "rate_at", "1699999990.25"],
        ],
        "leaves": {},
    },
    "throttle: the first of an account that was never throttled lowers its rate": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {"acc": {"x": "1"}},
        "answer": "0.260000",
        "leaves": _FIRST_LOWERED,
    },
    "throttle: it is counted": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {"acc": {"x": "1"}, "counts": {"throttles": "5"}},
        "answer": "0.260000",
        "leaves": {
            "acc": {
                "next_at": "1700000004.096154",
                "rate": "0.200000",
                "rate_at": "1699999990.250000",
                "strain": "0",
            },
            "counts": {"throttles": "6"},
        },
    },
    "throttle: a damaged count harms nobody": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {"acc": {"x": "1"}, "counts": {"throttles": "odd"}},
        "answer": "0.260000",
        "leaves": {
            "acc": {
                "next_at": "1700000004.096154",
                "rate": "0.200000",
                "rate_at": "1699999990.250000",
                "strain": "0",
            }
        },
    },
    "throttle: of two submits a second the first is too much": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {"acc": {"rate": "2", "rate_at": "1699999997.75"}},
        "answer": "0.260000",
        "leaves": _FIRST_LOWERED,
    },
    "throttle: of eight a second a strain of two is too much": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {"acc": {"rate": "8", "rate_at": "1699999997.75", "strain": "1"}},
        "answer": "0.260000",
        "leaves": _FIRST_LOWERED,
    },
    "throttle: of eight a second a strain below two is bearable": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {"acc": {"rate": "8", "rate_at": "1699999997.75", "strain": "0.99"}},
        "answer": "8.000000",
        "leaves": {"acc": {"strain": "1.990000"}, "counts": {"throttles": "1"}},
    },
    "throttle: of twenty a second a strain of four is too much": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {"acc": {"rate": "20", "rate_at": "1699999997.75", "strain": "3"}},
        "answer": "0.260000",
        "leaves": _FIRST_LOWERED,
    },
    "throttle: of more a second a strain of four is too much, too": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {"acc": {"rate": "200", "rate_at": "1699999997.75", "strain": "3"}},
        "answer": "0.260000",
        "leaves": _FIRST_LOWERED,
    },
    "throttle: of more a second a strain below four is bearable": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {"acc": {"rate": "200", "rate_at": "1699999997.75", "strain": "2.9"}},
        "answer": "200.000000",
        "leaves": {"acc": {"strain": "3.900000"}, "counts": {"throttles": "1"}},
    },
    "throttle: without a rate what is taken tells how much is bearable": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {
            "acc": {
                "taken": "16",
                "taken_at": "1700000000.25",
                "taken_since": "1699999990",
                "strain": "1",
            }
        },
        "answer": "0.000000",
        "leaves": {"acc": {"strain": "2.000000"}, "counts": {"throttles": "1"}},
    },
    "throttle: without a rate what was taken more slowly bears less": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {
            "acc": {
                "taken": "8",
                "taken_at": "1699999999.25",
                "taken_since": "1699999990",
                "strain": "1",
            }
        },
        "answer": "2.196572",
        "leaves": {
            "acc": {
                "next_at": "1700000000.705255",
                "rate": "2.440635",
                "rate_at": "1700000000.250000",
                "strain": "0",
            },
            "counts": {"throttles": "1"},
        },
    },
    "throttle: the rate falls to what was taken of late": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {
            "acc": {
                "rate": "8",
                "rate_at": "1699999997.75",
                "taken": "8",
                "taken_at": "1699999999.25",
                "taken_since": "1699999990",
                "strain": "9",
            }
        },
        "answer": "2.196572",
        "leaves": {
            "acc": {
                "next_at": "1700000000.705255",
                "rate": "2.440635",
                "rate_at": "1700000000.250000",
                "strain": "0",
            },
            "counts": {"throttles": "1"},
        },
    },
    "throttle: what was taken long ago is forgotten": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {
            "acc": {
                "rate": "8",
                "rate_at": "1699999997.75",
                "taken": "8",
                "taken_at": "1699999980",
                "taken_since": "1699999900",
                "strain": "9",
            }
        },
        "answer": "0.260000",
        "leaves": _FIRST_LOWERED,
    },
    "throttle: a single one just now counts over a quarter second": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {
            "acc": {
                "taken": "1",
                "taken_at": "1700000000.25",
                "taken_since": "1700000000.25",
                "strain": "9",
            }
        },
        "answer": "3.829686",
        "leaves": {
            "acc": {
                "next_at": "1700000000.511118",
                "rate": "4.255207",
                "rate_at": "1700000000.250000",
                "strain": "0",
            },
            "counts": {"throttles": "1"},
        },
    },
    "throttle: a burst counts over its half second": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {
            "acc": {
                "taken": "4",
                "taken_at": "1700000000.25",
                "taken_since": "1699999999.75",
                "strain": "9",
            }
        },
        "answer": "8.137461",
        "leaves": {
            "acc": {
                "next_at": "1700000000.372889",
                "rate": "9.041623",
                "rate_at": "1700000000.250000",
                "strain": "0",
            },
            "counts": {"throttles": "1"},
        },
    },
    "throttle: what is dated later is not more": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {
            "acc": {
                "taken": "4",
                "taken_at": "1700000005",
                "taken_since": "1699999990",
                "strain": "9",
            }
        },
        "answer": "1.810767",
        "leaves": {
            "acc": {
                "next_at": "1700000000.802252",
                "rate": "2.011964",
                "rate_at": "1700000000.250000",
                "strain": "0",
            },
            "counts": {"throttles": "1"},
        },
    },
    "throttle: below the least rate it does not fall": {
        "run": ("throttle", "acc counts", (3,)),
        "held": {
            "acc": {
                "taken": "4",
                "taken_at": "1700000000.25",
                "taken_since": "1699999990",
                "strain": "9",
            }
        },
        "answer": "3.900000",
        "leaves": {
            "acc": {
                "next_at": "1700000000.506410",
                "rate": "3.000000",
                "rate_at": "1699999990.250000",
                "strain": "0",
            },
            "counts": {"throttles": "1"},
        },
    },
    "throttle: a negative strain is none": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {"acc": {"strain": "-5"}},
        "answer": "0.260000",
        "leaves": _FIRST_LOWERED,
    },
    "throttle: what was taken counts down to a twentieth": {
        "run": ("throttle", "acc counts", (0.01,)),
        "held": {
            "acc": {
                "taken": "0.05",
                "taken_at": "1700000000.25",
                "taken_since": "1699999990",
                "strain": "9",
            }
        },
        "answer": "0.022635",
        "leaves": {
            "acc": {
                "next_at": "1700000044.430168",
                "rate": "0.025150",
                "rate_at": "1700000000.250000",
                "strain": "0",
            },
            "counts": {"throttles": "1"},
        },
    },
    "throttle: below one submit a second it is the rate that counts": {
        "run": ("throttle", "acc counts", (0.2,)),
        "held": {
            "acc": {
                "rate": "0.5",
                "rate_at": "1699999997.75",
                "taken": "16",
                "taken_at": "1700000000.25",
                "taken_since": "1699999990",
            }
        },
        "answer": "7.243069",
        "leaves": {
            "acc": {
                "next_at": "1700000000.388063",
                "rate": "8.047854",
                "rate_at": "1700000000.250000",
                "strain": "0",
            },
            "counts": {"throttles": "1"},
        },
    },
    "account: it is looked at to the microsecond": {
        "run": ("account", "acc jobs", ()),
        "at": (1700000000, 250001),
        "answer": ["1700000000.250001", "0.000000", 0, []],
        "leaves": {},
    },
}


@pytest.mark.parametrize("name", CASES)
def test_script_answers_and_changes_exactly_this(effects, name):
    case = dict(CASES[name])
    run, answer, leaves = (case.pop(each) for each in ("run", "answer", "leaves"))

    assert effects.of(*run, **case) == (answer, leaves)
