"""``conveyor list`` and ``conveyor status`` against a real Valkey, where no worker runs."""

from __future__ import annotations

import io
import json
import sys

import pytest

from conveyor.cli import listing
from conveyor.domain.conversion import FailureKind, State
from conveyor.errors import LedgerUnavailable
from conveyor.names import Queues
from tests import clocks


@pytest.fixture
def enqueue(conveyor):
    """Enqueue a document; its id."""

    def run(name="a.docx", *more):
        source = f"https://example.com/{name}"
        return conveyor("convert", source, "--to", "pdf", "--no-wait", *more)[1].strip()

    return run


def ids_of(out):
    return [line.split("\t")[0] for line in out.splitlines()]


def lines_of(out):
    return [json.loads(line) for line in out.splitlines()]


def test_list_shows_the_last_first_by_id_state_name_and_reason(conveyor, enqueue, dead):
    first, second, failed = enqueue("a.docx"), enqueue("b.docx"), dead()
    status, out, err = conveyor("list")
    rows = [line.split("\t") for line in out.splitlines()]

    assert (status, err) == (0, "")
    assert [(row[0], row[1], row[3], row[5]) for row in rows] == [
        (failed.id, "failed", "a.docx", "service"),
        (second, "queued", "b.docx", "-"),
        (first, "queued", "a.docx", "-"),
    ]


def test_list_by_state(conveyor, enqueue, dead):
    queued, failed = enqueue(), dead().id

    assert ids_of(conveyor("list", "--state", "queued")[1]) == [queued]
    assert ids_of(conveyor("list", "--state", "failed")[1]) == [failed]
    assert conveyor("list", "--state", "ready") == (0, "", "There are no such conversions.\n")


def test_list_goes_on_where_another_ended(conveyor, enqueue):
    made = [enqueue() for _ in range(5)]
    _, out, err = conveyor("list", "--limit", "3", "--json")
    (note,) = lines_of(err)
    _, rest, end = conveyor("list", "--limit", "3", "--json", "--cursor", note["next"])

    assert [each["id"] for each in lines_of(out) + lines_of(rest)] == made[::-1]
    assert end == ""


def test_list_of_all_has_every_page(conveyor, enqueue, monkeypatch):
    monkeypatch.setattr(listing, "_PAGE", 2)
    made = [enqueue() for _ in range(5)]

    assert ids_of(conveyor("list", "--all", "--limit", "1")[1]) == made[::-1]
    assert conveyor("list", "--all", "--cursor", "1_x")[0] == 2


def test_list_refuses_a_cursor_that_is_none(conveyor):
    status, _, err = conveyor("list", "--cursor", "x")

    assert (status, err) == (2, "error: Invalid cursor. Use `next` from the previous page.\n")


def test_list_shows_metadata(conveyor, enqueue):
    enqueue("a.docx", "--metadata", "order=4711", "--metadata", "paid=true")

    assert conveyor("list")[1].rstrip("\n").endswith("\torder=4711, paid=true")
    assert lines_of(conveyor("list", "--json")[1])[0]["metadata"] == {
        "order": "4711",
        "paid": "true",
    }


def test_list_by_metadata(conveyor, enqueue):
    wanted = enqueue("a.docx", "--metadata", "order=4711", "--metadata", "shop=eu")
    enqueue("b.docx", "--metadata", "order=4712", "--metadata", "shop=eu")

    assert ids_of(conveyor("list", "--metadata", "order=4711")[1]) == [wanted]
    assert len(ids_of(conveyor("list", "--metadata", "shop=eu", "--all")[1])) == 2
    both = ("--metadata", "shop=eu", "--metadata", "order=4711")
    assert ids_of(conveyor("list", *both, "--state", "queued")[1]) == [wanted]
    assert conveyor("list", *both, "--state", "failed")[1] == ""
    assert conveyor("list", "--metadata", "order")[0] == 2


def test_status_counts_conversions_queues_and_dead_letters(conveyor, enqueue, dead):
    oldest, *_ = enqueue("a.docx"), enqueue(), dead(), dead(kind=FailureKind.INPUT)
    status, out, _ = conveyor("status", "--json")
    report = json.loads(out)

    assert status == 0
    assert report["states"]["queued"] == 2
    assert report["states"]["failed"] == 2
    assert (report["dead"]["service"], report["dead"]["input"]) == (1, 1)
    # One bell for both: it says that something is due.
    assert report["queues"] == dict.fromkeys(Queues().names, 0) | {"conveyor.submit": 1}
    assert (report["oldest"]["id"], report["oldest"]["source_name"]) == (oldest, "a.docx")
    assert (report["workers"], report["is_whole"]) == ([], True)
    assert report["problems"] == [
        "No worker has answered. Start one, or run `conveyor doctor` to find out why."
    ]


def test_status_shows_the_account_that_keeps_conversions_waiting(conveyor, enqueue, hold):
    enqueue()
    hold("a1", "The balance is used up.")
    rows = [line.split("\t") for line in conveyor("status")[1].splitlines()]

    assert [row[0] for row in rows if "the account is on hold" in row[2]] == ["oldest"]
    assert [row[1] for row in rows if row[0] == "accounts" and "used up" in row[2]] == ["a1"]


def test_status_of_an_idle_fleet_has_no_oldest(conveyor):
    assert json.loads(conveyor("status", "--json")[1])["oldest"] is None


def test_status_without_a_broker_shows_the_rest_and_is_status_1(conveyor, valkey, monkeypatch):
    monkeypatch.setenv("CONVEYOR_REDIS_URL", valkey.url())
    monkeypatch.setenv("CONVEYOR_BROKER_URL", "redis://:hush@127.0.0.1:1/0")
    status, out, _ = conveyor("status", "--json")
    report = json.loads(out)

    assert (status, report["is_whole"], report["queues"]) == (1, False, {})
    assert "no server listens there" in report["problems"][0]
    assert report["states"]["queued"] == 0


class Ends:
    """Ctrl-C, at the third look."""

    def __init__(self):
        self.looks = 0

    def __call__(self, _seconds):
        self.looks += 1
        if self.looks == 3:
            raise KeyboardInterrupt


@pytest.fixture
def watched(monkeypatch):
    clocks.put(monkeypatch, "sleep", Ends())


def test_watch_prints_an_object_a_look_and_ends_quietly(conveyor, watched):
    status, out, err = conveyor("status", "--watch", "--json")

    assert (status, err) == (0, "")
    assert [one["states"]["queued"] for one in lines_of(out)] == [0, 0, 0]


def test_watch_goes_on_where_redis_is_away_for_a_look(conveyor, watched, monkeypatch):
    def away(_conveyor):
        raise LedgerUnavailable("Redis is away.")

    monkeypatch.setattr("conveyor.diagnosis.fleet_report.report_of", away)
    status, out, err = conveyor("status", "--watch")

    assert (status, out) == (0, "")
    assert err == "error: Redis is away.\n" * 3


class Screen(io.StringIO):
    def isatty(self):
        return True


def test_watch_refreshes_in_place_on_a_terminal(conveyor, watched, monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    status, *_ = conveyor("status", "--watch")

    assert status == 0
    assert screen.getvalue().count("conveyor.submit") >= 3
    # Up to the first line again, and over it.
    assert "\x1b[1A\x1b[2K" in screen.getvalue()


def test_oldest_is_the_one_that_was_accepted_first(library, enqueue):
    first, _ = enqueue("a.docx"), enqueue("b.docx")

    assert library.oldest().conversion.id == first
    library.cancel(first)
    assert library.oldest().conversion.source_name == "b.docx"
    library.cancel(library.oldest().conversion.id)
    assert library.oldest() is None


@pytest.mark.parametrize(("command", "state"), [("get", State.QUEUED), ("cancel", State.CANCELLED)])
def test_json_of_one_conversion_is_one_object(conveyor, enqueue, command, state):
    conversion_id = enqueue()
    (shown,) = lines_of(conveyor(command, conversion_id, "--json")[1])

    assert (shown["id"], shown["state"]) == (conversion_id, state.value)


def test_json_of_a_replay_of_a_purge_and_of_an_account(conveyor, dead, hold):
    first, second = dead().id, dead().id
    planned = lines_of(conveyor("dead", "replay", "--all", "--dry-run", "--json")[1])
    assert planned == [{"id": each, "replay_is_paid": True} for each in (first, second)]

    (replayed,) = lines_of(conveyor("dead", "replay", first, "--yes", "--json")[1])
    assert (replayed["id"], replayed["state"]) == (first, "queued")
    assert lines_of(conveyor("dead", "purge", "--older-than", "0s", "--yes", "--json")[1]) == [
        {"purged": 1}
    ]
    hold("a1", "The balance is used up.")
    assert lines_of(conveyor("account", "resume", "--json")[1]) == [
        {"account": "a1", "resumed": True}
    ]


def test_json_of_an_error_is_one_object_on_stderr(conveyor):
    status, out, err = conveyor("get", "no-such-id", "--json")

    assert (status, out) == (1, "")
    assert json.loads(err)["error"].startswith("There is no conversion 'no-such-id'.")
    assert json.loads(err)["status"] == 1
