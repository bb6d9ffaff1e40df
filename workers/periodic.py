"""What every worker does again and again beside its tasks: a thread of its main process."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

import redis
import structlog
from kombu.exceptions import OperationalError

from conveyor.diagnosis.causes import explain
from conveyor.errors import ConveyorError
from workers.complaints import complaints

__all__ = ["Periodic"]

log = structlog.get_logger("conveyor.periodic")


class Periodic:
    """Does one thing every few seconds.

    A fault is logged, once while it lasts, and the next time comes.

    Args:
        name: What logs call it.
        every_s: Between two times, seconds.
        work: What is done.
    """

    def __init__(self, name: str, every_s: float, work: Callable[[], object]) -> None:
        self._name = name
        self._every_s = every_s
        self._work = work
        self._stopped = Event()

    def start(self) -> None:
        """Begin."""
        Thread(target=self._run, name=f"conveyor-{self._name}", daemon=True).start()

    def stop(self) -> None:
        """Stop, without waiting for what is under way."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            try:
                self._work()
            except ConveyorError as error:
                complaints.begin(self._name, str(error))
            except (OperationalError, redis.RedisError, OSError) as error:
                complaints.begin(self._name, explain("The broker", error, "CONVEYOR_BROKER_URL"))
            except Exception:
                log.exception("periodic_failed", work=self._name)
            else:
                complaints.end(self._name)
