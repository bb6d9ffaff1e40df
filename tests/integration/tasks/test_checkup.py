"""`conveyor.checkup`: what a worker reports of itself, as its result and through Redis."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from conveyor import names
from conveyor.diagnosis.checkup import WORKER_TIMEOUT_S
from workers.checks import Checkup, checkup_of


@pytest.fixture
def report(worker):
    """What the task answers, in both ways."""

    def ask(**asked):
        question = str(uuid4())
        worker.app.send_task(
            names.CHECKUP, kwargs=asked, task_id=question, queue="celery", ignore_result=False
        )
        (message,) = worker.waiting()
        result = worker.run(message).retval
        return result, json.loads(worker.services.ledger.reports.get(question))

    return ask


def _by_name(report):
    return {check["name"]: check for check in report["checks"]}


def test_worker_that_is_well_says_so_of_each_part(worker, report):
    answered, through_redis = report()
    checks = _by_name(answered)

    assert answered["checks"] == through_redis["checks"]
    assert answered["node"] == through_redis["node"] == "worker@test"
    assert answered["ledger"] == worker.services.ledger.identity() != ""
    assert set(checks) == {"storage", "api", "host", "clock"}
    assert all(check["ok"] and not check["warning"] for check in checks.values())
    assert checks["storage"]["detail"] == "a file was written, read and removed"
    assert checks["api"]["detail"].endswith("conversions left")
    assert checks["host"]["detail"] == "jobs and files stay at 127.0.0.1"
    assert checks["clock"]["detail"] == "within 2 s of the clock of Redis"


def test_file_that_the_doctor_has_written_is_read(worker, report):
    with worker.services.storage.probe() as uri:
        answered, _ = report(probe=uri)

    assert _by_name(answered)["storage"]["detail"].endswith("and your file was read")


def test_file_of_another_storage_is_named_with_its_cure(report, tmp_path):
    (tmp_path / "other").write_bytes(b"ok")
    answered, _ = report(probe=(tmp_path / "other").as_uri())
    storage = _by_name(answered)["storage"]

    assert not storage["ok"]
    assert "give both the same CONVEYOR_STORAGE_URL" in storage["detail"]
    assert _by_name(answered)["api"]["ok"]


def test_question_of_a_later_release_is_answered_all_the_same(report):
    answered, _ = report(something_new=1)

    assert len(answered["checks"]) == 4


def test_wrong_secret_is_named_with_its_cure(worker_of, sandbox):
    with worker_of(sandbox.url, api_secret="not-the-secret") as worker:
        (api,) = [
            check for check in Checkup(worker.services).examine(None, 60.0) if check.name == "api"
        ]

    assert not api.ok
    assert api.detail.endswith("check CONVEYOR_API_SECRET")


def test_one_process_has_one_checkup(worker):
    assert checkup_of(worker.services) is checkup_of(worker.services)


def test_worker_answers_well_before_the_doctor_stops_to_wait(worker):
    from tasks import checkup  # noqa: PLC0415  # because the app reads the environment

    assert checkup._MOST_S + 1 <= WORKER_TIMEOUT_S
