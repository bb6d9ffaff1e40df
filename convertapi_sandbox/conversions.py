"""From an order to its outcome: charge, start, run, fail by order, tell the webhook."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from convertapi_sandbox.account import Account
from convertapi_sandbox.audit import Audit
from convertapi_sandbox.config import Repeated
from convertapi_sandbox.durations import Duration
from convertapi_sandbox.engine import Engine, Made, Work
from convertapi_sandbox.errors import (
    BAD_REQUEST,
    CONFLICT,
    ApiError,
    conversion_error,
    job_id_in_use,
)
from convertapi_sandbox.faults import Faults
from convertapi_sandbox.file_store import FileStore
from convertapi_sandbox.files import StoredFile
from convertapi_sandbox.jobs import Failure, Job, JobBook, Outcome, Success, new_job_id
from convertapi_sandbox.logs import log
from convertapi_sandbox.orders import Order, fingerprint
from convertapi_sandbox.parameters import Checked
from convertapi_sandbox.sources import Sources
from convertapi_sandbox.webhooks import Webhooks

__all__ = ["Conversions"]

# HTTP status of the refusal of a repeated JobId.
_REFUSED_WITH: Final = {Repeated.REFUSED: CONFLICT, Repeated.REFUSED_400: BAD_REQUEST}


@dataclass(frozen=True, kw_only=True)
class Conversions:
    """Takes orders and brings each to its outcome.

    Args:
        account: Charged for each order taken.
        audit: Told of charges and outcomes.
        faults: Which may fail a conversion or rename a job.
        jobs: Where a client finds its job.
        files: Where results go.
        sources: Finds and fetches what is to be converted.
        engine: Does the work.
        webhooks: Tells the client of the end.
        repeated: What becomes of an order under the id of a job that is there.
        duration: Bounds of the time that a conversion takes at least.
        dice: Draws that time.
    """

    account: Account
    audit: Audit
    faults: Faults
    jobs: JobBook
    files: FileStore
    sources: Sources
    engine: Engine
    webhooks: Webhooks
    repeated: Repeated
    duration: Duration
    dice: random.Random

    def take(self, order: Order) -> Job:
        """Charge an order and start it.

        Args:
            order: What the client asks for.

        Returns:
            Its job; the earlier one, if an order under its id was taken before and the sandbox
            answers a repeated id with the first job.

        Raises:
            ApiError: 409 or 4000, the id is in use; 4014, the balance is used up; 5009, no such
                FileId.
        """
        own_id = order.checked.job_id
        earlier = None if own_id is None else self.jobs.find(own_id, order.dialect)
        if earlier is not None and self.repeated is Repeated.FIRST:
            return earlier
        if earlier is not None and self.repeated in _REFUSED_WITH:
            raise job_id_in_use(_REFUSED_WITH[self.repeated])
        self._check_file_ids(order.checked)
        self.account.charge()
        self.audit.charge(own_id, fingerprint(order, self.sources), order.checked.file_name or "")
        foreign = own_id is not None and self.faults.strikes("foreign_job_id")
        job_id = new_job_id(order.dialect) if own_id is None or foreign else own_id
        job = self.jobs.open(job_id, order.dialect)
        job.task = asyncio.create_task(self._run(job, order, self.duration.draw_s(self.dice)))
        return job

    async def outcome(self, job: Job) -> Outcome:
        """Wait for a job's end; the job goes on if whoever waits gives up.

        Args:
            job: One that was taken.
        """
        if job.task is None:
            raise ValueError("only a job that was taken has an end")
        return await asyncio.shield(job.task)

    async def _run(self, job: Job, order: Order, duration_s: float) -> Outcome:
        checked = order.checked
        simulated = asyncio.sleep(min(duration_s, checked.timeout_s))
        outcome, _ = await asyncio.gather(self._bounded(order, duration_s), simulated)
        job.outcome = outcome
        self._note(order, "succeeded" if isinstance(outcome, Success) else "failed")
        if checked.webhook is not None:
            _keep(asyncio.create_task(self.webhooks.announce(job, checked.webhook)))
        return outcome

    def _note(self, order: Order, outcome: str) -> None:
        self.audit.outcome(outcome)
        formats = {"source_format": order.source_format, "target_format": order.target_format}
        log.info("converted", **formats, outcome=outcome)

    async def _bounded(self, order: Order, duration_s: float) -> Outcome:
        code = self.faults.conversion_error()
        if code is not None:
            return Failure(conversion_error(code))
        if duration_s > order.checked.timeout_s:
            return Failure(conversion_error(5000))
        try:
            async with asyncio.timeout(order.checked.timeout_s):
                return await self._convert(order)
        except TimeoutError:
            return Failure(conversion_error(5000))
        except ApiError as error:
            return Failure(error)
        except Exception:  # noqa: BLE001 - a converter may break in any way, and a job must end
            # The traceback may hold file names, never ids or secrets.
            log.exception("converter_broke")
            return Failure(conversion_error(50050))

    async def _convert(self, order: Order) -> Success:
        checked = order.checked
        sources = [await self.sources.resolve(value, order.base_url) for value in checked.sources]
        work = Work(
            converter=order.converter,
            source_format=order.source_format,
            target_format=order.target_format,
            sources=sources,
            options=checked.options,
            timeout_s=checked.timeout_s,
        )
        stem = checked.file_name or Path(sources[0].name).stem or "file"
        made = await self.engine.convert(work)
        if self.faults.strikes("no_files"):
            made = ()
        results = tuple(self._keep_result(result, stem) for result in made)
        return Success(results, stored=checked.store_file, base_url=order.base_url)

    def _keep_result(self, made: Made, stem: str) -> StoredFile:
        name = f"{stem}{made.label}{made.path.suffix}"
        return self.files.adopt(made.path, name, made.size, made.digest)

    def _check_file_ids(self, checked: Checked) -> None:
        file_ids = self.sources.file_ids(checked.sources)
        if any(map(self.files.find, file_ids)) and self.faults.strikes("vanish_file"):
            self.files.vanish(file_ids)
        self.audit.count("foreign_file_ids", sum(not self.files.has_known(one) for one in file_ids))
        if not all(map(self.files.find, file_ids)):
            raise conversion_error(5009)


# The event loop holds its tasks weakly: without this a webhook could vanish half-sent.
_background: set[asyncio.Task[None]] = set()


def _keep(task: asyncio.Task[None]) -> None:
    _background.add(task)
    task.add_done_callback(_background.discard)
