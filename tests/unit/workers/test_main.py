"""``conveyor worker``: Celery's options for workers, and how it ends."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import click
import pytest
from celery import Celery
from celery.bin.worker import worker

from workers import __main__ as program


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs it with an application whose worker notes what it was made with, and ends as told."""

    def start(*arguments, ends=0):
        app = Celery(set_as_current=False)
        app.conf.update(worker_pool="threads", worker_concurrency=7, worker_send_task_events=True)
        made = []

        def make(**options):
            made.append(options)
            return SimpleNamespace(start=_raiser(ends), exitcode=ends)

        app.Worker = make
        monkeypatch.setitem(sys.modules, "workers.app", SimpleNamespace(app=app))
        with pytest.raises(SystemExit) as ended:
            program.main(arguments)
        shown = capsys.readouterr()
        return SimpleNamespace(status=ended.value.code, made=made, out=shown.out, err=shown.err)

    return start


def _raiser(ends):
    def start():
        if isinstance(ends, BaseException):
            raise ends

    return start


def test_it_takes_pool_and_size_from_the_settings(run):
    ended = run()

    (options,) = ended.made
    assert options["pool"].__module__ == "celery.concurrency.thread"
    assert options["concurrency"] == 7
    assert options["task_events"] is None  # the settings say so
    assert not options["queues"]
    assert ended.status == 0


def test_it_takes_celerys_options(run):
    (options,) = run("-n", "second@here", "-Q", "a,b", "--pidfile", "x.pid").made

    assert options["hostname"] == "second@here"
    assert options["queues"] == ["a", "b"]
    assert options["pidfile"] == "x.pid"


def test_it_takes_celerys_variables(run, monkeypatch):
    monkeypatch.setenv("CELERY_WORKER_QUEUES", "a")

    assert run().made[0]["queues"] == ["a"]


@pytest.mark.parametrize("option", ["--bogus", "--detach", "--executable=python", "-A"])
def test_an_option_that_does_not_fit_is_refused_in_one_line(run, option):
    ended = run(option)

    assert ended.made == []
    assert ended.status == 2
    assert ended.err.startswith("error: No such option")
    assert ended.err.endswith("See conveyor worker --help\n")
    assert len(ended.err.splitlines()) == 1


def test_celerys_own_command_keeps_its_options():
    names = {option.name for option in worker.params}

    assert {"detach", "executable"} <= names
    assert worker.help != program._HELP


@pytest.mark.parametrize(
    ("ends", "status", "err"),
    [
        (0, 0, ""),
        (1, 1, ""),
        (SystemExit(70), 70, ""),
        (SystemExit("error: a setting is wrong"), 2, "error: a setting is wrong\n"),
        (click.UsageError("no"), 2, "error: no See conveyor worker --help\n"),
    ],
    ids=["well", "failed", "exit", "setting", "usage"],
)
def test_it_ends_as_the_worker_does(run, ends, status, err):
    ended = run(ends=ends)

    assert (ended.status, ended.err) == (status, err)


def test_help_needs_no_settings(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "workers.app", raising=False)
    with pytest.raises(SystemExit) as ended:
        program.main(["--help"])

    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert shown.startswith("Usage: conveyor worker [OPTIONS]")
    assert "--detach" not in shown


def test_it_loads_no_other_command_of_celerys():
    """Flower's plugin among them, which every worker would pay for at its start."""
    code = "import sys, workers.__main__; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert "celery.bin.worker" in loaded
    assert [name for name in ("celery.bin.celery", "flower", "tornado") if name in loaded] == []
