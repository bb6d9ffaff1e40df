"""The workers' settings; they extend the producer's few. `load_settings` reads them, once."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from config.addresses import is_loopback
from conveyor.protocol import Auth, Dialect
from conveyor.schedule import MAX_NET_S
from conveyor.settings import ProducerSettings, load

__all__ = ["LEAST_WEBHOOK_KEY", "WorkerSettings", "load_settings"]

# An HMAC is as hard to guess as its key.
LEAST_WEBHOOK_KEY: Final = 16

# The service's rule (seed); only a loopback stand-in may be asked more often.
_SERVICE_SPACING_S: Final = 5.0
# A countdown never exceeds a minute: a message must not come back while it only waits.
_LEAST_VISIBILITY_S: Final = 300


class WorkerSettings(ProducerSettings):
    """What a worker needs to know. Each field is read from ``CONVEYOR_<NAME>``."""

    api_url: str = Field(
        default="https://v2.convertapi.com",
        description="The service's host, or one of its regions (`https://eu-v2.convertapi.com`).",
    )
    api_secret: SecretStr = Field(description="The account's secret or token. Required.")
    api_dialect: Literal["auto", "path", "query"] = Field(
        default="auto",
        description="The protocol's dialect; `auto` tries path, then query, and remembers.",
    )
    api_auth: Auth = Field(
        default=Auth.HEADER,
        description="Where the secret goes: `header`, or `query` for old proxies.",
    )
    api_proxy: str = Field(default="", description="An HTTP proxy to reach the service through.")
    connect_timeout: float = Field(
        default=5.0, gt=0, le=60, description="Seconds to connect to the service."
    )
    read_timeout: float = Field(
        default=15.0,
        gt=5,
        le=120,
        description="Seconds between two reads of an answer; above the 5 s it may hold a poll.",
    )
    answer_timeout: float = Field(
        default=30.0, gt=5, le=300, description="Seconds for a whole answer, dribbled or not."
    )
    transfer_timeout: float = Field(
        default=900.0, gt=0, le=7200, description="Seconds for a whole download."
    )
    poll_spacing: float = Field(
        default=_SERVICE_SPACING_S,
        ge=0.05,
        le=30,
        description="Seconds between two polls of a job; below 5 only for a loopback service.",
    )
    semi_async_seconds: float = Field(
        default=0,
        ge=0,
        le=1200,
        description="Seconds that a submit waits for the result itself; 0: it never does.",
    )
    account_jobs: int = Field(
        default=0, ge=0, description="Jobs of the account at once, fleet-wide; 0: no limit."
    )
    allow_repay: bool = Field(
        default=False,
        description="Whether a submit is repeated where nobody can tell if the first was paid.",
    )
    webhook_url: str = Field(
        default="",
        description="The web process's `/webhooks` as the service reaches it; unset: no webhooks.",
    )
    webhook_key: SecretStr = Field(
        default=SecretStr(""),
        description="Signs the webhooks' addresses; the web process's own, 16 characters or more.",
    )
    webhook_net: float = Field(
        default=60,
        ge=5,
        le=MAX_NET_S,
        description="Seconds until a job is polled whose webhook has not called.",
    )
    submit_attempts: int = Field(
        default=3, ge=1, le=10, description="POSTs of one conversion, each after a proven loss."
    )
    poll_strikes: int = Field(
        default=100,
        ge=1,
        le=1000,
        description="Polls in a row without an answer of the service, before a dead letter.",
    )
    storage_retries: int = Field(
        default=6, ge=0, le=50, description="Deliveries tried again, before a dead letter."
    )
    max_file_bytes: int = Field(
        default=4 * 1024**3, ge=1024, description="The largest result file that is stored, bytes."
    )
    source_folders: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Folders beside the storage that workers may read sources from, by commas.",
    )
    pool: Literal["threads", "prefork"] = Field(
        default="threads", description="Celery's pool. Conversions wait elsewhere: threads do."
    )
    concurrency: int = Field(default=32, ge=1, le=1000, description="Tasks at once in one worker.")
    eta_limit: int = Field(
        default=10_000,
        ge=100,
        description="Waiting polls that one worker holds, before others get them.",
    )
    visibility_timeout: int = Field(
        default=900,
        ge=_LEAST_VISIBILITY_S,
        description="Seconds after which the broker hands out again what was not acknowledged.",
    )
    callback_queue: str = Field(
        default="celery",
        min_length=1,
        description="Queue of the callers' callbacks that name none: their own workers' queue.",
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="`json`, one object a line, or `console`."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The least level that is logged."
    )

    @field_validator("api_url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an http(s) URL, e.g. https://v2.convertapi.com")
        if parts.scheme == "http" and not _is_near(parts.hostname):
            raise ValueError("must be https: the secret would travel in clear")
        return url.rstrip("/")

    @field_validator("api_secret")
    @classmethod
    def _is_given(cls, secret: SecretStr) -> SecretStr:
        if not secret.get_secret_value().strip():
            raise ValueError("must not be empty")
        return secret

    @field_validator("webhook_url")
    @classmethod
    def _is_safe_to_call(cls, url: str) -> str:
        parts = urlsplit(url)
        if not url:
            return ""
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError(
                "must be a URL without a query, e.g. https://shop.example.com/webhooks"
            )
        if parts.scheme == "http" and not _is_near(parts.hostname):
            raise ValueError("must be https: the call brings the job's id, which opens the result")
        return url.rstrip("/")

    @field_validator("source_folders", mode="before")
    @classmethod
    def _split(cls, folders: object) -> object:
        if isinstance(folders, str):
            return tuple(folder.strip() for folder in folders.split(",") if folder.strip())
        return folders

    @model_validator(mode="after")
    def _keeps_the_services_rule(self) -> WorkerSettings:
        if self.poll_spacing < _SERVICE_SPACING_S and not self.api_is_loopback:
            raise ValueError(
                f"CONVEYOR_POLL_SPACING is {self.poll_spacing:g}, and ConvertAPI wants 5 s "
                "between two polls: set 5 or more (less is for a loopback API host alone)"
            )
        return self

    @model_validator(mode="after")
    def _signs_its_webhooks(self) -> WorkerSettings:
        if self.webhook_url and len(self.webhook_key.get_secret_value()) < LEAST_WEBHOOK_KEY:
            raise ValueError(
                f"CONVEYOR_WEBHOOK_KEY must have {LEAST_WEBHOOK_KEY} characters or more: it signs "
                "the webhooks' addresses, and the web process needs the same"
            )
        return self

    @property
    def api_is_loopback(self) -> bool:
        """Whether the API is a stand-in on this machine."""
        return is_loopback(urlsplit(self.api_url).hostname or "")

    @property
    def dialects(self) -> tuple[Dialect, ...]:
        """The dialects to try, in order."""
        if self.api_dialect == "auto":
            return (Dialect.PATH, Dialect.QUERY)
        return (Dialect(self.api_dialect),)


def load_settings() -> WorkerSettings:
    """Read the environment.

    Raises:
        SettingsError: Something is missing or wrong; the message names each in one line.
    """
    return load(WorkerSettings)


def _is_near(host: str) -> bool:
    """Whether it is this machine, or a name without dots: a container beside this one."""
    return is_loopback(host) or ("." not in host and ":" not in host)
