"""What the decorators ask of Celery, of tasks that are made in this process and that can be run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from celery import Celery
from celery.exceptions import Ignore

from conveyor import ConversionFailed, names

BELL = {"acks_late": True, "ignore_result": True, "send_events": False, "throws": ()}
TASKS = {
    "submit": {"name": names.SUBMIT, **BELL},
    "poll": {"name": names.POLL, **BELL},
    "deliver": {
        "name": names.DELIVER,
        **BELL,
        "ignore_result": False,
        "throws": (ConversionFailed,),
    },
    "notify": {"name": names.NOTIFY, **BELL},
    "checkup": {
        "name": names.CHECKUP,
        **BELL,
        # The doctor asks again.
        "acks_late": False,
        "ignore_result": False,
        "send_events": True,
    },
}
BASES = {"submit": "SubmitTask", "deliver": "DeliverTask"}


@pytest.fixture(params=TASKS)
def task(request, task_of, rig, modules, monkeypatch):
    """A task whose body has run, as a bell's for which there is no room."""
    nothing = SimpleNamespace(examine=lambda *_: [])
    monkeypatch.setattr(modules["tasks.checkup"], "checkup_of", lambda _: nothing)
    made, run = task_of(request.param)
    rig.room = 0
    if request.param == "checkup":
        assert run()["checks"] == []
    else:
        with pytest.raises(Ignore):
            run()
    return made


def _short(task):
    return task.name.removeprefix("conveyor.")


def test_task_has_the_options_that_its_decorator_gives_reasons_for(task):
    options = TASKS[_short(task)]

    assert {option: getattr(task, option) for option in options} == options


def test_task_joins_no_other_application_of_its_process(task):
    with Celery(set_as_current=False, broker="memory://") as other:
        other.finalize()

        assert task.name not in other.tasks


def test_task_has_the_base_that_its_module_makes_for_it(task, modules):
    base = BASES.get(_short(task), "ConversionTask")

    assert isinstance(task, getattr(modules[f"tasks.{_short(task)}"], base))
