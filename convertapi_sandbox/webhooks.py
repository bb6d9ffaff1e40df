"""Calls to the client's webhook at the end of a job."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from convertapi_sandbox import outbound
from convertapi_sandbox.audit import Audit
from convertapi_sandbox.config import Dialect
from convertapi_sandbox.faults import Faults
from convertapi_sandbox.jobs import Job, Success

__all__ = ["Webhooks"]

_CALL_TIMEOUT_S: Final = 5
# Waits before the second and later attempts.
_RETRY_S: Final = (0.2, 1.0, 3.0)
_CALLERS: Final = 4


class Webhooks:
    """Calls webhooks in threads.

    Args:
        audit: Told of calls that were answered and calls that came to nothing.
        faults: Which may lose or double a call.
        reachable_hosts: Hosts beside loopback that are called.
    """

    def __init__(self, *, audit: Audit, faults: Faults, reachable_hosts: frozenset[str]) -> None:
        self._audit = audit
        self._faults = faults
        self._hosts = reachable_hosts
        self._threads = ThreadPoolExecutor(_CALLERS, thread_name_prefix="webhook")

    async def announce(self, job: Job, url: str) -> None:
        """Tell the client that a job has ended.

        Args:
            job: In the query dialect every end is told, in the path dialect success only.
            url: The client's webhook.
        """
        if job.dialect is Dialect.PATH and not isinstance(job.outcome, Success):
            return
        if self._faults.strikes("lost_webhook"):
            self._audit.count("webhooks_lost")
            return
        times = 2 if self._faults.strikes("doubled_webhook") else 1
        for _ in range(times):
            sent = await self._deliver(job, url)
            self._audit.count("webhooks_sent" if sent else "webhooks_lost")

    def close(self) -> None:
        """Make no further call."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _deliver(self, job: Job, url: str) -> bool:
        if not outbound.is_reachable(url, self._hosts):
            return False
        loop = asyncio.get_running_loop()
        for wait in (0.0, *_RETRY_S):
            await asyncio.sleep(wait)
            if await loop.run_in_executor(self._threads, _call, job, url):
                return True
        return False


def _call(job: Job, url: str) -> bool:
    body = json.dumps({"JobId": job.id}).encode() if job.dialect is Dialect.PATH else None
    target = url if body else _with_job_id(url, job.id)
    try:
        outbound.call(target, timeout_s=_CALL_TIMEOUT_S, json_body=body).close()
    except OSError:
        return False
    return True


def _with_job_id(url: str, job_id: str) -> str:
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode({"JobId": job_id}))))
    return urlunsplit(parts._replace(query=query))
