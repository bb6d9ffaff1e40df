"""All parts of one sandbox, put together once."""

from __future__ import annotations

import random
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from starlette.requests import Request

from convertapi_sandbox.account import Account
from convertapi_sandbox.audit import Audit
from convertapi_sandbox.config import SandboxConfig
from convertapi_sandbox.conversions import Conversions
from convertapi_sandbox.converters.registry import Registry, installed
from convertapi_sandbox.downloads import Downloads
from convertapi_sandbox.engine import Engine
from convertapi_sandbox.faults import Faults
from convertapi_sandbox.file_store import FileStore
from convertapi_sandbox.jobs import JobBook
from convertapi_sandbox.road import Road
from convertapi_sandbox.sources import Sources
from convertapi_sandbox.stranger import elsewhere
from convertapi_sandbox.submits import Submits
from convertapi_sandbox.webhooks import Webhooks

__all__ = ["Core", "assemble"]


@dataclass(frozen=True, kw_only=True)
class Core:
    """What the endpoints share.

    Args:
        config: How the sandbox behaves.
        folder: Holds all its files; removed at the end.
        registry: Conversions that there are.
        account: The one account.
        audit: What the client did.
        faults: Faults in force.
        files: Uploads and results.
        jobs: Jobs that can be polled.
        sources: Finds and fetches what is to be converted.
        conversions: Takes orders.
        submits: Orders that are not answered yet.
        downloads: Answers with files.
        road: Leads to the endpoints, and back.
    """

    config: SandboxConfig
    folder: tempfile.TemporaryDirectory[str]
    registry: Registry
    account: Account
    audit: Audit
    faults: Faults
    files: FileStore
    jobs: JobBook
    sources: Sources
    conversions: Conversions
    submits: Submits
    downloads: Downloads
    road: Road

    def base_url(self, request: Request) -> str:
        """Return the sandbox's address as the client of a request sees it.

        Args:
            request: Names the host by which it came, unless a public URL is set.
        """
        if self.config.public_url is not None:
            return self.config.public_url.rstrip("/")
        return f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"

    def reset(self) -> None:
        """Forget jobs, files, charges and counts."""
        for job in self.jobs.clear():
            if job.task is not None:
                job.task.cancel()
        self.files.clear()
        self.account.reset()
        self.audit.reset()

    def close(self) -> None:
        """Stop all work and remove all files."""
        self.conversions.engine.close()
        self.conversions.webhooks.close()
        self.sources.close()
        self.folder.cleanup()


def assemble(config: SandboxConfig, *, stranger_port: int) -> Core:
    """Return a sandbox's parts.

    Args:
        config: How it behaves.
        stranger_port: Port where it plays another host.
    """
    folder = tempfile.TemporaryDirectory(prefix="convertapi-sandbox-", ignore_cleanup_errors=True)
    audit = Audit(fingerprints=config.audit_fingerprints)
    faults = Faults(config.faults, seed=config.seed, audit=audit)
    account = Account(config.credentials, balance=config.balance, overage=config.overage)
    hosts = config.reachable_hosts
    files = FileStore(_made(folder, "files"), ttl_s=config.file_ttl_s, clock=time.monotonic)
    jobs = JobBook(ttl_s=config.job_ttl_s, clock=time.monotonic)
    sources = Sources(files, reachable_hosts=hosts)
    conversions = Conversions(
        account=account,
        audit=audit,
        faults=faults,
        jobs=jobs,
        files=files,
        sources=sources,
        engine=Engine(_made(folder, "work"), workers=config.workers),
        webhooks=Webhooks(audit=audit, faults=faults, reachable_hosts=hosts),
        repeated=config.repeated_job_id,
        duration=config.duration,
        dice=random.Random(config.seed),  # noqa: S311 - repeatable is the point
    )
    return Core(
        config=config,
        folder=folder,
        registry=installed(),
        account=account,
        audit=audit,
        faults=faults,
        files=files,
        jobs=jobs,
        sources=sources,
        conversions=conversions,
        submits=Submits(),
        downloads=Downloads(faults=faults, audit=audit, ranges=config.ranges),
        road=Road(
            faults=faults,
            audit=audit,
            elsewhere=partial(elsewhere, stranger_port),
            retry_after_s=config.retry_after_s,
            slow_s=config.slow_s,
        ),
    )


def _made(folder: tempfile.TemporaryDirectory[str], name: str) -> Path:
    path = Path(folder.name, name)
    path.mkdir()
    return path
