"""Many conversions at once, on a library that does what a script says."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import typer

from conveyor.cli import batch as module
from conveyor.cli import files, json_lines
from conveyor.cli.bar import bar_over
from conveyor.cli.batch import Batch
from conveyor.cli.failures import Interrupted, StillConverting
from conveyor.cli.orders import Order
from conveyor.domain.conversion import Conversion, Failure, FailureKind, State
from conveyor.domain.progress import Progress
from conveyor.errors import (
    AccountHeld,
    BrokerUnavailable,
    InvalidRequest,
    StorageError,
    UnknownConversion,
)
from conveyor.watching import fleet
from conveyor.watching.fleet import Status

DAMAGED = Failure(FailureKind.INPUT, "Damaged.", 5002, 500)
NAMES = ("a", "b", "c")


def status(conversion_id, state, held=False):
    failure = DAMAGED if state is State.FAILED else None
    conversion = Conversion(conversion_id, state, "docx", "pdf", cost=1, failure=failure)
    progress = Progress(state, 1, 1.0, None, None, "the balance is used up" if held else "", held)
    return Status(conversion, progress)


@pytest.fixture
def looks(monkeypatch):
    """What each look at the ledger finds, by id; the last stays."""
    script = []

    def look(_ledger, ids):
        now = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(now, BaseException):
            raise now
        return {each: status(each, *now[each]) for each in ids if each in now}

    monkeypatch.setattr(fleet, "statuses_of", look)
    monkeypatch.setattr(module, "_LOOK_EVERY_S", 0.001)
    return script


@pytest.fixture
def saved(monkeypatch):
    """Results are saved in no folder; those of `broken` can't be."""

    def fetch(conversion, _storage, folder, **_options):
        if conversion.id == "broken":
            raise StorageError("It can't be read.")
        return [folder / f"{conversion.id}.pdf"]

    monkeypatch.setattr(files, "fetch", fetch)


@pytest.fixture
def run(tmp_path, saved):
    """A batch of the ids that are given, with what follows."""

    def gone(conversion_id):
        raise UnknownConversion(f"Redis has lost the conversion {conversion_id!r}.")

    def make(*ids, timeout_s=None):
        conveyor = SimpleNamespace(ledger=None, storage=None, get=gone)
        with bar_over(len(ids)) as bar:
            batch = Batch(conveyor, tmp_path, False, bar, len(ids), {each: (each,) for each in ids})
            batch.follow(timeout_s)
        return batch

    return make


def states(*states):
    return {name: (state,) for name, state in zip(NAMES, states, strict=False)}


def test_each_is_fetched_when_it_ends(looks, run, tmp_path, capsys):
    looks += [
        states(State.CONVERTING, State.SUCCEEDED),
        states(State.SUCCEEDED, State.SUCCEEDED),
    ]
    batch = run("a", "b")
    batch.end()

    printed = capsys.readouterr()
    assert printed.out.splitlines() == [f"saved     {tmp_path}/{name}.pdf" for name in "ba"]
    assert printed.err == "2 of 2 succeeded, and cost 2.\n"


def test_failure_is_told_once_with_its_source_and_does_not_stop_the_others(looks, run, capsys):
    looks += [states(State.FAILED, State.CONVERTING), states(State.FAILED, State.SUCCEEDED)]
    batch = run("a", "b")
    with pytest.raises(typer.Exit) as ended:
        batch.end()

    assert capsys.readouterr().err.splitlines() == [
        "error: a: Damaged. (code 5002) See: conveyor dead show a",
        "1 of 2 succeeded, and cost 2. 1 did not.",
    ]
    assert ended.value.exit_code == 1


def test_result_that_can_not_be_saved_is_a_failure_of_its_own(looks, run, capsys):
    looks.append({"a": (State.SUCCEEDED,), "broken": (State.SUCCEEDED,)})
    batch = run("a", "broken")

    assert (batch.succeeded, batch.failed) == (1, 1)
    assert "error: broken: It can't be read.\n" in capsys.readouterr().err


def test_conversion_that_is_lost_meanwhile_is_told_and_not_waited_for(looks, run, capsys):
    looks.append(states(State.SUCCEEDED))
    batch = run("a", "b")

    assert (batch.succeeded, batch.failed) == (1, 1)
    assert "error: b: Redis has lost the conversion 'b'." in capsys.readouterr().err


def test_time_that_is_over_names_what_keeps_running(looks, run, tmp_path):
    looks.append(states(State.SUCCEEDED, State.CONVERTING))
    with pytest.raises(StillConverting, match="1 conversion keeps running") as over:
        run("a", "b", timeout_s=0.01)

    assert over.value.conversions == ("b",)
    assert str(over.value).endswith(f"conveyor wait b --out {tmp_path}")


def test_ctrl_c_names_what_keeps_running(looks, run, tmp_path):
    looks += [states(State.CONVERTING, State.CONVERTING, State.SUCCEEDED), KeyboardInterrupt()]
    with pytest.raises(Interrupted, match="2 conversions keep running") as ended:
        run("a", "b", "c")

    assert ended.value.conversions == ("a", "b")
    assert str(ended.value).endswith(f"conveyor wait a b --out {tmp_path}")


def test_account_on_hold_ends_the_wait_when_nothing_else_is_left(looks, run):
    held = (State.QUEUED, True)
    looks += [
        {"a": held, "b": (State.CONVERTING,)},
        {"a": held, "b": (State.SUCCEEDED,)},
    ]
    with pytest.raises(AccountHeld, match=r"1 conversion waits.*used up.*run: conveyor wait a"):
        run("a", "b")
    assert len(looks) == 1


def test_program_gets_an_object_for_each_that_has_ended(looks, run, tmp_path, capsys):
    looks.append(states(State.SUCCEEDED, State.FAILED))
    with json_lines.asked_by(["--json"]):
        run("a", "b")

    printed = capsys.readouterr()
    good, bad = map(json.loads, printed.out.splitlines())
    assert (good["id"], good["state"], good["sources"]) == ("a", "succeeded", ["a"])
    assert good["saved"] == [f"{tmp_path}/a.pdf"]
    assert (bad["id"], bad["state"], bad["saved"]) == ("b", "failed", [])
    assert bad["failure"]["code"] == 5002
    (error,) = map(json.loads, printed.err.splitlines())
    assert (error["conversion"], error["sources"], error["code"]) == ("b", ["b"], 5002)


@pytest.fixture
def empty(tmp_path):
    with bar_over(3) as bar:
        yield Batch(SimpleNamespace(), tmp_path, False, bar, 3)


def order(name):
    return Order((name,))


def test_source_that_can_not_be_right_does_not_stop_the_others(empty, capsys):
    def enqueue(order):
        if order.name == "b":
            raise InvalidRequest("The file b does not exist.")
        return SimpleNamespace(id=f"id-{order.name}")

    empty.enqueue([*map(order, NAMES)], enqueue)

    assert empty.running == {"id-a": ("a",), "id-c": ("c",)}
    assert capsys.readouterr().err == "error: b: The file b does not exist.\n"


def test_nothing_that_was_right_is_status_2(empty):
    def enqueue(order):
        raise InvalidRequest("No.")

    empty.enqueue([*map(order, NAMES)], enqueue)
    with pytest.raises(typer.Exit) as ended:
        empty.end()
    assert ended.value.exit_code == 2


def test_broker_that_goes_away_names_what_was_enqueued(empty):
    def enqueue(order):
        if order.name == "b":
            raise BrokerUnavailable("The broker is away.")
        return SimpleNamespace(id=f"id-{order.name}")

    with pytest.raises(BrokerUnavailable, match=r"is away\. 1 conversion keeps running.*wait id-a"):
        empty.enqueue([*map(order, NAMES)], enqueue)
