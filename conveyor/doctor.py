"""The checks behind ``conveyor doctor``, as values: what stands, what does not, and the cure.

Each is bounded in time. Broker, Redis and storage are checked from here; a worker is asked to
check its own storage, and the API, as only workers hold the credentials.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Any, Final, TypeVar

from celery import Celery
from celery.exceptions import TaskRevokedError
from celery.exceptions import TimeoutError as NoAnswer

from conveyor import names
from conveyor.errors import BrokerUnavailable, ConveyorError, StorageError
from conveyor.ledger import Ledger
from conveyor.producer import Conveyor
from conveyor.publishing import Publisher
from conveyor.redaction import redact_server_url

__all__ = [
    "WORKER_TIMEOUT_S",
    "Check",
    "Part",
    "ask_worker",
    "examine",
    "parts_of",
]

CHECK_TIMEOUT_S: Final = 10.0
WORKER_TIMEOUT_S: Final = 15.0
_MARGIN_S: Final = 5.0  # to send the question and to give it up

_HERE: Final = "here"


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of one part.

    Attributes:
        name: The part.
        ok: Whether it can be used.
        detail: What was found; where it failed, what to do. Holds no secret.
        where: Who looked: ``here``, or the worker's node name.
        warning: Whether it can be used, and you should do something about it all the same.
    """

    name: str
    ok: bool
    detail: str
    where: str = _HERE
    warning: bool = False


class Part:
    """What we stand on, to be checked any number of times.

    A check that hangs is waited for the next time, and not joined by another: each holds a thread.

    Args:
        name: What it is called.
        work: Uses it, and says what was found.
    """

    def __init__(self, name: str, work: Callable[[], str]) -> None:
        self._name = name
        self._work = work
        self._under_way: Future[str] | None = None

    def check(self, timeout_s: float = CHECK_TIMEOUT_S) -> Check:
        """Check it; not from two threads at once.

        Args:
            timeout_s: How long it may take, seconds.
        """
        if self._under_way is None or self._under_way.done():
            self._under_way = _begin(self._work)
        try:
            return Check(self._name, ok=True, detail=self._under_way.result(timeout_s))
        except ConveyorError as error:
            detail = str(error)
        except TimeoutError:
            detail = (
                f"No answer within {timeout_s:g} s: is it overloaded, or shut off by a firewall?"
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
            detail = f"It can't be used ({type(error).__name__}): look at its log."
        return Check(self._name, ok=False, detail=detail)


def examine(conveyor: Conveyor, worker_timeout_s: float = WORKER_TIMEOUT_S) -> list[Check]:
    """Check everything that can be checked from here.

    Args:
        conveyor: The library, with the settings in question.
        worker_timeout_s: How long a worker may take to answer, seconds.

    Returns:
        The checks, in the order in which they build on each other.
    """
    # Not among the parts: one entry that can't be read must not take a web process out of service.
    entries = Part("entries", partial(_read_entries, conveyor.ledger))
    here = [part.check() for part in (*parts_of(conveyor), entries)]
    broker, *_ = here
    if not broker.ok:
        return [*here, Check("worker", ok=False, detail="Not asked: repair the broker first.")]
    return [*here, *ask_worker(conveyor, worker_timeout_s)]


def parts_of(conveyor: Conveyor) -> Sequence[Part]:
    """What the library stands on: the broker, Redis and the storage."""
    return (
        Part("broker", partial(_reach_broker, conveyor.celery_app)),
        Part("redis", partial(_reach_redis, conveyor.ledger)),
        Part("storage", partial(_use_storage, conveyor)),
    )


def ask_worker(conveyor: Conveyor, timeout_s: float = WORKER_TIMEOUT_S) -> list[Check]:
    """Have a worker check its storage and the API with its credentials.

    Args:
        conveyor: The library.
        timeout_s: How long it may take, seconds; the question is withdrawn after it.

    Returns:
        That a worker answered, and what it found; or one check that says that none did.
    """
    try:
        report = _begin(partial(_ask, conveyor, timeout_s)).result(timeout_s + _MARGIN_S)
        return _read_report(report)
    except (NoAnswer, TimeoutError, TaskRevokedError):
        detail = (
            f"No worker answered within {timeout_s:g} s: none runs in this namespace, or all are "
            "busy. Start one: celery -A workers.app worker"
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
        detail = (
            f"The worker's answer was lost ({type(error).__name__}): look at its log, and whether "
            "it has the same CONVEYOR_RESULT_BACKEND."
        )
    return [Check("worker", ok=False, detail=detail)]


def _ask(conveyor: Conveyor, timeout_s: float) -> Any:
    try:
        with conveyor.storage.probe() as uri:
            return _send(conveyor.publisher, [uri], timeout_s)
    except StorageError:  # told by a check of its own
        return _send(conveyor.publisher, [], timeout_s)


def _send(publisher: Publisher, probes: list[str], timeout_s: float) -> Any:
    question = publisher.app.send_task(
        names.CHECKUP,
        args=probes,
        queue=publisher.queues.of_tasks[names.CHECKUP],
        expires=timeout_s,
        argsrepr="()",
    )
    try:
        return question.get(timeout=timeout_s)
    finally:
        question.forget()


def _read_report(report: Any) -> list[Check]:
    node = str(report["node"])
    found = [
        Check(
            str(item["name"]),
            bool(item["ok"]),
            str(item["detail"]),
            node,
            warning=bool(item.get("warning", False)),
        )
        for item in report["checks"]
    ]
    return [Check("worker", ok=True, detail="answers", where=node), *found]


def _reach_broker(app: Celery) -> str:
    address = redact_server_url(str(app.conf.broker_url))
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)
    except Exception as error:
        raise BrokerUnavailable(
            f"The broker at {address} can't be used ({type(error.__cause__ or error).__name__}): "
            "start it, or set CONVEYOR_BROKER_URL."
        ) from error
    return f"{address} can be reached"


def _reach_redis(ledger: Ledger) -> str:
    begun = time.perf_counter()
    ledger.check()
    return f"a key was written and read in {(time.perf_counter() - begun) * 1000:.1f} ms"


def _read_entries(ledger: Ledger) -> str:
    ledger.look_at_dead()
    unreadable = len(ledger.unreadable())
    if unreadable:
        raise ConveyorError(
            f"{unreadable} in Redis can't be read, and nothing is done for them: "
            "`conveyor dead list` names them"
        )
    return "all that were looked at can be read"


def _use_storage(conveyor: Conveyor) -> str:
    conveyor.storage.check()
    return f"a file was written, read and removed in {redact_server_url(conveyor.storage.url)}"


ResultT = TypeVar("ResultT")


def _begin(work: Callable[[], ResultT]) -> Future[ResultT]:
    """Begin work that may hang, in a thread that holds up neither us nor the process's end."""
    outcome: Future[ResultT] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    return outcome
