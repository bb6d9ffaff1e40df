"""The programs that tests start by fork are programs all the same."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing

import pytest

from local_stack import process
from local_stack.environment import ROOT, child_environment
from local_stack.process import Child
from tests.nursery import Born, Nursery

WEB = (sys.executable, "-m", "web")
SANDBOX = (sys.executable, "-m", "convertapi_sandbox")


def child(tmp_path, command, env=None):
    return Child("it", command, log=tmp_path / "it.log", env=env, cwd=ROOT)


def ended(program):
    program.start()
    program.wait_ready(lambda: not program.is_running)
    return program.exit_status, program.printed()


def test_program_that_fails_ends_with_its_status_and_its_message(tmp_path):
    status, printed = ended(child(tmp_path, WEB, child_environment({"WEB_PORT": "none"})))
    assert status == 2
    assert printed.startswith("error: CONVEYOR_WEB_PORT")


def test_program_sees_its_own_environment_and_none_of_the_last_ones(tmp_path):
    names = ("WEB_PORT", "WEB_CONNECTIONS", "WEB_REQUESTS_PER_MINUTE")
    for name in names:
        status, printed = ended(child(tmp_path, WEB, child_environment({name: "none"})))
        assert (status, [each for each in names if each in printed]) == (2, [name])


def test_killed_program_has_its_signal_as_status_and_leads_a_group(tmp_path):
    program = child(tmp_path, (*SANDBOX, "--port", "0", "--secret", "x"))
    program.start()
    assert os.getpgid(program.pid) == program.pid
    program.kill()
    assert program.exit_status == -signal.SIGKILL


def test_applications_program_is_started_as_a_user_starts_it(tmp_path):
    command = (sys.executable, "-c", "import sys; print('celery' in sys.modules)")
    assert ended(child(tmp_path, command)) == (0, "False\n")
    application = (sys.executable, "-m", "celery", "-A", "shop", "worker")
    with closing(Nursery(process.launch)) as nursery:
        started = nursery.launch(application, log=tmp_path / "log", env=None, cwd=tmp_path)
        assert not isinstance(started, Born)
        started.wait()


@pytest.mark.parametrize("name", ["PYTHONHASHSEED", "LD_PRELOAD"])
def test_python_that_must_start_otherwise_is_started_anew(tmp_path, name):
    env = {**os.environ, name: "" if name == "LD_PRELOAD" else "1"}
    with closing(Nursery(process.launch)) as nursery:
        started = nursery.launch((*SANDBOX, "--help"), log=tmp_path / "log", env=env, cwd=ROOT)
        assert not isinstance(started, Born)
        assert started.wait() == 0


def test_program_that_is_run_to_its_end_tells_its_status_and_both_of_its_streams(run_program):
    command = (sys.executable, "-m", "conveyor")
    told = run_program([*command, "--version"], env=child_environment({}))
    wrong = run_program([*command, "convert"], env=child_environment({}))

    assert (told.returncode, told.stderr, bool(told.stdout)) == (0, "", True)
    assert (wrong.returncode, wrong.stdout, bool(wrong.stderr)) == (2, "", True)


def test_program_of_others_that_is_run_to_its_end_is_started_as_a_user_starts_it(run_program):
    code = "import sys; print('celery' in sys.modules, sys.stdin.read())"
    ended = run_program([sys.executable, "-c", code], env=child_environment({}))

    assert (ended.returncode, ended.stdout) == (0, "False \n")
