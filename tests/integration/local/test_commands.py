"""`make demo` and `make up`, as their users run them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pypdfium2
import pytest

ROOT = Path(__file__).parents[3]


def test_demo_makes_a_pdf_that_holds_the_documents_words() -> None:
    result = ROOT / "var" / "demo" / "report.pdf"
    result.unlink(missing_ok=True)

    done = subprocess.run(
        [sys.executable, "-m", "workers.local.demo"],
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_tells_the_addresses_and_ends_cleanly(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "workers.local.up"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as up:
        assert up.stdout
        told = read_until("Ctrl-C", up.stdout)
        up.send_signal(number)
        rest = up.stdout.read()
        status = up.wait(60)

    assert (status, rest) == (0, "\nstopped; nothing is left running\n")
    assert {"sandbox", "broker", "Flower"} <= {line.split(" ")[0] for line in told}
    assert any(line.startswith("export CONVEYOR_BROKER_URL=redis://") for line in told)


def read_until(word: str, stream: object) -> list[str]:
    lines: list[str] = []
    for line in stream:  # type: ignore[attr-defined]
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
