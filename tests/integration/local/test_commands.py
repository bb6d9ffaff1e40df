"""`make demo` and `make up`, as their users run them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pypdfium2
import pytest

ROOT = Path(__file__).parents[3]
LIST = "import conveyor; print(conveyor.Conveyor.from_env().list())"


def test_demo_makes_a_pdf_that_holds_the_documents_words() -> None:
    result = ROOT / "var" / "demo" / "report.pdf"
    result.unlink(missing_ok=True)

    done = subprocess.run(
        [sys.executable, "-m", "local_stack.demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "succeeded" in done.stdout
    assert "copied to ./var/demo/report.pdf" in done.stdout
    words = text_of(result)
    assert "Harbour report, third quarter" in words
    assert "Πειραιάς" in words
    assert "横浜港" in words


def test_up_tells_the_addresses_and_keeps_conversions_beyond_its_end(tmp_path: Path) -> None:
    convert = f"{sys.executable} -m conveyor convert examples/report.docx --to pdf --out {tmp_path}"
    with up() as running:
        told = read_until("Ctrl-C", running.stdout)
        with up() as other:
            refused = other.stdout.read()
        sourced(convert)
        interrupted = end(running, signal.SIGINT)
    with up() as running:
        told_again = read_until("Ctrl-C", running.stdout)
        listed = sourced(f"{sys.executable} -c '{LIST}'")
        terminated = end(running, signal.SIGTERM)

    assert {"sandbox", "broker", "Flower"} <= {line.split(" ")[0] for line in told}
    assert ". var/up/producer.env\n" in told
    assert refused == "error: another stack uses var/up: stop it first\n"
    assert interrupted == terminated == (0, "\nstopped; nothing is left running\n")
    assert told_again == told
    assert "succeeded" in listed
    assert "Harbour report" in text_of(tmp_path / "report.pdf")
    assert "API_SECRET" not in (ROOT / "var" / "up" / "producer.env").read_text()


def end(running: subprocess.Popen[str], how: signal.Signals) -> tuple[int, str]:
    """How it ends, and what it still says."""
    running.send_signal(how)
    rest = running.stdout.read()
    return running.wait(60), rest


def sourced(line: str) -> str:
    """What a line prints in a shell with a producer's settings."""
    return subprocess.run(
        ["/bin/sh", "-ec", f". var/up/producer.env\n{line}"],
        cwd=ROOT,
        check=True,
        timeout=120,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def up() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "local_stack.up"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(word: str, stream: object) -> list[str]:
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if word in line:
            return lines
    pytest.fail("".join(lines))


def text_of(pdf: Path) -> str:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()
