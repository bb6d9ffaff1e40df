"""Why no worker has answered: the workers are asked over Celery's remote control.

Their main processes answer that, however busy their pools are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from conveyor import names
from conveyor.diagnosis.answer import no_worker
from conveyor.diagnosis.broker import address_of_broker
from conveyor.diagnosis.checks import Check
from conveyor.diagnosis.question import Question
from conveyor.diagnosis.roll_call import Alive, ask_about, roll_call
from conveyor.ledger.causes import explain
from conveyor.producer import Conveyor

__all__ = ["INQUIRY_S", "why_silent"]

INQUIRY_S: Final = 3.5
"""How long it takes at most to find out why none has, seconds."""


def why_silent(
    conveyor: Conveyor, question: Question, timeout_s: float, deadline: float
) -> list[Check]:
    """Find out why no worker has answered.

    Args:
        conveyor: The library.
        question: What was asked.
        timeout_s: How long the workers had, seconds.
        deadline: Until when to find out, by the monotonic clock.

    Returns:
        Why, or what a worker says that has answered late.
    """
    app = conveyor.celery_app
    try:
        alive = roll_call(app, deadline)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
        server = (
            f"No worker answered within {timeout_s:g} s. The broker at {address_of_broker(app)}"
        )
        return [no_worker(explain(server, error, "CONVEYOR_BROKER_URL"))]
    # Where our storage hangs the question went out late, and so comes the answer.
    if question.report(0) is not None:
        return question.told()
    queue = conveyor.publisher.queues.of_tasks[names.CHECKUP]
    ours = [worker for worker in alive if queue in worker.queues]
    if not ours:
        return [no_worker(_nobody(alive, timeout_s))]
    told = ask_about(app, [worker.node for worker in ours], deadline)
    return [check for worker in ours for check in _judge(question, worker, told, timeout_s)]


def _nobody(alive: Sequence[Alive], timeout_s: float) -> str:
    start = "Start one: conveyor worker."
    if not alive:
        return f"No worker answered within {timeout_s:g} s, and none is connected. {start}"
    queues = sorted({queue for worker in alive for queue in worker.queues})
    return (
        f"No worker answered within {timeout_s:g} s. {len(alive)} on this broker consume other "
        f"queues ({', '.join(queues[:6])}). They belong to another application, or to another "
        f"CONVEYOR_NAMESPACE. {start}"
    )


def _judge(
    question: Question, worker: Alive, told: Mapping[str, Any], timeout_s: float
) -> list[Check]:
    """Why a worker that is alive has not answered."""
    about = told.get(worker.node)
    if about is None:
        detail = (
            f"The worker runs, but has not answered within {timeout_s:g} s. Check its log: it may "
            "be overloaded, or run another release."
        )
        return [Check("worker", ok=False, detail=detail, where=worker.node)]
    found = [Check("worker", ok=False, detail=_busy(about, timeout_s), where=worker.node)]
    storage = about.get("storage")
    if isinstance(storage, dict) and not storage.get("ok", True):
        found.append(Check("storage", ok=False, detail=str(storage["detail"]), where=worker.node))
    return [*found, *question.compare({**about, "node": worker.node})]


def _busy(about: Mapping[str, Any], timeout_s: float) -> str:
    slots, running = int(about["slots"]), list(about.get("running", ()))
    if len(running) < slots:
        return (
            f"The worker runs, has {slots - len(running)} free slots of {slots}, but has not "
            f"answered within {timeout_s:g} s. Many messages may wait before this one, or its "
            "answer reached neither Redis nor the result backend. Give both the same "
            "CONVEYOR_REDIS_URL and CONVEYOR_RESULT_BACKEND."
        )
    longest = max((float(item["seconds"]) for item in running), default=0.0)
    tasks = ", ".join(sorted({str(item["task"]) for item in running}))
    return (
        f"The worker runs, but all its {slots} slots are busy with {tasks}, the longest for "
        f"{longest:.0f} s. It has no slot to answer within {timeout_s:g} s. Check what they wait "
        "for, or start more workers."
    )
