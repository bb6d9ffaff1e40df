from __future__ import annotations

from conveyor import names

TASKS = {names.SUBMIT, names.POLL, names.DELIVER, names.NOTIFY, names.CHECKUP}


def test_the_names_on_the_wire_stay():
    """Producers and workers of other versions say the same names."""
    assert {
        "conveyor.submit",
        "conveyor.poll",
        "conveyor.deliver",
        "conveyor.notify",
        "conveyor.checkup",
    } == TASKS


def test_every_task_has_a_queue_that_workers_consume():
    queues = names.Queues()

    assert set(queues.of_tasks) == TASKS
    assert set(queues.of_tasks.values()) == set(queues.names)


def test_queues_begin_with_the_namespace_and_tasks_do_not():
    queues = names.Queues("staging")

    assert queues.names == (
        "staging.submit",
        "staging.poll",
        "staging.deliver",
        "staging.notify",
    )
    assert queues.of_tasks["conveyor.submit"] == "staging.submit"


def test_no_queue_is_celerys_own():
    """The web application's workers consume that one."""
    assert "celery" not in names.Queues().names
