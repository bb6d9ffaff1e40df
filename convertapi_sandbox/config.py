"""What a sandbox may be told, in one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from convertapi_sandbox.credentials import Credentials
from convertapi_sandbox.durations import Duration
from convertapi_sandbox.faults import check_rates
from convertapi_sandbox.loopback import bracketed
from convertapi_sandbox.recording import Recording

__all__ = ["BOTH_DIALECTS", "Dialect", "Repeated", "SandboxConfig"]


class Dialect(Enum):
    """The two ways in which the vendor has worded asynchronous conversions."""

    QUERY = "query"  # `Async=true`, `/job/{id}`, ids are RFC 4122 UUIDs, webhooks by GET
    PATH = "path"  # `/async/convert`, `/async/job/{id}`, 32 characters, webhooks by POST


class Repeated(Enum):
    """What becomes of a submit under the id of a job that is there."""

    TAKEN = "taken"  # started and charged again: what a client must expect
    REFUSED = "refused"  # 409
    REFUSED_400 = "refused-400"  # 400, as a wrong parameter
    FIRST = "first"  # answered with the first job, not charged again


BOTH_DIALECTS: Final = frozenset(Dialect)


_DURATIONS: Final = (
    "spacing_s",
    "job_ttl_s",
    "file_ttl_s",
    "slow_s",
    "hold_s",
    "retry_after_s",
)


@dataclass(frozen=True, kw_only=True)
class SandboxConfig:
    """How a sandbox behaves.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        secret: The account's secret, which converts and reads the account.
        token: An API token, which converts.
        master_token: The master token, which reads the account.
        jwt_kid: Identifies the key of self-signed tokens.
        jwt_key: That key; its tokens convert until they expire.
        dialects: Dialects spoken; asynchronous addresses of the others answer 404.
        spacing_s: Seconds from the end of a job's poll to the earliest next one.
        duration: Bounds of the simulated time that a conversion takes at least.
        faults: Rate from 0 to 1 by fault name, see `convertapi_sandbox.faults`.
        seed: Seed of all that is drawn: faults and durations.
        public_url: Base of the `Url`s handed out; without it the request's Host.
        workers: Conversions that run at the same time.
        job_ttl_s: Life of a job.
        file_ttl_s: Life of a file.
        balance: Credits of the account.
        overage: Go on converting when the balance is used up.
        ignore_async: Answer asynchronous requests with the finished result.
        slow_s: How long an answer takes that is slow by order.
        ranges: Serve parts of files to clients that ask for them.
        control_in_form: Read `WebHook`, `Async` and `JobId` from the form too. The documentation
            calls them query parameters; without this they are ignored anywhere else.
        hold_s: How long a submit is held that is struck by `held_submit`.
        repeated_job_id: What becomes of a submit under the id of a job that is there.
        retry_after_s: What a `Retry-After` of a fault asks for.
        audit_fingerprints: Count equal conversions as paid duplicates, whatever their ids.
        reachable_hosts: Hosts beside loopback from which files are fetched and to which
            webhooks go: other containers of a test.
        host_names: Names beside loopback's under which clients reach the sandbox. A request under
            another name is refused, since any website may have sent it.
        recording: Of the service, whose words are used where they are known.

    Raises:
        ValueError: A value is out of bounds or a fault has no such name.
    """

    host: str = "127.0.0.1"
    port: int = 0
    secret: str = "sandbox"  # noqa: S105 - it opens nothing but the sandbox
    token: str | None = None
    master_token: str | None = None
    jwt_kid: str | None = None
    jwt_key: str | None = None
    dialects: frozenset[Dialect] = BOTH_DIALECTS
    spacing_s: float = 5.0
    duration: Duration = field(default_factory=Duration)
    faults: Mapping[str, float] = field(default_factory=dict)
    seed: int | None = None
    public_url: str | None = None
    workers: int = 2
    job_ttl_s: float = 7200.0
    file_ttl_s: float = 10800.0
    balance: int = 1_000_000
    overage: bool = False
    ignore_async: bool = False
    slow_s: float = 40.0
    ranges: bool = True
    control_in_form: bool = False
    hold_s: float = 26.0
    repeated_job_id: Repeated = Repeated.TAKEN
    retry_after_s: int = 7
    audit_fingerprints: bool = False
    reachable_hosts: frozenset[str] = frozenset()
    host_names: frozenset[str] = frozenset()
    recording: Recording | None = None

    def __post_init__(self) -> None:
        check_rates(self.faults)
        self.credentials  # noqa: B018 - checks them
        if self.workers < 1:
            raise ValueError("at least one worker is needed")
        if not self.dialects:
            raise ValueError("at least one dialect is needed")
        for name in _DURATIONS:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")

    @property
    def names(self) -> frozenset[str]:
        """Names beside loopback's that it answers to: those given, and its own address."""
        own = () if _is_any(self.host) else (bracketed(self.host),)
        public = urlsplit(self.public_url or "").hostname
        return self.host_names.union(own, (bracketed(public),) if public else ())

    @property
    def credentials(self) -> Credentials:
        """What is accepted at the start."""
        return Credentials(
            secret=self.secret,
            token=self.token,
            master_token=self.master_token,
            jwt_kid=self.jwt_kid,
            jwt_key=self.jwt_key,
        )


def _is_any(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False
