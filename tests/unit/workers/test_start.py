"""Starting is a process's own business: each of these is one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def python(tmp_path):
    def run(code, **settings):
        ours = {f"CONVEYOR_{name}": value for name, value in settings.items()}
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "CONVEYOR_STORAGE_URL": str(tmp_path), **ours},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "CONVEYOR_API_SECRET is missing"),
        ({"API_SECRET": "hush", "POLL_SPACING_SECONDS": "1"}, "ConvertAPI wants 5 s"),
        ({"API_SECRET": "hush", "STORAGE_URL": "nope://x"}, "CONVEYOR_STORAGE_URL is wrong: nope:"),
        (
            {"API_SECRET": "hush", "SOURCE_FOLDERS": "/srv,nope://x"},
            "CONVEYOR_SOURCE_FOLDERS is wr",
        ),
        ({"API_SECRET": "hush", "API_PROXY": "nope://x"}, "CONVEYOR_API_PROXY is wrong: must be"),
        ({"API_SECRET": "hush", "API_URL": "nope://x"}, "CONVEYOR_API_URL is wrong: must be"),
        ({"API_SECRET": "hush", "WEBHOOK_URL": "nope://x"}, "CONVEYOR_WEBHOOK_URL is wrong: must"),
        ({"API_SECRET": "hush", "RESULT_BACKEND": "nope://x"}, "CONVEYOR_RESULT_BACKEND is wrong:"),
    ],
    ids=lambda it: None if isinstance(it, str) else " ".join(it) or "nothing",
)
def test_a_worker_that_is_not_set_up_says_so_in_one_line(python, settings, words):
    ended = python("import workers.app", **settings)

    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert "hush" not in ended.stderr


_LOG = """
import logging
import structlog
from celery import signals
from workers.logs import install

install("INFO", "json")
signals.setup_logging.send(None)
log = structlog.get_logger("conveyor.test")
with structlog.contextvars.bound_contextvars(conversion_id="c1"):
    log.info("submitted", dialect="path")
    log.debug("not_shown")
    logging.getLogger("celery.worker").warning("lost %s", "connection")
    logging.getLogger("urllib3.connectionpool").warning("GET /job/hush")
    logging.getLogger("urllib3.connectionpool").debug("GET /job/hush")
    try:
        raise ValueError("why")
    except ValueError:
        log.exception("sweep_failed")
"""


def test_logs_are_one_json_object_a_line(python):
    ended = python(_LOG)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]

    assert [line["event"] for line in lines] == ["submitted", "lost connection", "sweep_failed"]
    assert {line["conversion_id"] for line in lines} == {"c1"}
    assert lines[0]["dialect"] == "path"
    assert lines[0]["logger"] == "conveyor.test"
    assert lines[0]["timestamp"].endswith("Z")
    assert "ValueError: why" in lines[2]["exception"]


def test_logger_that_prints_urls_is_silenced(python):
    """A URL may hold a job id."""
    ended = python(_LOG.replace('"INFO", "json"', '"DEBUG", "console"'))

    assert "submitted" in ended.stderr
    assert "not_shown" in ended.stderr
    assert "hush" not in ended.stderr
