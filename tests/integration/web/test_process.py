"""``conveyor web`` as a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import contextmanager

import pytest
import requests

from conveyor.webhooks import address_of
from local_stack.environment import ROOT, child_environment
from local_stack.ports import free_port
from local_stack.process import Child

KEY = "key-of-the-webhooks"
COMMAND = (sys.executable, "-m", "conveyor", "web")


@pytest.fixture
def process(redis_url, tmp_path):
    @contextmanager
    def run(**settings):
        port = free_port()
        values = {
            "BROKER_URL": redis_url,
            "STORAGE_URL": (tmp_path / "files").as_uri(),
            "WEB_PORT": str(port),
            "WEBHOOK_KEY": KEY,
            **settings,
        }
        child = Child(
            "web", COMMAND, log=tmp_path / "web.log", env=child_environment(values), cwd=ROOT
        )
        child.start()
        child.url = f"http://127.0.0.1:{port}"
        try:
            child.wait_ready(lambda: f"web ready on {child.url}\n" in child.printed())
            yield child
        finally:
            child.stop()

    return run


def test_it_says_when_it_is_ready_and_ends_when_it_is_asked_to(process):
    with process() as web:
        assert requests.get(f"{web.url}/readyz", timeout=60).json() == {"status": "ok"}
        web.stop(grace_s=60)

    assert web.exit_status == 0
    assert "Traceback" not in web.printed()


def test_server_ends_soon_despite_an_open_event_stream(process, make):
    entry = make.queued()
    with process() as web:
        path = f"{web.url}/conversions/{entry.id}/events"
        with requests.get(path, stream=True, timeout=60) as stream:
            lines = stream.iter_lines(1)
            assert next(lines).startswith(b"id: ")
            web.stop(grace_s=60)
            # What had to be cut off lacks its end, and can't be read to it.
            assert b"".join(lines).count(b"event: state") == 1

    assert web.exit_status == 0
    assert "Traceback" not in web.printed()


def test_its_log_has_a_line_a_request_and_no_secret(process, make):
    entry = make.converting(confirmed=True, job_id="job-id-of-ours")
    path = address_of("/webhooks", KEY, entry.id)
    with process() as web:
        requests.get(f"{web.url}{path}?JobId=job-id-of-ours", timeout=60)
        requests.get(f"{web.url}{path}-forged?JobId=job-id-of-ours", timeout=60)
        requests.get(f"{web.url}/conversions/{entry.id}?secret=of-ours", timeout=60)
        requests.get(f"{web.url}/nothing/job-id-of-ours", timeout=60)
        web.stop(grace_s=60)
    log = web.printed()

    assert log.count('"event": "request"') == 3
    assert f'"conversion_id": "{entry.id}"' in log
    assert '"route": "/webhooks/{conversion_id}/{signature}"' in log
    for secret in ("job-id-of-ours", "of-ours", path.rpartition("/")[2]):
        assert secret not in log


def test_a_port_that_is_taken_is_reported_in_one_line(process, redis_url):
    with process() as web:
        port = web.url.rpartition(":")[2]
        ended = subprocess.run(
            COMMAND,
            cwd=ROOT,
            env=child_environment({"WEB_PORT": port, "BROKER_URL": redis_url}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert ended.returncode == 1
    assert re.fullmatch(rf"error: can't listen on 127.0.0.1, port {port}: .+\n", ended.stderr)
