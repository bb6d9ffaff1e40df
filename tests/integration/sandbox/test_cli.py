import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
import requests

COMMAND = [sys.executable, "-m", "conveyor.sandbox"]


@contextmanager
def running(tmp_path, *options):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [*COMMAND, "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_when_it_is_ready_and_leaves_nothing_behind(tmp_path, number):
    with running(tmp_path, "--fault", "throttle_submit=1", "--duration", "0.1-0.2") as (
        process,
        line,
    ):
        assert line.startswith("sandbox ready on http://127.0.0.1:")
        url = line.split()[-1]
        assert requests.get(f"{url}/_health", timeout=60).json() == {"healthy": True}
        assert requests.post(f"{url}/convert/a/to/b", timeout=60).status_code == 503
        process.send_signal(number)
        assert process.wait(60) == 0
        assert process.stdout.read() == ""
        assert process.stderr.read() == ""
    assert list(tmp_path.iterdir()) == []


def test_the_log_holds_no_secret(tmp_path):
    with running(tmp_path, "--verbose", "--secret", "hush") as (process, line):
        url = line.split()[-1]
        for path in ("/convert/md/to/html?Secret=hush", "/user?Token=hush", "/job/hush"):
            requests.post(url + path, files={"File": ("hush.md", b"x")}, timeout=60)
        process.terminate()
        process.wait(60)
        log = process.stderr.read()
    assert "md to html: Success" in log
    assert "hush" not in log


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--fault", "nonsense=1"], "no fault 'nonsense'"),
        (["--fault", "outage=lots"], "NAME=RATE"),
        (["--fault", "outage=2"], "from 0 to 1"),
        (["--duration", "soon"], "SECONDS or A-B"),
        (["--duration", "3-1"], "low to high"),
        (["--dialect", "latin"], "both, path or query"),
        (["--host", "0.0.0.0"], "--allow-remote"),
        (["--host", "203.0.113.1", "--allow-remote"], "cannot listen"),
        (["--secret", ""], "must not be empty"),
    ],
)
def test_bad_input_is_one_clear_line(options, words):
    done = subprocess.run(
        [*COMMAND, "--port", "0", *options], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
