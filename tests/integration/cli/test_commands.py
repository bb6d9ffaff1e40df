"""The commands against a real Valkey, where no worker runs."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest

from conveyor.cli import dead as dead_commands
from conveyor.domain.conversion import FailureKind, State


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


def lines_of(out: str) -> list[dict[str, Any]]:
    """What ``--json`` printed."""
    return [json.loads(line) for line in out.splitlines()]


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


def test_a_parameter_may_be_a_local_file_and_the_submit_may_wait(conveyor, library, tmp_path):
    stamp = tmp_path / "stamp.pdf"
    stamp.write_bytes(b"%PDF-1.4")
    status, out, _ = conveyor(
        *("convert", "https://example.com/a.docx", "--to", "pdf", "--no-wait"),
        *("--param", f"OverlayFile={stamp}", "--semi-async", "600"),
    )

    request = library.ledger.get(out.strip()).request
    assert (status, request.semi_async_seconds) == (0, 600)
    assert request.files["OverlayFile"].name == "stamp.pdf"
    assert request.files["OverlayFile"].kind == "stored"


@pytest.mark.parametrize(
    "wrong",
    [
        ("--param", "OverlayFile=gone.pdf"),
        ("--param", "OverlayFile="),
        ("--param", "OverlayFile=http://[x"),
        ("--semi-async", "1201"),
        ("--semi-async", "1.5"),
    ],
    ids=str,
)
def test_invalid_request_is_refused_and_not_enqueued(conveyor, valkey, wrong):
    order = ("convert", "https://example.com/a.docx", "--to", "pdf", "--no-wait")
    status, out, err = conveyor(*order, *wrong)

    assert (status, out) == (2, "")
    assert "Traceback" not in err
    assert waiting(valkey, "conveyor.submit") == 0


def test_get_shows_what_holds_it_up(conveyor, library, converting):
    entry = converting()
    library.ledger.poll_later(entry, 5, confirmed=False, failed=True, note="ConvertAPI was busy")
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


@pytest.mark.parametrize("command", [("get", "id"), ("dead", "list"), ("doctor",)])
def test_wrong_storage_ends_a_command_before_it_does_anything(conveyor, monkeypatch, command):
    monkeypatch.setenv("CONVEYOR_STORAGE_URL", "nope://x")
    status, out, err = conveyor(*command)

    assert (status, out) == (2, "")
    assert "CONVEYOR_STORAGE_URL is wrong: nope:// is not a storage that fsspec knows." in err
    assert len(err.splitlines()) == 1


def test_an_empty_list(conveyor):
    assert conveyor("dead", "list") == (0, "", "There are no dead letters.\n")
    assert conveyor("dead", "list", "--json") == (0, "", "")


def test_a_list_is_the_oldest_first_and_says_when_there_are_more(conveyor, dead):
    first, second, _ = dead(message="a\x1b[2Jb"), dead(), dead()
    status, out, err = conveyor("dead", "list", "--limit", "2")
    assert status == 0
    assert [line.split("\t")[0] for line in out.splitlines()] == [first.id, second.id]
    assert out.splitlines()[0].endswith("docx:pdf\tservice\tservice\t5001\ta [2Jb")
    assert err == "There are more than 2: see --limit.\n"


def test_show_says_what_a_replay_costs(conveyor, dead):
    assert "pays again" in conveyor("dead", "show", dead().id)[1]
    paid = dead(paid=True)
    assert "not paid again" in conveyor("dead", "show", paid.id)[1]
    shown = json.loads(conveyor("dead", "show", paid.id, "--json")[1])
    assert shown["replay_is_paid"] is False
    assert (shown["failure"]["reason"], shown["failure"]["remedies"]) == (
        "storage",
        ["try_again_later", "ask_operator"],
    )


def test_replay_counts_what_is_paid_again_and_each_letter_once(conveyor, dead, library, valkey):
    unpaid, paid = dead(), dead(paid=True)
    status, out, err = conveyor("dead", "replay", unpaid.id, paid.id, unpaid.id, "--yes")
    assert status == 0
    assert err.startswith("Replay 2 dead letters. 1 conversion will be paid again; 1 result ")
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


def test_the_list_is_of_a_class_and_of_an_account(conveyor, dead):
    mine = dead(kind=FailureKind.INPUT, account="a1")
    other = dead(kind=FailureKind.INPUT, account="b2")
    dead(account="a1")

    def ids(*options: str) -> list[str]:
        return [line.split("\t")[0] for line in conveyor("dead", "list", *options)[1].splitlines()]

    assert ids("--kind", "input") == [mine.id, other.id]
    assert ids("--kind", "input", "--account", "a1") == [mine.id]
    assert ids("--kind", "expired") == []


def test_groups_are_counted_the_most_first(conveyor, dead):
    for _ in range(2):
        dead(kind=FailureKind.POSSIBLY_PAID, account="a1")
    dead()
    assert conveyor("dead", "list", "--group")[1] == "2\tpossibly_paid\ta1\n1\tservice\t-\n"
    assert conveyor("dead", "list", "--group", "--kind", "service")[1] == "1\tservice\t-\n"
    grouped = lines_of(conveyor("dead", "list", "--group", "--json")[1])
    assert grouped[0] == {"kind": "possibly_paid", "account": "a1", "count": 2}


@pytest.mark.parametrize("kind", ["nonsense", "cancelled"])
def test_unknown_kind_of_failure_is_refused(conveyor, kind):
    status, _, err = conveyor("dead", "list", "--kind", kind)
    assert status == 2
    assert "Choose one of input, service, account, expired, storage, possibly_paid" in err


def test_a_dry_run_says_what_it_costs_and_changes_nothing(conveyor, dead, library, valkey):
    unpaid, paid = dead(), dead(paid=True)
    status, out, err = conveyor("dead", "replay", "--all", "--dry-run")
    assert status == 0
    assert out.splitlines() == [f"{unpaid.id}\tpaid again", f"{paid.id}\tfetched, not paid again"]
    assert err == (
        "This would replay 2 dead letters. 1 conversion will be paid again; "
        "1 result paid before will only be fetched again. Nothing was changed.\n"
    )
    assert len(library.dead_letters.list()) == 2
    assert waiting(valkey, "conveyor.submit") == waiting(valkey, "conveyor.deliver") == 0


def test_a_class_is_replayed_and_the_others_stay(conveyor, dead, library):
    stays, goes = dead(), dead(paid=True)
    status, out, err = conveyor("dead", "replay", "--kind", "storage", "--yes")
    assert (status, out) == (0, f"{goes.id}\tready\n")
    assert "nothing is paid again" in err
    assert [letter.id for letter in library.dead_letters.list()] == [stays.id]


def test_more_than_the_limit_is_refused_and_a_dry_run_says_so(conveyor, dead, library):
    for _ in range(3):
        dead()
    status, _, err = conveyor("dead", "replay", "--all", "--limit", "2", "--yes")
    assert status == 2
    assert "These are 3 dead letters, and --limit is 2" in err
    assert "Nothing was changed." in err
    assert len(library.dead_letters.list()) == 3
    status, _, err = conveyor("dead", "replay", "--all", "--limit", "2", "--dry-run")
    assert status == 0
    assert "--limit is 2" in err
    assert "3 conversions will be paid again" in err
    assert conveyor("dead", "replay", "--all", "--limit", "3", "--yes")[0] == 0


def test_nothing_to_replay_is_not_an_error(conveyor):
    status, out, err = conveyor("dead", "replay", "--all", "--yes")
    assert (status, out) == (0, "")
    assert err == "There are no dead letters.\nThere is nothing to replay. Nothing was changed.\n"


@pytest.mark.parametrize("arguments", [(), ("some-id", "--all"), ("some-id", "--kind", "input")])
def test_a_replay_is_of_ids_or_in_bulk(conveyor, arguments):
    status, _, err = conveyor("dead", "replay", *arguments, "--yes")
    assert status == 2
    assert "--all" in err


def test_a_replay_may_have_more_time(conveyor, dead, library):
    entry = dead()
    assert conveyor("dead", "replay", entry.id, "--timeout", "1200", "--yes")[0] == 0
    assert library.ledger.get(entry.id).request.params == {"Timeout": "1200"}
    for wrong in ("9", "1201"):
        assert conveyor("dead", "replay", entry.id, "--timeout", wrong, "--yes")[0] == 2


def test_a_letter_that_others_replay_meanwhile_does_not_stop_the_rest(
    conveyor, dead, library, monkeypatch
):
    taken, left = dead(), dead()
    confirm = dead_commands.confirm

    def be_late(question: str, *, yes: bool) -> None:
        confirm(question, yes=yes)
        library.dead_letters.replay(taken.id)

    monkeypatch.setattr(dead_commands, "confirm", be_late)
    status, out, err = conveyor("dead", "replay", "--all", "--yes")
    assert (status, out) == (0, f"{left.id}\tqueued\n")
    assert f"No dead letter has the id '{taken.id}'" in err


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


def test_purge_refuses_what_is_not_a_time_span(conveyor):
    status, _, err = conveyor("dead", "purge", "--older-than", "soon")
    assert status == 2
    assert "for example 7d" in err


def test_cancel_ends_it_and_has_the_job_deleted(conveyor, converting, library, valkey):
    entry = converting()
    status, out, _ = conveyor("cancel", entry.id)
    assert status == 0
    assert "state     cancelled" in out
    assert library.get(entry.id).state is State.CANCELLED
    assert waiting(valkey, "conveyor.deliver") == 1
    # Its wish has been granted already.
    assert conveyor("cancel", entry.id)[0] == 0


def test_cancel_comes_too_late(conveyor, dead):
    entry = dead()
    status, _, err = conveyor("cancel", entry.id)
    assert status == 1
    assert "has already ended: it is failed" in err


def test_cancel_of_what_does_not_exist(conveyor):
    status, _, err = conveyor("cancel", "no-such-id")
    assert status == 1
    assert "There is no conversion 'no-such-id'" in err


def test_a_cancelled_conversion_is_not_a_dead_letter(conveyor, converting, library, tmp_path):
    entry = converting()
    library.cancel(entry.id)
    assert "dead show" not in conveyor("get", entry.id)[1]
    for command in ("show", "replay"):
        assert conveyor("dead", command, entry.id)[0] == 1
    assert library.dead_letters.list() == []
    status, _, err = conveyor("wait", entry.id, "--out", str(tmp_path))
    assert status == 1
    assert err.splitlines()[-1] == "error: Its caller cancelled the conversion."


def test_the_same_key_is_the_same_conversion(conveyor, valkey):
    def enqueue(to: str) -> tuple[int, str, str]:
        source = "https://example.com/a.docx"
        return conveyor(
            "convert", source, "--to", to, "--no-wait", "--idempotency-key", "invoice-7"
        )

    first, second = enqueue("pdf"), enqueue("pdf")
    assert first == second
    assert waiting(valkey, "conveyor.submit") == 1
    status, _, err = enqueue("html")
    assert status == 2
    assert "'invoice-7' was used for a different request" in err


def test_no_account_was_ever_on_hold(conveyor):
    assert conveyor("account", "list") == (0, "", "No account has been seen yet.\n")
    assert conveyor("account", "list", "--json") == (0, "", "")
    assert conveyor("account", "resume") == (0, "", "No account is on hold.\n")


def test_held_accounts_are_listed_and_resumed(conveyor, hold):
    hold("a1", "The balance is used up.")
    hold("b2", "Check CONVEYOR_API_SECRET.")
    status, out, _ = conveyor("account", "list")
    assert status == 0
    rows = [line.split("\t") for line in out.splitlines()]
    assert [[*row[:2], *row[3:]] for row in rows] == [
        ["a1", "held", "-", "0", "the account is asked every 30 s", "The balance is used up."],
        ["b2", "held", "-", "0", "the account is asked every 30 s", "Check CONVEYOR_API_SECRET."],
    ]
    assert all(row[2].endswith(" s") for row in rows)
    assert conveyor("account", "resume", "a1") == (0, "a1\tresumed\n", "")
    assert conveyor("account", "resume", "a1")[2] == "The account a1 is not on hold.\n"
    listed = lines_of(conveyor("account", "list", "--json")[1])
    assert [(one["account"], bool(one["held"])) for one in listed] == [("a1", False), ("b2", True)]
    hold("a1", "Again.")
    assert conveyor("account", "resume")[1] == "a1\tresumed\nb2\tresumed\n"


def test_an_account_that_was_never_held_can_not_be_resumed(conveyor):
    status, _, err = conveyor("account", "resume", "no-such")
    assert status == 2
    assert "`conveyor account list`" in err


def test_storage_that_was_moved_is_adopted_and_doctor_is_content(conveyor, library, tmp_path):
    library.marker.check()
    (tmp_path / "files" / ".conveyor").unlink()
    _, out, _ = conveyor("doctor", "--timeout", "0.1")
    assert "has no file .conveyor" in " ".join(out.split())

    status, out, _ = conveyor("storage", "adopt")
    assert (status, "in use is" in out) == (0, True)
    _, out, _ = conveyor("doctor", "--timeout", "0.1")
    assert "no file .conveyor" not in " ".join(out.split())


def test_doctor_names_the_workers_that_have_another_storage(conveyor, library):
    library.marker.mark.stands_apart("host-7:42", apart=True)

    _, out, _ = conveyor("doctor", "--timeout", "0.1")
    assert "host-7:42" in out


def test_list_names_what_is_lost_and_what_a_later_release_has_written(conveyor, library, valkey):
    library.ledger.audit.lose(["gone"])
    with valkey.client() as client:
        client.hset("{conveyor}:conversion:newer", mapping={"v": "2", "state": "pondering"})
        client.zadd("{conveyor}:dead", {"newer": 1})
    library.dead_letters.list()

    status, out, err = conveyor("dead", "list")
    assert (status, out) == (0, "")
    assert "Redis has lost 1 conversion, evicted or deleted, and perhaps paid: gone." in err
    assert "A later release of Conveyor has written 1 conversion" in err
    assert "leaves them alone: newer" in err
    status, _, err = conveyor("get", "newer")
    assert status != 0
    assert "A later release of Conveyor wrote" in err
    assert conveyor("dead", "discard", "gone", "--yes")[0] == 0
    assert "gone" not in conveyor("dead", "list")[2]


def test_delete_leaves_nothing_to_read(conveyor, dead, converting, library):
    ended, running = dead(), converting()
    status, out, err = conveyor("delete", ended.id, running.id, "--yes")

    assert status == 0
    assert out.splitlines() == [
        f"{ended.id}\tdeleted, workers remove the rest",
        f"{running.id}\tdeleted, workers remove the rest",
    ]
    assert "Delete 2 conversions with all files. Nothing brings them back." in err
    for conversion_id in (ended.id, running.id):
        status, _, err = conveyor("get", conversion_id)
        assert (status, "was deleted" in err) == (1, True)
    assert library.dead_letters.list() == []


def test_delete_asks_first(conveyor, dead, library):
    entry = dead()
    status, _, err = conveyor("delete", entry.id)

    assert status == 2
    assert "Add --yes to confirm. Nothing was changed." in err
    assert library.get(entry.id).state is State.FAILED


def test_delete_of_what_does_not_exist_keeps_no_other_from_it(conveyor, dead):
    entry = dead()
    status, out, err = conveyor("delete", "no-such-id", entry.id, "--yes", "--json")

    assert status == 1
    assert "There is no conversion 'no-such-id'" in err
    (deletion,) = lines_of(out)
    assert deletion["id"] == entry.id
    assert deletion["erased_at"] is None


def test_convert_says_how_long_the_result_lives(conveyor, library):
    source = "https://example.com/a.docx"
    status, out, _ = conveyor("convert", source, "--to", "pdf", "--no-wait", "--keep", "12h")

    assert status == 0
    assert library.ledger.get(out.strip()).terms.keep_s == 12 * 3600
    status, _, err = conveyor("convert", source, "--to", "pdf", "--no-wait", "--keep", "1s")
    assert status == 2
    assert "keep must be from 1m to 3650d" in err
