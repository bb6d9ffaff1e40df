"""A `Conveyor` that was used before a fork works in each child, and goes on in the parent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from local_stack.environment import child_environment

PROGRAM = Path(__file__).with_name("program.py")
PATIENCE_S = 200


@pytest.fixture
def run(redis_url, tmp_path):
    def run(*case, storage="file"):
        settings = {
            "BROKER_URL": redis_url,
            "REDIS_URL": redis_url,
            "RESULT_BACKEND": redis_url,
            "STORAGE_URL": f"{storage}://{tmp_path}/files",
        }
        ended = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-W", "error", str(PROGRAM), *case],
            env=child_environment(settings),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert ended.stderr == ""
        assert ended.returncode == 0
        return ended.stdout.split()

    return run


def test_children_of_os_fork_work_and_so_does_their_parent(run):
    assert run("os_fork") == ["ok"] * 2


def test_a_fork_of_a_fork_works(run):
    assert run("fork_of_a_fork") == ["ok"] * 2


def test_a_fork_out_of_a_running_event_loop_works(run):
    assert run("fork_in_an_event_loop") == ["ok"]


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_processes_and_pools_work_with_what_they_are_passed(run, method):
    assert run("processes", method) == ["ok"]


def test_forks_work_while_other_threads_are_in_the_middle_of_calls(run):
    assert run("fork_under_load") == ["ok"] * 12


def test_a_fork_works_while_another_thread_opens_the_storage(run):
    assert run("fork_while_a_thread_begins", storage="slow") == ["ok"]


def test_a_program_ends_quietly_while_calls_are_under_way(run):
    assert run("end_in_the_middle") == ["ok"]
