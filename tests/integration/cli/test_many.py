"""Many conversions at once, standard input and output, and what was enqueued before."""

from __future__ import annotations

import hashlib
import io
import json
import sys

import pytest

from conveyor.domain.answers import RemoteFile, Result
from conveyor.domain.conversion import State

CONTENT = b"%PDF-1.7\r\n\x00\xff"


@pytest.fixture
def done(library, converting):
    """A conversion that has its file in the storage."""

    def make(name="a.pdf", files=1):
        entry = converting()
        found = tuple(RemoteFile(name, "https://example.com/d/x", 1) for _ in range(files))
        entry = library.ledger.ready(entry, Result(1, found))
        stored = [
            library.storage.save(entry.id, f"{number or ''}{name}", [CONTENT])
            for number in range(files)
        ]
        return library.ledger.succeeded(entry, stored)

    return make


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    for name in ("a.docx", "b.docx", "sub/a.docx"):
        (tmp_path / name).write_bytes(name.encode())
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Standard(io.TextIOWrapper):
    def __init__(self, content=b""):
        super().__init__(io.BytesIO(content))

    def isatty(self):
        return False


@pytest.fixture
def piped(conveyor, monkeypatch):
    """Run with bytes on standard input; status, bytes on standard output."""

    def run(*arguments, content=b""):
        out = Standard()
        monkeypatch.setattr(sys, "stdin", Standard(content))
        monkeypatch.setattr(sys, "stdout", out)
        status, *_, err = conveyor(*arguments)
        return status, out.buffer.getvalue(), err

    return run


def names_of(library, out):
    return [library.get(each).source_name for each in out.split()]


def test_each_file_is_a_conversion_of_its_own(conveyor, library, folder):
    status, out, err = conveyor("convert", "a.docx", "b.docx", "--to", "pdf", "--no-wait")

    assert (status, err) == (0, "")
    assert names_of(library, out) == ["a.docx", "b.docx"]


def test_merge_takes_them_together(conveyor, library, folder):
    _, out, _ = conveyor("convert", "a.docx", "b.docx", "--to", "merge", "--no-wait")

    assert names_of(library, out) == ["a.docx +1"]


def test_it_is_said_together_or_each(conveyor, library, folder):
    order = ("convert", "a.docx", "b.docx", "--no-wait", "--to")

    assert names_of(library, conveyor(*order, "pdf", "--together")[1]) == ["a.docx +1"]
    assert names_of(library, conveyor(*order, "zip", "--each")[1]) == ["a.docx", "b.docx"]


def test_file_that_is_missing_is_told_once_and_the_others_are_enqueued(conveyor, library, folder):
    status, out, err = conveyor("convert", "a.docx", "gone.docx", "--to", "pdf", "--no-wait")

    assert status == 1
    assert names_of(library, out) == ["a.docx"]
    assert err == "error: gone.docx: The file gone.docx does not exist. Check its name.\n"


def test_nothing_but_missing_files_is_status_2(conveyor, folder):
    status, out, err = conveyor("convert", "x.docx", "y.docx", "--to", "pdf", "--no-wait")

    assert (status, out, err.count("error: ")) == (2, "", 2)


def test_same_command_with_a_key_is_paid_once(conveyor, folder):
    order = ("convert", "a.docx", "sub/a.docx", "--to", "pdf", "--no-wait")
    order = (*order, "--idempotency-key", "monday")

    first, again = conveyor(*order)[1], conveyor(*order)[1]
    assert first == again
    assert len({*first.split()}) == 2


def test_metadata_and_deadline_go_with_each(conveyor, library, folder):
    terms = ("--metadata", "order=4711", "--metadata", "paid=true", "--deadline", "2h")
    _, out, _ = conveyor("convert", "a.docx", "b.docx", "--to", "pdf", "--no-wait", *terms)

    for each in out.split():
        assert library.get(each).metadata == {"order": "4711", "paid": "true"}
        assert library.ledger.get(each).terms.deadline.after_s == 7200


@pytest.mark.parametrize("wrong", ["order", "=1", ""])
def test_metadata_that_is_no_pair_is_refused(conveyor, folder, wrong):
    order = ("convert", "a.docx", "--to", "pdf", "--no-wait", "--metadata", wrong)

    assert conveyor(*order)[0] == 2


def test_several_are_waited_for_and_fetched_into_one_folder(conveyor, done, dead, folder):
    first, second, failed = done(), done(), dead()
    ids = (first.id, second.id, failed.id)
    status, out, err = conveyor("wait", *ids, "--out", "r", "--timeout", "60")

    assert status == 1
    assert out == "saved     r/a.pdf\nsaved     r/a-1.pdf\n"
    assert err.splitlines() == [
        f"error: {failed.id}: Conversion failed. (code 5001) See: conveyor dead show {failed.id}",
        "2 of 3 succeeded, and cost 2. 1 did not.",
    ]


def test_force_replaces_what_was_there_and_never_what_it_has_just_written(conveyor, done, folder):
    (folder / "r").mkdir()
    (folder / "r" / "a.pdf").write_text("old")
    status, *_ = conveyor("wait", done().id, done().id, "--out", "r", "--force")

    assert status == 0
    assert {path.name: path.read_bytes() for path in (folder / "r").iterdir()} == {
        "a.pdf": CONTENT,
        "a-1.pdf": CONTENT,
    }


def test_wait_for_several_ends_with_its_timeout(conveyor, done, converting, folder):
    ended, running = done(), converting()
    status, out, err = conveyor("wait", ended.id, running.id, "--out", "r", "--timeout", "0.2")

    assert (status, out) == (3, "saved     r/a.pdf\n")
    assert err.endswith(f"conveyor wait {running.id} --out r\n")


def test_document_comes_from_standard_input(piped, library, valkey):
    status, out, _ = piped(
        *("convert", "-", "--from", "docx", "--to", "pdf", "--no-wait"), content=b"words"
    )

    (source,) = library.ledger.get(out.decode().strip()).request.sources
    assert status == 0
    assert source.name == "stdin.docx"
    assert b"".join(library.storage.read(source.value)) == b"words"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-", "--to", "pdf"), "has no file name"),
        (("-", "-", "--from", "docx", "--to", "merge"), "is given twice"),
        (("-", "--from", "docx", "--to", "pdf"), "is empty"),
        (("a.docx", "b.docx", "--to", "pdf", "--out", "-"), "takes one result"),
        (("a.docx", "--to", "pdf", "--out", "-", "--json"), "--json needs standard output"),
    ],
    ids=str,
)
def test_what_standard_streams_can_not_carry_is_refused_before_it_is_paid(
    piped, valkey, folder, arguments, says
):
    status, out, err = piped("convert", *arguments)
    (last,) = map(json.loads, err.splitlines()) if "--json" in arguments else ({"error": err},)

    assert (status, out) == (2, b"")
    assert says in last["error"]
    with valkey.client() as client:
        assert client.llen("conveyor.submit") == 0


def test_input_that_is_refused_later_leaves_no_file(piped, library, tmp_path):
    order = ("convert", "-", "--from", "docx", "--to", "no format!", "--no-wait")
    assert piped(*order, content=b"words")[0] == 2

    assert [path for path in (tmp_path / "files").rglob("stdin*") if path.is_file()] == []


def test_result_goes_to_standard_output_and_nothing_else(piped, done):
    status, out, err = piped("wait", done().id, "--out", "-")

    assert (status, out) == (0, CONTENT)
    assert "state     succeeded" in err


def test_several_results_do_not_go_to_standard_output(piped, done):
    entry = done(files=2)
    status, out, err = piped("wait", entry.id, "--out", "-")

    assert (status, out) == (1, b"")
    assert f"conveyor wait {entry.id} --out DIR" in err


def test_program_gets_an_object_a_conversion(conveyor, done, dead, folder):
    good, bad = done(), dead()
    status, out, err = conveyor("wait", good.id, bad.id, "--out", "r", "--json")
    first, second = map(json.loads, out.splitlines())
    error, note = map(json.loads, err.splitlines())

    assert status == 1
    assert (first["id"], first["state"], first["saved"]) == (good.id, "succeeded", ["r/a.pdf"])
    assert first["files"][0]["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert (second["id"], second["failure"]["reason"]) == (bad.id, "service")
    assert (error["conversion"], error["status"]) == (bad.id, 1)
    assert (note["succeeded"], note["failed"], note["refused"], note["cost"]) == (1, 1, 0, 1)


def test_program_gets_one_that_failed_as_an_object_and_an_error(conveyor, dead, folder):
    entry = dead()
    status, out, err = conveyor("wait", entry.id, "--json")

    assert (status, json.loads(out)["state"]) == (1, State.FAILED)
    assert json.loads(err)["reason"] == "service"


def test_program_gets_ids_with_their_sources(conveyor, folder):
    _, out, _ = conveyor("convert", "a.docx", "b.docx", "--to", "pdf", "--no-wait", "--json")

    assert [json.loads(line)["sources"] for line in out.splitlines()] == [["a.docx"], ["b.docx"]]
