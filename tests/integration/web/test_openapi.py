"""Schemathesis reads the API's description, and tries to catch the API departing from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conveyor import Failure, FailureKind

HERE = Path(__file__).parent
LONGEST_S = 20


def _try(site, tmp_path):
    key = site.session.headers["Authorization"]
    command = (
        *(Path(sys.executable).with_name("schemathesis"), "--no-color"),
        *("--config-file", HERE / "schemathesis.toml"),
        *("run", f"{site.url}/openapi.json", "--max-time", str(LONGEST_S), "--seed", "7"),
        *("-H", f"Authorization: {key}"),
    )
    return subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )


@pytest.fixture
def ended(make, ledger, converted):
    """Conversions that have ended: there is something to fetch, and to replay."""
    for _ in range(10):
        converted()
        ledger.failed(make.converting(), Failure(FailureKind.INPUT, "File is damaged.", 5002, 500))


def test_no_request_makes_the_api_depart_from_its_description(serve, tmp_path, ended):
    # With a key, so that the answers to callers without one are tried, too.
    tried = _try(serve(has_key=True, web_requests_per_minute=0), tmp_path)

    assert tried.returncode == 0, tried.stdout + tried.stderr
