from __future__ import annotations

import json
import sys

import pytest

from conveyor import __main__
from conveyor.cli.capacity import parse_rate
from conveyor.errors import InvalidRequest
from conveyor.planning.reckoning import KEEP_RESULT_S
from conveyor.planning.unit_costs import unit_costs


@pytest.fixture
def conveyor(monkeypatch, capsys):
    # It needs no server and no settings.
    monkeypatch.setenv("CONVEYOR_BROKER_URL", "redis://127.0.0.1:1/0")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["conveyor", "capacity", *arguments])
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("20", 20),
        ("0.5/s", 0.5),
        ("120/min", 2),
        ("3600/h", 1),
        ("7200 /H", 2),
        ("1,000,000/h", 1e6 / 3600),
    ],
)
def test_a_rate_is_a_number_and_a_time(text, rate):
    assert parse_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize("text", ["", "many", "-1", "1/d", "0", "1e9/s", "10000000000", "nan"])
def test_invalid_rate_is_refused(text):
    with pytest.raises(InvalidRequest, match=r"not a rate|--rate is wrong"):
        parse_rate(text)


def test_it_prints_what_a_load_needs_and_where_that_was_measured(conveyor):
    status, out, err = conveyor("--rate", "100", "--median", "10s", "--sigma", "0")
    lines = [line.split("\t") for line in out.splitlines()]
    needs = {line[0]: line[1] for line in lines}

    assert status == 0
    assert needs["jobs at once at ConvertAPI"] == "1,000"
    assert needs["web processes"] == needs["accounts"] == "-"
    assert needs["result files a second"] == "10.0 MB"
    assert needs["result files kept"] == "6.0 TB"
    assert int(needs["worker processes"]) >= 1
    assert [line[3] for line in lines if line[0] == "the CPU of one worker"] == ["more workers"]
    assert unit_costs().machine in err
    assert "Full first" in err


def test_webhooks_need_web_processes_and_fewer_polls(conveyor):
    order = ("--rate", "100", "--median", "8s", "--json")
    polled, called = (json.loads(conveyor(*order, *more)[1]) for more in ((), ("--webhooks",)))

    assert polled["webs"] == 0 < called["webs"]
    assert called["polls"] < polled["polls"]


def test_json_has_load_figures_and_unit_costs(conveyor):
    status, out, err = conveyor(
        *("--rate", "3600000/h", "--median", "2m", "--canvas", "--files", "2", "--size", "1.5MB"),
        *("--hours", "8", "--keep", "1d", "--answer", "2s", "--account-jobs", "100"),
        *("--redis-memory", "1T", "--json"),
    )
    plain = json.loads(out)

    assert (status, err) == (0, "")
    assert plain["load"]["rate"] == 1000
    assert plain["load"]["file_bytes"] == 1.5e6
    assert plain["load"]["answer_s"] == 2
    assert plain["load"]["redis_bytes"] == 1e12
    assert plain["stored_bytes"] == pytest.approx(1000 * 86_400 / 3 * 2 * 1.5e6)
    assert plain["redis_results_bytes"] == pytest.approx(
        1000 * KEEP_RESULT_S / 3 * unit_costs().footprint.result
    )
    assert plain["accounts"] > 1000
    assert plain["first"] == "one account"
    assert plain["unit_costs"]["at"] == unit_costs().at


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("--rate", "many", "--median", "8s"), "not a rate"),
        (("--rate", "0", "--median", "8s"), "--rate is wrong"),
        (("--rate", "1", "--median", "soon"), "not a time span"),
        (("--rate", "1", "--median", "3h"), "--median is wrong"),
        (("--rate", "1", "--median", "0"), "--median is wrong"),
        (("--rate", "1", "--median", "8s", "--size", "big"), "not a size"),
        (("--rate", "1", "--median", "8s", "--redis-memory", "0"), "--redis-memory is wrong"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_invalid_input_is_refused_in_one_line(conveyor, wrong, words):
    status, out, err = conveyor(*wrong)

    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ("--median", "8s"),
        ("--rate", "1"),
        ("--rate", "1", "--median", "8s", "--hours", "25"),
        ("--rate", "1", "--median", "8s", "--hours", "nan"),
        ("--rate", "1", "--median", "8s", "--sigma", "nan"),
        ("--rate", "1", "--median", "8s", "--files", "0"),
        ("--rate", "1", "--median", "8s", "--requests", "0"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_status_2(conveyor, wrong):
    assert conveyor(*wrong)[0] == 2
