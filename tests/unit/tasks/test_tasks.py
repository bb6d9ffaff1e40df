"""What the decorators promise, asked of the application as a worker builds it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conveyor import names

QUEUE_OF = names.Queues().of_tasks

ROOT = Path(__file__).parents[3]

_TELL = """
import json
from workers.app import app

app.loader.import_default_modules()
asked = ("acks_late", "ignore_result", "max_retries", "serializer", "reject_on_worker_lost")
print(json.dumps({
    name: {option: getattr(task, option) for option in asked}
    | {"throws": [error.__name__ for error in task.throws],
       "module": task.__module__,
       "queue": app.amqp.router.route({}, name)["queue"].name}
    for name, task in app.tasks.items() if not name.startswith("celery.")
}))
"""


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    """Every task by its name; in a process of its own, as the app reads the environment."""
    ended = subprocess.run(
        [sys.executable, "-c", _TELL],
        cwd=ROOT,
        env={
            **os.environ,
            "CONVEYOR_API_SECRET": "hush",
            "CONVEYOR_STORAGE_URL": str(tmp_path_factory.mktemp("files")),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(ended.stdout)


def test_the_worker_has_the_tasks_that_producers_name(tasks):
    assert set(tasks) == set(QUEUE_OF)


@pytest.mark.parametrize("name", sorted(QUEUE_OF))
def test_a_task_stands_in_a_module_of_its_own_and_goes_to_its_queue(tasks, name):
    assert tasks[name]["module"] == f"tasks.{name.removeprefix('conveyor.')}"
    assert tasks[name]["queue"] == QUEUE_OF[name]


@pytest.mark.parametrize("name", [names.SUBMIT, names.POLL, names.DELIVER])
def test_a_conversions_message_is_acknowledged_when_its_work_is_done(tasks, name):
    task = tasks[name]

    assert (task["acks_late"], task["reject_on_worker_lost"]) == (True, True)


def test_only_what_a_caller_waits_for_has_a_result(tasks):
    assert {name for name, task in tasks.items() if not task["ignore_result"]} == {
        names.DELIVER,
        names.CHECKUP,
    }


def test_a_failed_conversion_is_not_a_fault_of_the_worker(tasks):
    assert tasks[names.DELIVER]["throws"] == ["ConversionFailed"]


@pytest.mark.parametrize("name", sorted(QUEUE_OF))
def test_a_message_may_come_back_however_often(tasks, name):
    assert tasks[name]["max_retries"] is None
