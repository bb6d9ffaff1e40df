"""What can go wrong, through the real command line and a real stack: one line, and nothing lost."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import docx
import pypdf
import pytest

from local_stack import commands
from local_stack.environment import ROOT
from local_stack.ports import free_port
from local_stack.process import Child
from local_stack.stack import LocalStack

FAILED, WRONG, NOT_YET = 1, 2, 3


@dataclass(frozen=True)
class CommandLine:
    """`conveyor …` as a process of its own, with the settings of a stack."""

    stack: LocalStack
    folder: Path
    run: Callable[..., subprocess.CompletedProcess[str]]

    def __call__(self, *arguments: str | Path, **settings: str) -> Outcome:
        ours = {f"CONVEYOR_{name}": value for name, value in settings.items()}
        ended = self.run(
            [sys.executable, "-m", "conveyor", *map(str, arguments)],
            env={**self.stack.environment(), "PYTHONPATH": str(ROOT), **ours},
            cwd=self.folder,
        )
        printed = ended.stdout + ended.stderr
        assert "Traceback" not in printed
        assert self.stack.valkey.password not in printed
        return Outcome(ended.returncode, ended.stdout, ended.stderr)

    def convert(self, source: str | Path, *options: str, to: str = "pdf", **settings: str):
        return self("convert", source, "--to", to, "--out", "out", *options, **settings)


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str

    def error(self) -> str:
        """The one line that says what is wrong."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.err
        assert lines == self.err.splitlines()[-1:], self.err
        return lines[0]

    def conversion_id(self) -> str:
        found = re.search(r"^conversion (\S+)$", self.err, re.MULTILINE)
        assert found, self.err
        return found[1]


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with LocalStack(settings={"STORAGE_RETRIES": "1"}) as running:
        yield running


@pytest.fixture
def conveyor(stack, tmp_path, run_program) -> CommandLine:
    return CommandLine(stack, tmp_path, run_program)


@pytest.fixture
def document(tmp_path) -> Path:
    path = tmp_path / "letter.docx"
    content = docx.Document()
    content.add_paragraph("Dear reader")
    content.save(path)
    return path


def assert_dead_letter(conveyor: CommandLine, conversion_id: str, *words: str) -> None:
    """It was accepted, so it is kept, and can be explained and replayed."""
    shown = conveyor("dead", "show", conversion_id)
    assert shown.status == 0, shown.err
    for word in (*words, f"conveyor dead replay {conversion_id}"):
        assert word in shown.out


def staged(stack: LocalStack) -> list[Path]:
    folder = stack.directory / "files" / "staged"
    return [path for path in folder.rglob("*") if path.is_file()]


def test_no_redis(conveyor, document):
    address = f"127.0.0.1:{free_port()}"
    outcome = conveyor.convert(
        document, BROKER_URL=f"redis://:hush@{address}/0", REDIS_URL="", RESULT_BACKEND=""
    )
    assert outcome.status == FAILED
    line = outcome.error()
    assert f"Redis at redis://{address}/0 refused the connection" in line
    assert "start it, or set CONVEYOR_REDIS_URL" in line
    assert "hush" not in outcome.out + outcome.err
    assert document.exists()


def test_no_broker(conveyor, stack, document):
    address = f"127.0.0.1:{free_port()}"
    staged_before = staged(stack)
    outcome = conveyor.convert(document, BROKER_URL=f"redis://:hush@{address}/0")
    assert outcome.status == FAILED
    line = outcome.error()
    assert f"The broker at redis://{address}/0 did not take the message" in line
    assert "start it, or set CONVEYOR_BROKER_URL" in line
    assert "was not accepted" in line
    assert "hush" not in outcome.out + outcome.err
    assert document.exists()
    # What was not accepted leaves nothing behind.
    assert set(staged(stack)) <= set(staged_before)


def test_wrong_redis_password(conveyor, stack, document):
    wrong = f"redis://:hush@127.0.0.1:{stack.valkey.port}/0"
    outcome = conveyor.convert(document, REDIS_URL=wrong)
    assert outcome.status == FAILED
    line = outcome.error()
    assert "refused the user name or the password" in line
    assert "CONVEYOR_REDIS_URL" in line
    assert "hush" not in line


def test_wrong_setting(conveyor, document):
    outcome = conveyor.convert(document, REDIS_URL="http://hush@127.0.0.1")
    assert outcome.status == WRONG
    assert "CONVEYOR_REDIS_URL is wrong: must be a redis://" in outcome.error()
    assert "hush" not in outcome.err


def test_wrong_secret(tmp_path, document, until, run_program):
    with LocalStack(settings={"API_SECRET": "not-the-secret"}) as stack:
        conveyor = CommandLine(stack, tmp_path, run_program)
        outcome = conveyor.convert(document)
        assert outcome.status == FAILED
        line = outcome.error()
        assert "nothing is lost: the account is on hold: Invalid user credentials" in line
        assert "Check CONVEYOR_API_SECRET" in line
        assert "conveyor account resume" in line
        conversion_id = outcome.conversion_id()
        assert f"conveyor wait {conversion_id}" in line
        assert document.exists()

        # It waits, and is no dead letter.
        shown = conveyor("get", conversion_id)
        assert re.search("^state +queued$", shown.out, re.MULTILINE)
        assert "Check CONVEYOR_API_SECRET" in shown.out
        assert conveyor("dead", "list").out == ""
        listed = conveyor("account", "list")
        assert "\theld\t" in listed.out

        doctor = conveyor("doctor")
        assert doctor.status == FAILED
        (failed,) = [line for line in doctor.out.splitlines() if not line.startswith("ok")]
        assert "\tapi\t" in failed
        assert "check CONVEYOR_API_SECRET" in failed
        for ended in (outcome, shown, listed, doctor):
            assert "not-the-secret" not in ended.out + ended.err

        (wrong,) = stack.workers
        wrong.stop()
        right = Child(
            wrong.name,
            commands.worker(f"{wrong.name}@localhost"),
            log=wrong.log,
            env={**stack.environment(), "CONVEYOR_API_SECRET": "sandbox"},
            cwd=ROOT,
        )
        try:
            stack.start_worker(right)
            # Until the new worker has found the account well, whoever waits is told of the hold.
            until(lambda: conveyor("wait", conversion_id, "--out", "out").status == 0)
        finally:
            right.stop()


def test_unknown_target_format(conveyor, document):
    outcome = conveyor.convert(document, to="xyz")
    assert outcome.status == FAILED
    line = outcome.error()
    assert "docx to xyz" in line
    assert "Choose another target format" in line
    assert document.exists()
    assert_dead_letter(conveyor, outcome.conversion_id(), "input", "docx to xyz")


def test_impossible_target_format(conveyor, document):
    outcome = conveyor.convert(document, to="../pdf")
    assert outcome.status == WRONG
    assert "Use a name like 'pdf'" in outcome.error()


def test_missing_file(conveyor):
    outcome = conveyor.convert("nowhere.docx")
    assert outcome.status == WRONG
    assert "nowhere.docx does not exist. Check its name" in outcome.error()


def test_empty_file(conveyor, tmp_path):
    empty = tmp_path / "empty.docx"
    empty.touch()
    outcome = conveyor.convert(empty)
    assert outcome.status == WRONG
    line = outcome.error()
    assert "empty.docx is empty" in line
    assert "Use a file with content" in line
    assert empty.exists()


def test_folder_as_file(conveyor, tmp_path):
    outcome = conveyor.convert(tmp_path, "--from", "docx")
    assert outcome.status == WRONG
    assert "Name a file" in outcome.error()


def test_file_without_format(conveyor, tmp_path):
    nameless = tmp_path / "letter"
    nameless.write_text("Dear reader")
    outcome = conveyor.convert(nameless)
    assert outcome.status == WRONG
    assert "--from docx" in outcome.error()


class Nothing(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(404)

    do_HEAD = do_GET  # noqa: N815 - the name that the server looks for

    def log_message(self, *_):
        pass


@contextmanager
def web_server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Nothing) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_source_url_answers_404(conveyor):
    with web_server() as address:
        outcome = conveyor.convert(f"{address}/gone.docx?key=hush")
    assert outcome.status == FAILED
    line = outcome.error()
    assert "ConvertAPI could not fetch the source" in line
    assert "must answer 200" in line
    assert_dead_letter(conveyor, outcome.conversion_id(), "input", "5008")
    # The URL opens the document to anyone.
    shown = conveyor("dead", "show", outcome.conversion_id())
    assert "hush" not in outcome.out + outcome.err + shown.out


def test_password_protected_pdf(conveyor, tmp_path):
    locked = tmp_path / "locked.pdf"
    with pypdf.PdfWriter() as writer:
        writer.add_blank_page(width=200, height=200)
        writer.encrypt("opensesame", algorithm="AES-256")
        writer.write(locked)
    content = locked.read_bytes()
    outcome = conveyor.convert(locked, to="txt")
    assert outcome.status == FAILED
    line = outcome.error()
    assert "password protected" in line
    assert "Pass the parameter Password" in line
    assert locked.read_bytes() == content
    assert_dead_letter(conveyor, outcome.conversion_id(), "input", "5003", "Password")


def test_storage_not_writable_here(conveyor, document, tmp_path):
    # Root may write anywhere but below a regular file.
    (tmp_path / "file").touch()
    outcome = conveyor.convert(document, STORAGE_URL=str(tmp_path / "file" / "files"))
    assert outcome.status == FAILED
    line = outcome.error()
    # Where another storage is in use already, that is what is told.
    assert "Can't write to the storage" in line or "has no file .conveyor" in line
    assert "CONVEYOR_STORAGE_URL" in line
    assert document.exists()


def test_storage_not_writable_for_the_worker(conveyor, stack, document):
    results = stack.directory / "files" / "results"
    aside = results.with_name("results-aside")
    if results.exists():
        results.rename(aside)
    results.touch()
    try:
        outcome = conveyor.convert(document)
    finally:
        results.unlink()
        if aside.exists():
            aside.rename(results)
    assert outcome.status == FAILED
    line = outcome.error()
    assert "Can't write to the storage" in line
    assert "Replay it within three hours to fetch it" in line
    conversion_id = outcome.conversion_id()
    assert_dead_letter(conveyor, conversion_id, "storage", "not paid again")

    # The result was paid, and is not lost.
    assert conveyor("dead", "replay", conversion_id, "--yes").status == 0
    waited = conveyor("wait", conversion_id, "--out", "out")
    assert waited.status == 0, waited.err
    assert re.search(r"^cost +1$", waited.out, re.MULTILINE)
    assert (conveyor.folder / "out" / "letter.pdf").read_bytes().startswith(b"%PDF")


def test_out_not_writable(conveyor, document, tmp_path):
    (tmp_path / "file").touch()
    outcome = conveyor("convert", document, "--to", "pdf", "--out", "file/out")
    assert outcome.status == WRONG
    line = outcome.error()
    assert "can't be written" in line
    assert "Choose another folder with --out" in line
    # Nothing was enqueued, so nothing is paid for.
    assert outcome.err.splitlines() == [line]


def test_unknown_parameter(conveyor, document):
    outcome = conveyor.convert(document, "--param", "PageRonge=1-3")
    assert outcome.status == FAILED
    line = outcome.error()
    assert "PageRonge" in line
    assert "Check the document and the parameters" in line
    assert document.exists()
    assert_dead_letter(conveyor, outcome.conversion_id(), "input", "4000", "PageRonge")


def test_reserved_parameter(conveyor, document):
    outcome = conveyor.convert(document, "--param", "Secret=hush")
    assert outcome.status == WRONG
    line = outcome.error()
    assert "You can't set the parameter Secret" in line
    assert "hush" not in line


def test_parameter_without_value(conveyor, document):
    outcome = conveyor.convert(document, "--param", "hush")
    assert outcome.status == WRONG
    assert "NAME=VALUE" in outcome.error()
    assert "hush" not in outcome.err


@pytest.mark.parametrize("command", [("get",), ("wait",)])
def test_unknown_conversion(conveyor, command):
    outcome = conveyor(*command, "no-such-id")
    assert outcome.status == FAILED
    line = outcome.error()
    assert "There is no conversion 'no-such-id'" in line
    assert "Check the id" in line


@pytest.mark.parametrize("command", [("show",), ("replay", "--yes")])
def test_unknown_dead_letter(conveyor, command):
    outcome = conveyor("dead", *command, "no-such-id")
    assert outcome.status == FAILED
    line = outcome.error()
    assert "No dead letter has the id 'no-such-id'" in line
    assert "conveyor dead list" in line


def test_no_worker_before_the_timeout(conveyor, stack, document):
    (worker,) = stack.workers
    worker.stop()
    try:
        outcome = conveyor.convert(document, "--timeout", "0.5")
        assert outcome.status == NOT_YET
        conversion_id = outcome.conversion_id()
        assert f"conveyor wait {conversion_id}" in outcome.error()
        doctor = conveyor("doctor", "--timeout", "1")
        assert doctor.status == FAILED
        assert "No worker answered within 1 s" in doctor.out
        assert "conveyor worker" in doctor.out
    finally:
        stack.start_worker(worker)
    assert conveyor("wait", conversion_id, "--out", "out").status == 0
