"""The commands against a real Valkey, where no worker runs."""

from __future__ import annotations

import io
import json
import sys

import pytest

from conveyor.conversion import State


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def answer(monkeypatch):
    """Sit at the terminal and type."""

    def type_in(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", Terminal(text))
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)

    return type_in


def waiting(valkey, queue: str) -> int:
    client = valkey.client()
    try:
        return client.llen(queue)
    finally:
        client.close()


def test_no_wait_enqueues(conveyor, library, valkey):
    status, out, err = conveyor("convert", "https://example.com/a.docx", "--to", "pdf", "--no-wait")
    assert (status, err) == (0, "")
    assert library.get(out.strip()).state is State.QUEUED
    assert waiting(valkey, "conveyor.submit") == 1


def test_get_shows_what_holds_it_up(conveyor, library, converting):
    entry = converting()
    library.ledger.later(entry, 5, alive=False, strike=True, note="ConvertAPI was busy")
    status, out, _ = conveyor("get", entry.id)
    assert status == 0
    assert "state     converting" in out
    assert "note      ConvertAPI was busy" in out
    _, out, _ = conveyor("get", entry.id, "--json")
    shown = json.loads(out)
    assert shown["state"] == "converting"
    assert shown["note"] == "ConvertAPI was busy"
    # The job id opens the result to anyone who knows it.
    assert "0" * 32 not in out


def test_get_of_a_dead_letter_names_the_next_step(conveyor, dead):
    entry = dead()
    status, out, _ = conveyor("get", entry.id)
    assert status == 0
    assert f"conveyor dead show {entry.id}" in out


def test_wait_gives_up_after_its_timeout(conveyor, converting, tmp_path):
    entry = converting()
    status, _, err = conveyor("wait", entry.id, "--timeout", "0", "--out", str(tmp_path))
    assert status == 3
    assert f"conveyor wait {entry.id}" in err


def test_an_empty_list(conveyor):
    assert conveyor("dead", "list") == (0, "", "There are no dead letters.\n")
    assert conveyor("dead", "list", "--json")[1] == "[]\n"


def test_a_list_is_the_oldest_first_and_says_when_there_are_more(conveyor, dead):
    first, second, _ = dead(message="a\x1b[2Jb"), dead(), dead()
    status, out, err = conveyor("dead", "list", "--limit", "2")
    assert status == 0
    assert [line.split("\t")[0] for line in out.splitlines()] == [first.id, second.id]
    assert out.splitlines()[0].endswith("docx:pdf\tservice\t5001\ta [2Jb")
    assert err == "There are more than 2: see --limit.\n"


def test_show_says_what_a_replay_costs(conveyor, dead):
    assert "pays, again" in conveyor("dead", "show", dead().id)[1]
    paid = dead(paid=True)
    assert "not paid again" in conveyor("dead", "show", paid.id)[1]
    assert json.loads(conveyor("dead", "show", paid.id, "--json")[1])["replay_is_paid"] is False


def test_replay_counts_what_is_paid_again_and_each_letter_once(conveyor, dead, library, valkey):
    unpaid, paid = dead(), dead(paid=True)
    status, out, err = conveyor("dead", "replay", unpaid.id, paid.id, unpaid.id, "--yes")
    assert status == 0
    assert err.startswith("Replay 2 dead letters. 1 conversion will be paid again; the others")
    assert out.splitlines() == [f"{unpaid.id}\tqueued", f"{paid.id}\tready"]
    assert waiting(valkey, "conveyor.submit") == 1
    assert waiting(valkey, "conveyor.deliver") == 1
    assert not library.dead_letters.list()


def test_replay_of_paid_results_alone_costs_nothing(conveyor, dead):
    _, _, err = conveyor("dead", "replay", dead(paid=True).id, "--yes")
    assert "nothing is paid again" in err


def test_replay_with_one_wrong_id_changes_nothing(conveyor, dead, library):
    entry = dead()
    status, _, err = conveyor("dead", "replay", entry.id, "no-such-id", "--yes")
    assert status == 1
    assert "No dead letter has the id 'no-such-id'" in err
    assert [letter.id for letter in library.dead_letters.list()] == [entry.id]


def test_replay_asks_and_no_is_no(conveyor, dead, library, answer):
    entry = dead()
    answer("n\n")
    status, _, err = conveyor("dead", "replay", entry.id)
    assert status == 1
    assert "1 conversion will be paid again" in err
    assert "Nothing was changed." in err
    assert library.get(entry.id).state is State.FAILED


def test_replay_asks_and_yes_is_yes(conveyor, dead, library, answer):
    entry = dead()
    answer("y\n")
    assert conveyor("dead", "replay", entry.id)[0] == 0
    assert library.get(entry.id).state is State.QUEUED


def test_purge_counts_and_forgets_the_old_ones_alone(conveyor, dead, library, valkey, answer):
    old, young = dead(), dead()
    client = valkey.client()
    client.hincrbyfloat(f"{{conveyor}}:conversion:{old.id}", "finished_at", -8 * 86400)
    client.zincrby("{conveyor}:dead", -8 * 86400, old.id)
    client.close()
    answer("n\n")
    status, _, err = conveyor("dead", "purge", "--older-than", "7d")
    assert status == 1
    assert "Forget 1 dead letter older than 7 d?" in err
    assert conveyor("dead", "purge", "--older-than", "7d", "--yes")[1] == "1 dead letter purged\n"
    assert [letter.id for letter in library.dead_letters.list()] == [young.id]


def test_purge_refuses_what_is_no_time_span(conveyor):
    status, _, err = conveyor("dead", "purge", "--older-than", "soon")
    assert status == 2
    assert "such as 7d" in err
