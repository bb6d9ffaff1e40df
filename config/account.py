"""The settings of the account's conversions: its jobs, its webhooks, and when to give up."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from config.service import ServiceSettings
from conveyor.addresses import is_near, parts_of
from conveyor.storage.schemes import check_url as check_storage

__all__ = ["LEAST_WEBHOOK_KEY", "AccountSettings"]

# An HMAC is as hard to guess as its key.
LEAST_WEBHOOK_KEY: Final = 16
_LEAST_JOB_KEY: Final = 16
_ACCOUNT_CHARACTERS: Final = 64
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class AccountSettings(ServiceSettings):
    """What a worker needs to know of the account. Each field is read from ``CONVEYOR_<NAME>``."""

    # Account
    account: str = Field(
        default="",
        pattern=rf"^[A-Za-z0-9._:-]{{0,{_ACCOUNT_CHARACTERS}}}$",
        description="Your name for the account. Its throttle and hold outlive a new secret. "
        "Defaults to the API's host.",
    )
    account_jobs: int = Field(
        default=0,
        ge=0,
        description="Jobs of the account at a time, in the whole fleet. 0: no limit.",
    )
    job_key: SecretStr = Field(
        default=SecretStr(""),
        description="The key that job ids are derived from. Defaults to a random key in Redis.",
    )
    allow_repay: bool = Field(
        default=False,
        description="Repeat a submit even if nobody can tell whether the first one was paid.",
    )

    # Webhooks
    webhook_url: str = Field(
        default="",
        description="The public URL of the web process's `/webhooks`. Unset: no webhooks.",
    )
    webhook_key: SecretStr = Field(
        default=SecretStr(""),
        description="Signs the webhooks' URLs. The web process needs the same, 16 characters or "
        "more.",
    )

    # Limits
    submit_seconds: float = Field(
        default=7200,
        ge=10,
        allow_inf_nan=False,
        description="Seconds that a conversion may wait to be submitted.",
    )
    hold_seconds: float = Field(
        default=7 * 24 * 3600,
        ge=60,
        allow_inf_nan=False,
        description="Seconds that a conversion waits for an account on hold, or for the storage, "
        "before it becomes a dead letter.",
    )
    submit_attempts: int = Field(
        default=3,
        ge=1,
        le=10,
        description="POSTs of one conversion. Each but the first follows a proven loss.",
    )
    poll_failures: int = Field(
        default=100,
        ge=1,
        le=1000,
        description="Polls in a row without an answer of ConvertAPI before a dead letter.",
    )
    storage_retries: int = Field(
        default=6, ge=0, le=50, description="Failed deliveries before a dead letter."
    )
    max_file_bytes: int = Field(
        default=4 * 1024**3, ge=1024, description="The largest result file that workers store."
    )
    source_folders: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Folders and buckets that workers may read sources from beside the storage, "
        "separated by commas.",
    )

    @field_validator("job_key")
    @classmethod
    def _can_not_be_guessed(cls, key: SecretStr) -> SecretStr:
        if 0 < len(key.get_secret_value()) < _LEAST_JOB_KEY:
            raise ValueError(f"must have {_LEAST_JOB_KEY} characters or more: a job id is a secret")
        return key

    @field_validator("webhook_url")
    @classmethod
    def _is_safe_to_call(cls, url: str) -> str:
        if not url:
            return ""
        parts = parts_of(url)
        if parts is None or parts.query:
            raise ValueError(
                "must be a URL without a query, e.g. https://shop.example.com/webhooks"
            )
        if parts.scheme == "http" and not is_near(parts.hostname or ""):
            raise ValueError(
                "must be https: the call carries the job's id, which gives access to the result"
            )
        return url.rstrip("/")

    @field_validator("source_folders", mode="before")
    @classmethod
    def _split(cls, folders: object) -> object:
        if isinstance(folders, str):
            return tuple(folder.strip() for folder in folders.split(",") if folder.strip())
        return folders

    @field_validator("source_folders")
    @classmethod
    def _can_be_opened(cls, folders: tuple[str, ...]) -> tuple[str, ...]:
        for folder in folders:
            check_storage(folder)
        return folders

    @model_validator(mode="after")
    def _signs_its_webhooks(self) -> AccountSettings:
        if self.webhook_url and len(self.webhook_key.get_secret_value()) < LEAST_WEBHOOK_KEY:
            raise ValueError(
                f"CONVEYOR_WEBHOOK_KEY must have {LEAST_WEBHOOK_KEY} characters or more: it signs "
                "the webhooks' URLs, and the web process needs the same key"
            )
        return self

    @property
    def account_name(self) -> str:
        """The account's name: as set, or the API's host and its port where it is not the usual."""
        return self.account or _name_of(urlsplit(self.api_url))


def _name_of(url: SplitResult) -> str:
    port = url.port if url.port != _DEFAULT_PORTS.get(url.scheme) else None
    name = f"{url.hostname}:{port}" if port else f"{url.hostname}"
    return name[-_ACCOUNT_CHARACTERS:]
