import os
from contextlib import contextmanager
from pathlib import Path

import requests


@contextmanager
def failing(code):
    """Let every conversion fail with a code."""
    faults = f"{os.environ['SANDBOX_URL']}/_faults"
    requests.post(faults, json={f"error_{code}": 1}, timeout=60)
    yield
    requests.post(faults, json={}, timeout=60)


def check(page):
    with failing(5003):
        failed = page.conveyor.convert("report.docx", to="pdf")
        said = page.pdf_of("report.docx", "de-AT, en;q=0.5")
        events = [event.state for event in failed.events()]
    assert events[-1] == "failed"
    assert said == "Diese Datei ist mit einem Passwort geschützt."
    assert page.shown(failed.id) == {
        "state": "failed",
        "error": (
            "This file is protected with a password. Enter the password and convert the file again."
        ),
        "asks_for_password": True,
    }
    assert page.shown(failed.id, "de")["error"].startswith(said)

    with Path("report.docx").open("rb") as document:
        staged = page.conveyor.stage("report.docx", document)
    done = page.convert_with("hush", staged)
    page.conveyor.handle(done).wait(timeout=120)
    assert page.shown(done) == {"state": "succeeded"}
