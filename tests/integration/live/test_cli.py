"""`conveyor doctor --live` as a user meets it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time

import pytest

from conveyor import __main__
from conveyor.cli import live

from .conftest import sandbox_of

SECRET = "Hush-of-the-account-7"


def load(path):
    return json.loads(path.read_bytes())


@pytest.fixture(scope="module")
def service():
    with sandbox_of(secret=SECRET) as server:
        yield server


@pytest.fixture
def environment(service, monkeypatch, tmp_path):
    monkeypatch.setenv("CONVEYOR_API_URL", service.url)
    monkeypatch.setenv("CONVEYOR_API_SECRET", SECRET)
    monkeypatch.setenv("CONVEYOR_POLL_SPACING_SECONDS", "0.1")
    monkeypatch.chdir(tmp_path)
    service.reset()
    service.set_faults({})


@pytest.fixture
def doctor(environment, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["conveyor", "doctor", *arguments])
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        printed = capsys.readouterr()
        assert "hush" not in (printed.out + printed.err).lower()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def test_without_spend_nothing_is_asked_and_nothing_is_paid(doctor, service, tmp_path):
    status, out, err = doctor("--live")
    assert status == 1  # the sandbox has no /info
    assert "does not hold\tinformation\t" in out
    assert err.count("\n") == 1
    assert "0 conversions spent" in err
    assert service.audit()["paid"] == 0
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("conveyor-live-2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load(path)["allowed"] == 0


def test_json_says_it_all(doctor, tmp_path):
    _, out, _ = doctor("--live", "--json", "--spend", "1", "--yes", "--record", "one.json")
    told = json.loads(out)
    assert (told["ok"], told["allowed"], told["spent"]) == (False, 1, 1)
    assert told["recording"] == "one.json"
    recorded = load(tmp_path / "one.json")
    assert [fact["verdict"] for fact in told["facts"]] == [
        fact["verdict"] for fact in recorded["facts"]
    ]


def test_before_it_spends_it_asks(doctor, service, tmp_path):
    status, out, err = doctor("--live", "--spend", "2")
    assert (status, out) == (2, "")
    assert err.startswith("error: Spend up to 2 conversions of your account at 127.0.0.1?")
    assert "--yes" in err
    assert service.audit()["requests"] == 0
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_is_there_is_found_before_anything_is_asked(doctor, service, tmp_path):
    (tmp_path / "mine.json").write_text("mine")
    status, _, err = doctor("--live", "--record", "mine.json")
    assert status == 2
    assert "--force" in err
    assert service.audit()["requests"] == 0
    assert (tmp_path / "mine.json").read_text() == "mine"
    assert doctor("--live", "--record", "mine.json", "--force")[0] == 1
    assert load(tmp_path / "mine.json")["spent"] == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"CONVEYOR_API_URL": "https://evil.example"}, "CONVEYOR_API_URL is wrong"),
        ({"CONVEYOR_API_URL": "http://v2.convertapi.com"}, "CONVEYOR_API_URL is wrong"),
        ({"CONVEYOR_API_URL": "http://[x"}, "CONVEYOR_API_URL is wrong"),
        ({"CONVEYOR_API_URL": "https://v2.convertapi.com"}, "wants 5 s"),
        ({"CONVEYOR_API_SECRET": ""}, "CONVEYOR_API_SECRET"),
        ({"CONVEYOR_API_SECRET": "Hush hush hush"}, "without blanks"),
        ({"CONVEYOR_API_SECRET": "Hush\r\nX: y"}, "without blanks"),
        ({"CONVEYOR_API_SECRET": "Hüsh-of-the-account"}, "without blanks"),
        ({"CONVEYOR_API_SECRET_FILE": "x"}, "set one of them"),
        ({"CONVEYOR_API_SECRET": "", "CONVEYOR_API_SECRET_FILE": "x"}, "can't be read"),
        ({"CONVEYOR_POLL_SPACING_SECONDS": "0"}, "CONVEYOR_POLL_SPACING_SECONDS"),
    ],
)
def test_a_wrong_setting_is_one_line_and_nothing_is_asked(
    doctor, service, monkeypatch, settings, words
):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    status, out, err = doctor("--live")
    assert (status, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert service.audit()["requests"] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--spend", "1"),
        ("--record", "x.json"),
        ("--yes",),
        ("--live", "--spend", "-1"),
        ("--live", "--spend", "11"),
        ("--live", "--record", "no/such/folder.json"),
        ("--live", "--webhook", "http://example.com/x"),
        ("--live", "--webhook", "https://example.com/x"),
        ("--live", "--webhook", "https://example.com/x?y=z", "--listen", "1"),
        ("--live", "--webhook", "http://[x", "--listen", "1"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_status_2(doctor, arguments):
    status, out, err = doctor(*arguments)
    assert (status, out) == (2, "")
    assert err


def test_the_secret_may_stand_in_a_file(doctor, monkeypatch, tmp_path):
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    monkeypatch.setenv("CONVEYOR_API_SECRET", "")
    monkeypatch.setenv("CONVEYOR_API_SECRET_FILE", str(tmp_path / "secret"))
    _, out, _ = doctor("--live")
    assert "holds\tbearer" in out


def test_a_service_that_is_not_there_could_not_be_told(doctor, monkeypatch):
    monkeypatch.setenv("CONVEYOR_API_URL", "http://127.0.0.1:1")
    status, out, err = doctor("--live")
    assert status == 0
    assert "0 hold, 0 do not" in err
    assert "no connection" in out


def test_ctrl_c_ends_it_and_what_was_seen_is_recorded(doctor, monkeypatch, tmp_path):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("conveyor.live.polling.Poller.follow", interrupt)
    status, out, err = doctor("--live", "--spend", "2", "--yes", "--record", "cut.json")
    assert status == 130
    assert err.splitlines()[-1].startswith("error: interrupted. What was recorded so far is in")
    assert "holds\tbearer" in out
    recording = load(tmp_path / "cut.json")
    assert (recording["allowed"], recording["spent"]) == (2, 1)
    assert ("upload", 200) in {
        (exchange["label"], exchange["status"]) for exchange in recording["exchanges"]
    }
    assert "Interrupted." in {fact["evidence"] for fact in recording["facts"]}


def test_bug_in_the_observer_loses_no_event(doctor, monkeypatch, tmp_path):
    monkeypatch.setattr("conveyor.live.polling.Poller.follow", None)
    _, out, err = doctor("--live", "--spend", "2", "--yes", "--record", "cut.json")
    assert "The run broke off (TypeError): please report it." in out
    assert "1 conversion spent" in err
    assert load(tmp_path / "cut.json")["spent"] == 1


# A shell has its jobs in the background ignore Ctrl-C, and what they start inherits that.
_LISTENING = """
import runpy
import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("conveyor", run_name="__main__", alter_sys=True)
"""


def test_a_real_interrupt_while_it_waits_ends_it_soon(service, environment, tmp_path):
    service.set_faults({"silent_user": 1.0})
    command = [sys.executable, "-c", _LISTENING, "doctor", "--live", "--record", "cut.json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        deadline = time.monotonic() + 60
        while not service.audit()["requests"] and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    exchange = load(tmp_path / "cut.json")["exchanges"][-1]
    assert (exchange["label"], exchange["silence"]) == ("user", "interrupted")


def test_the_listener_takes_the_port_of_a_loopback_address(doctor, listener):
    # The port is taken by another listener.
    status, _, err = doctor("--live", "--webhook", listener.url)
    assert status == 2
    assert "cannot listen" in err
    assert live.port_of("https://example.com/hook") is None
