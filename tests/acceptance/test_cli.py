"""The command line as its users have it: processes, a real stack, files that open."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import docx
import pypdf
import pytest

from conveyor import __version__
from conveyor.__main__ import main
from conveyor.names import Queues
from local_stack.environment import ROOT
from local_stack.stack import LocalStack

WORDS = "The harbour was quiet that morning"


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with LocalStack() as running:
        yield running


@pytest.fixture
def document(tmp_path) -> Path:
    path = tmp_path / "letter.docx"
    content = docx.Document()
    content.add_paragraph(WORDS)
    content.save(path)
    return path


@pytest.fixture
def environment(stack) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**stack.environment(), "PYTHONPATH": str(ROOT), "PATH": path}


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    stdout: str
    stderr: str


@pytest.fixture
def conveyor(stack, tmp_path, monkeypatch, capsys):
    """Run the command line within this process: a Python of its own takes a second to start."""
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path, status: int = 0, **settings: str) -> Ended:
        with monkeypatch.context() as here, Path(os.devnull).open() as nothing:
            for key, value in settings.items():
                here.setenv(f"CONVEYOR_{key}", value)
            here.setattr(sys, "argv", ["conveyor", *map(str, arguments)])
            here.setattr(sys, "stdin", nothing)
            with pytest.raises(SystemExit) as ended:
                main()
        printed = capsys.readouterr()
        assert ended.value.code == status, printed.out + printed.err
        assert "Traceback" not in printed.err
        return Ended(printed.out, printed.err)

    return run


@pytest.fixture
def process(environment, tmp_path):
    """Run it as a process of its own."""

    def run(*arguments: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            arguments,
            env=environment,
            cwd=tmp_path,
            input=content,
            capture_output=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def faults(stack):
    def order(**rates: float) -> None:
        body = json.dumps(rates).encode()
        request = Request(f"{stack.sandbox_url}/_faults", data=body, method="POST")
        request.add_header("Content-Type", "application/json")
        with urlopen(request, timeout=60) as answer:
            assert answer.status == 200

    yield order
    order()


def words_of(pdf: Path) -> str:
    with pypdf.PdfReader(pdf) as reader:
        text = " ".join(page.extract_text() for page in reader.pages)
    return " ".join(text.split())


def test_convert_brings_the_file(conveyor, document, tmp_path):
    ended = conveyor("convert", document, "--to", "pdf", "--out", "results")
    assert WORDS in words_of(tmp_path / "results" / "letter.pdf")
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["letter.pdf"]
    for line in (
        "state +succeeded",
        "formats +docx to pdf",
        "cost +1",
        "saved +results/letter.pdf",
    ):
        assert re.search(f"^{line}$", ended.stdout, re.MULTILINE), ended.stdout
    # A fast service is done before a look finds it converting.
    assert re.search("^(queued|converting|ready) ", ended.stderr, re.MULTILINE), ended.stderr


def test_convert_never_overwrites_unless_told(conveyor, document, tmp_path):
    mine = tmp_path / "letter.pdf"
    mine.write_text("mine")
    conveyor("convert", document, "--to", "pdf")
    assert mine.read_text() == "mine"
    assert WORDS in words_of(tmp_path / "letter-1.pdf")
    conveyor("convert", document, "--to", "pdf", "--force")
    assert WORDS in words_of(mine)


def test_several_sources_are_one_conversion(conveyor, document, tmp_path):
    conveyor("convert", document, "--to", "pdf")
    conveyor("convert", "letter.pdf", "letter.pdf", "--to", "merge", "--out", "merged")
    (merged,) = (tmp_path / "merged").iterdir()
    with pypdf.PdfReader(merged) as reader:
        assert len(reader.pages) == 2


def test_parameters_reach_the_service(conveyor, tmp_path):
    with pypdf.PdfWriter() as writer:
        for _ in range(3):
            writer.add_blank_page(width=200, height=200)
        writer.write(tmp_path / "pages.pdf")
    conveyor("convert", "pages.pdf", "--to", "jpg", "--param", "PageRange=2-3", "--out", "pages")
    assert len(list((tmp_path / "pages").iterdir())) == 2


def test_no_wait_prints_the_id_alone_and_wait_fetches(conveyor, document, tmp_path):
    ended = conveyor("convert", document, "--to", "pdf", "--no-wait")
    conversion_id = ended.stdout.strip()
    assert re.fullmatch(r"[0-9a-f-]{36}", conversion_id)
    assert not ended.stderr
    conveyor("wait", conversion_id, "--out", "results")
    assert WORDS in words_of(tmp_path / "results" / "letter.pdf")
    shown = json.loads(conveyor("get", conversion_id, "--json").stdout)
    assert shown["state"] == "succeeded"
    assert shown["cost"] == 1
    assert "succeeded" in conveyor("get", conversion_id).stdout


def test_dead_letters_are_listed_shown_and_replayed(conveyor, stack, document, faults, tmp_path):
    faults(error_5001=1.0)
    failed = conveyor("convert", document, "--to", "pdf", status=1)
    conversion_id = failed.stderr.splitlines()[0].removeprefix("conversion ")
    assert "(code 5001)" in failed.stderr.splitlines()[-1]
    assert f"conveyor dead show {conversion_id}" in failed.stderr.splitlines()[-1]

    listed = conveyor("dead", "list", "--json").stdout.splitlines()
    assert conversion_id in [json.loads(letter)["id"] for letter in listed]
    assert f"{conversion_id}\t" in conveyor("dead", "list").stdout
    shown = conveyor("dead", "show", conversion_id).stdout
    assert "5001" in shown
    assert "pays again" in shown

    grouped = conveyor("dead", "list", "--group", "--kind", "service").stdout
    account = re.escape(urlsplit(stack.sandbox_url).netloc)
    assert re.search(rf"^\d+\tservice\t{account}$", grouped, re.MULTILINE)
    planned = conveyor("dead", "replay", "--kind", "service", "--dry-run")
    assert f"{conversion_id}\tpaid again" in planned.stdout
    assert "Nothing was changed." in planned.stderr

    # Nobody is there to be asked, so nothing is paid.
    refused = conveyor("dead", "replay", conversion_id, status=2)
    assert "1 conversion will be paid again" in refused.stderr
    assert "--yes" in refused.stderr

    faults()
    replayed = conveyor("dead", "replay", conversion_id, "--yes")
    assert "1 conversion will be paid again" in replayed.stderr
    conveyor("wait", conversion_id, "--out", "results")
    assert WORDS in words_of(tmp_path / "results" / "letter.pdf")
    conveyor("dead", "show", conversion_id, status=1)


def test_dead_letters_are_purged(conveyor, document, faults):
    faults(error_5001=1.0)
    conveyor("convert", document, "--to", "pdf", status=1)
    assert "0 dead letters purged" in conveyor("dead", "purge", "--older-than", "7d").stdout
    refused = conveyor("dead", "purge", "--older-than", "0s", status=2)
    assert re.search(r"Forget \d+ dead letter", refused.stderr)
    assert "--yes" in refused.stderr
    purged = conveyor("dead", "purge", "--older-than", "0s", "--yes")
    assert re.search(r"^\d+ dead letters? purged$", purged.stdout, re.MULTILINE)
    assert conveyor("dead", "list", "--json").stdout == ""


def test_cancel(conveyor, document, faults):
    faults(throttle_submit=1.0)
    conversion_id = conveyor("convert", document, "--to", "pdf", "--no-wait").stdout.strip()
    cancelled = conveyor("cancel", conversion_id)
    assert re.search("^state +cancelled$", cancelled.stdout, re.MULTILINE)
    waited = conveyor("wait", conversion_id, status=1)
    assert waited.stderr.splitlines()[-1] == "error: Its caller cancelled the conversion."


def test_the_same_idempotency_key_is_paid_once(conveyor, document):
    options = ("--to", "pdf", "--no-wait", "--idempotency-key", "invoice-7")
    first = conveyor("convert", document, *options)
    assert conveyor("convert", document, *options).stdout == first.stdout
    refused = conveyor("convert", document, *options, "--param", "PageRange=1", status=2)
    assert "different request" in refused.stderr


def test_doctor_finds_all_well(conveyor):
    report = json.loads(conveyor("doctor", "--json").stdout)
    assert report["ok"]
    parts = {(check["where"] == "here", check["name"]) for check in report["checks"]}
    here, worker = True, False
    assert parts >= {(here, "broker"), (here, "redis"), (here, "storage")}
    assert parts >= {(worker, "worker"), (worker, "storage"), (worker, "api")}


def test_doctor_names_what_is_wrong(conveyor, stack, tmp_path):
    (tmp_path / "file").touch()
    report = conveyor("doctor", STORAGE_URL=f"{tmp_path}/file/files", status=1).stdout
    (failed,) = [line for line in report.splitlines() if line.startswith("FAILED")]
    assert "\there\tstorage\t" in failed
    assert "CONVEYOR_STORAGE_URL" in failed

    nowhere = "redis://:hush@127.0.0.1:1/0"
    report = conveyor("doctor", BROKER_URL=nowhere, REDIS_URL=nowhere, status=1).stdout
    failed = [line.split("\t")[2] for line in report.splitlines() if line.startswith("FAILED")]
    # Nobody can read the entries without Redis, nor ask a worker without the broker.
    needs_redis = ["settings", "entries", "neighbours", "storages"]
    assert failed == ["broker", "redis", *needs_redis, "worker"]
    assert "no server listens there: start it, or set CONVEYOR_BROKER_URL" in report
    assert "hush" not in report
    assert stack.valkey.password not in report


def test_folder_becomes_a_folder_and_each_failure_is_told_once(conveyor, document, tmp_path):
    (tmp_path / "sub").mkdir()
    shutil.copy(document, tmp_path / "sub")
    (tmp_path / "broken.docx").write_text("not a document")
    sources = ("letter.docx", "sub/letter.docx", "broken.docx", "gone.docx")
    ended = conveyor("convert", *sources, "--to", "pdf", "--out", "results", status=1)

    saved = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert saved == ["letter-1.pdf", "letter.pdf"]
    assert all(WORDS in words_of(tmp_path / "results" / name) for name in saved)
    missing, broken, summary = ended.stderr.splitlines()
    assert missing.startswith("error: gone.docx: The file gone.docx does not exist.")
    assert broken.startswith("error: broken.docx: ")
    assert "See: conveyor dead show" in broken
    assert summary == "2 of 4 succeeded, and cost 2. 2 did not."


def test_status_shows_the_worker_with_its_release(conveyor):
    deadline = time.monotonic() + 120
    # Workers have 1.2 s to answer, which is little where the machine is busy.
    while not (shown := json.loads(conveyor("status", "--json").stdout))["workers"]:
        assert time.monotonic() < deadline

    (worker,) = shown["workers"]
    assert (worker["release"], worker["slots"]) == (__version__, 8)
    assert worker["queues"] == [*Queues().names]
    assert shown["is_whole"]


def test_pipe_carries_the_document_in_and_the_result_out(process, document, tmp_path):
    order = ("convert", "-", "--from", "docx", "--to", "pdf", "--out", "-")
    ended = process(sys.executable, "-m", "conveyor", *order, content=document.read_bytes())

    assert ended.returncode == 0, ended.stderr
    (tmp_path / "letter.pdf").write_bytes(ended.stdout)
    assert WORDS in words_of(tmp_path / "letter.pdf")


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not here")
def test_bash_completes_after_the_documented_line(process):
    lines = """
        source <(conveyor completion bash)
        COMP_WORDS=(conveyor list --state que) COMP_CWORD=3
        _conveyor_completion conveyor
        echo "${COMPREPLY[@]}"
    """
    ended = process("bash", "-c", lines)

    assert ended.stdout.decode().split() == ["queued"], ended.stderr


# A shell starts what runs in its background deaf to Ctrl-C, and its children inherit that: CI's.
AT_A_TERMINAL = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from conveyor import __version__
from conveyor.__main__ import main
sys.exit(main())
"""


def test_interrupted_the_conversion_continues(stack, environment, conveyor, document, tmp_path):
    (worker,) = stack.workers
    worker.stop()
    try:
        with subprocess.Popen(
            [sys.executable, "-c", AT_A_TERMINAL, "convert", document, "--to", "pdf"],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            conversion_id = process.stderr.readline().strip().removeprefix("conversion ")
            assert process.stderr.readline().startswith("queued ")  # it looks on
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=90)
        assert process.returncode == 130
        assert "The conversion keeps running" in err.splitlines()[-1]
        assert f"conveyor get {conversion_id}" in err.splitlines()[-1]
        assert "Traceback" not in err
    finally:
        stack.start_worker(worker)
    conveyor("wait", conversion_id)
    assert WORDS in words_of(tmp_path / "letter.pdf")


def test_progress_on_a_terminal(environment, document, tmp_path):
    terminal, slave = os.openpty()
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        with subprocess.Popen(
            [sys.executable, "-m", "conveyor", "convert", document, "--to", "pdf"],
            env={**environment, "TERM": "xterm", "COLUMNS": "120"},
            cwd=tmp_path,
            stdin=slave,
            stdout=slave,
            stderr=slave,
        ) as process:
            os.close(slave)
            shown = b""
            try:
                while piece := screen.read(4096):
                    shown += piece
            except OSError:  # Linux says so when the other side is closed
                pass
        assert process.returncode == 0
    text = shown.decode()
    assert "succeeded" in text
    assert "━" in text


@pytest.mark.parametrize("page", ["README.md", "docs/applications.md"])
def test_first_lines_of_python_run_as_written(environment, document, tmp_path, page):
    for place in (tmp_path, tmp_path / "examples"):
        place.mkdir(exist_ok=True)
        shutil.copy(document, place / "report.docx")
    text = (ROOT / page).read_text(encoding="utf-8")
    block = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert block
    ended = subprocess.run(
        [sys.executable, "-c", block[1]],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert WORDS in words_of(tmp_path / "report.pdf")
