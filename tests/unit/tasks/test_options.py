"""What the decorators ask of Celery, of tasks that are made in this process."""

from __future__ import annotations

import pytest
from celery import Celery

from conveyor import ConversionFailed, names

OPTIONS = ("name", "acks_late", "ignore_result", "send_events", "throws")
BELL = {"acks_late": True, "ignore_result": True, "send_events": False, "throws": ()}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("submit", {"name": names.SUBMIT, **BELL}),
        ("poll", {"name": names.POLL, **BELL}),
        (
            "deliver",
            {
                "name": names.DELIVER,
                **BELL,
                "ignore_result": False,
                "throws": (ConversionFailed,),
            },
        ),
        (
            "checkup",
            {
                "name": names.CHECKUP,
                **BELL,
                # The doctor asks again.
                "acks_late": False,
                "ignore_result": False,
                "send_events": True,
            },
        ),
    ],
)
def test_task_has_the_options_that_its_decorator_gives_reasons_for(task_of, name, options):
    task, _ = task_of(name)

    assert {option: getattr(task, option) for option in OPTIONS} == options


def test_tasks_join_no_other_application_of_their_process(modules):
    with Celery(set_as_current=False, broker="memory://") as other:
        other.finalize()

        assert not {name for name in other.tasks if name.startswith("conveyor.")}


@pytest.mark.parametrize("base", ["SubmitTask", "DeliverTask"])
def test_task_has_the_base_of_its_module(modules, base):
    name = base.removesuffix("Task").lower()
    module = modules[f"tasks.{name}"]

    assert isinstance(getattr(module, name), getattr(module, base))
