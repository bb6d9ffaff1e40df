import os
from contextlib import contextmanager

import pytest
import requests

from conveyor import ConversionFailed, Conveyor

FAILED = []


@contextmanager
def failing():
    """Let every conversion fail."""
    faults = f"{os.environ['SANDBOX_URL']}/_faults"
    requests.post(faults, json={"error_5001": 1}, timeout=60)
    yield
    requests.post(faults, json={}, timeout=60)


def fail(conveyor):
    handle = conveyor.convert("report.docx", to="pdf")
    FAILED.append(handle.id)
    with pytest.raises(ConversionFailed, match="5001"):
        handle.wait(timeout=120)


def prepare():
    """What the command line of the page finds."""
    with failing(), Conveyor.from_env() as conveyor:
        fail(conveyor)


def check(page):
    with failing():
        fail(page.conveyor)
    by_command, by_python = FAILED

    # It raises unless it has succeeded.
    page.conveyor.handle(by_command).wait(timeout=120)
    assert page.retry_all() == [by_python]
    page.conveyor.handle(by_python).wait(timeout=120)
