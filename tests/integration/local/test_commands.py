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


def test_up_tells_the_addresses_and_ends_cleanly_when_it_is_terminated() -> None:
    with up() as running:
        told = read_until("Ctrl-C", running.stdout)
        running.send_signal(signal.SIGTERM)
        rest = running.stdout.read()
        status = running.wait(60)

    assert (status, rest) == (0, "\nstopped; nothing is left running\n")
    assert {"sandbox", "broker", "Flower"} <= {line.split(" ")[0] for line in told}
    assert ". var/up/producer.env\n" in told


def test_conversions_survive_a_restart_with_the_same_settings(
    tmp_path: Path,
) -> None:
    lines = "\n".join(
        (
            ". var/up/producer.env",
            f"{sys.executable} -m conveyor convert examples/report.docx --to pdf --out {tmp_path}",
        )
    )
    with up() as running:
        told = read_until("Ctrl-C", running.stdout)
        with up() as other:
            refused = other.stdout.read()
        subprocess.run(["/bin/sh", "-ec", lines], cwd=ROOT, check=True, timeout=120)
        running.send_signal(signal.SIGINT)
        rest = running.stdout.read()
    assert (running.wait(60), rest) == (0, "\nstopped; nothing is left running\n")
    with up() as running:
        told_again = read_until("Ctrl-C", running.stdout)
        listed = subprocess.run(
            ["/bin/sh", "-ec", f". var/up/producer.env\n{sys.executable} -c '{LIST}'"],
            cwd=ROOT,
            check=True,
            timeout=60,
            capture_output=True,
            text=True,
        ).stdout
        running.send_signal(signal.SIGINT)

    assert refused == "error: another stack uses var/up: stop it first\n"
    assert told_again == told
    assert "succeeded" in listed
    assert "Harbour report" in text_of(tmp_path / "report.pdf")
    assert "API_SECRET" not in (ROOT / "var" / "up" / "producer.env").read_text()


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
