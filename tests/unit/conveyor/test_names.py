from __future__ import annotations

from conveyor import names

TASKS = {names.SUBMIT, names.POLL, names.DELIVER, names.CHECKUP}


def test_the_names_on_the_wire_stay():
    """Producers and workers of other versions say the same names."""
    assert {"conveyor.submit", "conveyor.poll", "conveyor.deliver", "conveyor.checkup"} == TASKS


def test_every_task_has_a_queue_that_workers_consume():
    assert set(names.QUEUE_OF) == TASKS
    assert {*names.QUEUE_OF.values(), names.URGENT} == set(names.QUEUES)


def test_no_queue_is_celerys_own():
    """The web application's workers consume that one."""
    assert "celery" not in names.QUEUES
