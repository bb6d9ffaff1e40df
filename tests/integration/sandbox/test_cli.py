import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
import requests

COMMAND = [sys.executable, "-m", "convertapi_sandbox"]


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
    (line,) = log.splitlines()
    assert "[info     ] converted" in line
    assert "outcome=succeeded source_format=md target_format=html" in line
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
        (["--token", ""], "must not be empty"),
        (["--jwt-key", "x"], "come together"),
        (["--fault", "status_429_sumbit=1"], "did you mean status_429_submit"),
    ],
)
def test_bad_input_is_one_clear_line(run_program, options, words):
    done = run_program([*COMMAND, "--port", "0", *options], env=os.environ)
    assert done.returncode == 2
    assert done.stdout == ""
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


OPTIONS = (
    *("--token", "the-token", "--master-token", "the-master", "--overage", "--balance", "0"),
    *("--jwt-kid", "kid", "--jwt-key", "key", "--repeated-job-id", "first", "--hold-seconds", "1"),
    *("--retry-after", "3", "--no-ranges", "--control-in-form"),
)


def test_options_reach_the_sandbox(tmp_path):
    with running(tmp_path, *OPTIONS) as (_, line):
        url = line.split()[-1]

        def ask(method, path, token, **options):
            headers = {"Authorization": f"Bearer {token}"}
            return requests.request(method, url + path, headers=headers, timeout=60, **options)

        uploaded = ask("POST", "/upload", "the-token", files={"File": ("a.md", b"x")}).json()
        job_id = "3f0c9c9e-6b0e-4c43-9d39-3c1c6c7a1a11"
        form = {"Async": "true", "JobId": job_id, "File": uploaded["FileId"]}
        for _ in range(2):
            answer = ask("POST", "/convert/md/to/html", "the-token", data=form)
            assert answer.json() == {"JobId": job_id}
        assert ask("GET", "/user", "the-master").json()["ConversionsConsumed"] == 1
        assert "Accept-Ranges" not in requests.get(uploaded["Url"], timeout=60).headers
        faults = {"throttle_retry_after_user": 1}
        requests.post(f"{url}/_faults", json=faults, timeout=60)
        assert ask("GET", "/user", "the-master").headers["Retry-After"] == "3"


def test_faults_are_listed_with_their_meaning(run_program):
    done = run_program([*COMMAND, "--list-faults"], env=os.environ)
    assert done.returncode == 0
    assert "ADDRESS is one of: submit, upload, poll, download, delete, user." in done.stdout
    assert "status_429_ADDRESS\n    429 without `Retry-After`, without `Code`\n" in done.stdout
    assert "message_only_502_ADDRESS, message_only_502_after_submit\n" in done.stdout
