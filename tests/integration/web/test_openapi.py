"""Schemathesis reads the API's description, and tries to catch the API departing from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conveyor import Failure, FailureKind

HERE = Path(__file__).parent
LONGEST_S = 25


def _try(site, tmp_path, *options):
    command = (
        *(Path(sys.executable).with_name("schemathesis"), "--no-color"),
        *("--config-file", HERE / "schemathesis.toml"),
        *("run", f"{site.url}/openapi.json", "--max-time", str(LONGEST_S), "--seed", "7", *options),
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


@pytest.mark.parametrize("has_key", [False, True])
def test_the_api_is_as_described(serve, tmp_path, ended, has_key):
    site = serve(has_key=has_key, web_requests_per_minute=0)
    header = site.session.headers.get("Authorization")
    tried = _try(site, tmp_path, *(["-H", f"Authorization: {header}"] if has_key else []))

    assert tried.returncode == 0, tried.stdout + tried.stderr
