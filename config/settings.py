"""The workers' settings; they extend the producer's few. `load_settings` reads them, once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from config.account import AccountSettings
from conveyor.addresses import checked_proxy
from conveyor.callbacks.addresses import networks_of
from conveyor.callbacks.signing import keys_of
from conveyor.domain import rules
from conveyor.domain.keeping import LEAST_KEEP_S, MOST_KEEP_S
from conveyor.settings import load

__all__ = ["WorkerSettings", "load_settings", "load_settings_without_service"]

# Gateways hold a request for as long, and a closed connection on its way for a moment. Nothing lies
# between us and a loopback stand-in.
_LEAST_PROOF_S: Final = 60.0
_LEAST_PROOF_CLOSED_S: Final = 5.0
# A countdown never exceeds a minute: a message must not come back while it only waits.
_LEAST_VISIBILITY_S: Final = 300
# In the place of what the environment says. Nothing is sent there.
_WITHOUT_SERVICE: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "api_url": "http://127.0.0.1",
        "api_secret": "unused",
        **dict.fromkeys(("api_secret_file", "api_jwt_kid", "api_master_token", "job_key"), ""),
        **dict.fromkeys(("api_proxy", "webhook_url", "source_folders"), ""),
    }
)


class WorkerSettings(AccountSettings):
    """What a worker needs to know. Each field is read from ``CONVEYOR_<NAME>``."""

    # Workers
    pool: Literal["threads", "prefork"] = Field(
        default="threads",
        description="Celery's pool. Threads are enough, because conversions wait in Redis.",
    )
    concurrency: int = Field(
        default=32, ge=1, le=1000, description="Celery tasks at a time in one worker."
    )
    requests: int = Field(
        default=64, ge=1, le=1000, description="Requests to ConvertAPI at a time in one worker."
    )
    small_bytes: int = Field(
        default=1024 * 1024,
        ge=0,
        description="The poll delivers results up to this size itself. Larger ones get a task of "
        "their own.",
    )
    eta_limit: int = Field(
        default=10_000,
        ge=100,
        description="Countdowns that one worker holds before other workers get the rest.",
    )
    visibility_timeout_seconds: int = Field(
        default=900,
        ge=_LEAST_VISIBILITY_S,
        description="Seconds until the broker hands out an unacknowledged message again.",
    )
    keep_seconds: float | None = Field(
        default=None,
        ge=LEAST_KEEP_S,
        le=MOST_KEEP_S,
        description="Seconds that result files are kept once their caller knows of them, for "
        "conversions without a `keep` of their own. Unset: until you delete them.",
    )
    canvas_queue: str = Field(
        default="celery",
        min_length=1,
        description="The queue of Celery callbacks that name none. Your application's workers "
        "consume it.",
    )

    # Callbacks
    callback_secrets: SecretStr = Field(
        default=SecretStr(""),
        description="Signs callbacks: `whsec_…`. Two, separated by a comma, while one replaces the "
        "other.",
    )
    callback_timeout_seconds: float = Field(
        default=15.0, ge=1, le=30, description="Seconds for one callback as a whole."
    )
    callback_requests: int = Field(
        default=8, ge=1, le=200, description="Callbacks at a time in one worker."
    )
    callback_per_receiver: int = Field(
        default=4,
        ge=1,
        le=200,
        description="Callbacks at a time to one receiver, in the whole fleet.",
    )
    callback_allow_http: bool = Field(default=False, description="Call `http://` addresses, too.")
    callback_proxy: str = Field(
        default="",
        description="An http proxy that callbacks go through. It looks names up and decides what "
        "may be reached. Unset: none, whatever the environment says.",
    )
    callback_networks: str = Field(
        default="",
        description="Networks that callbacks may reach although they are not public: "
        "`10.1.0.0/16`, several separated by commas.",
    )

    # Timing
    connect_timeout_seconds: float = Field(
        default=5.0, gt=0, le=60, description="Seconds to connect to the service."
    )
    read_timeout_seconds: float = Field(
        default=15.0,
        gt=5,
        le=120,
        description="Seconds between two reads of an answer. ConvertAPI may hold a poll for 5 s.",
    )
    answer_timeout_seconds: float = Field(
        default=30.0,
        gt=5,
        le=300,
        description="Seconds for a whole answer, however slowly it comes.",
    )
    transfer_timeout_seconds: float = Field(
        default=900.0, gt=0, le=7200, description="Seconds for a whole download."
    )
    poll_spacing_seconds: float = Field(
        default=rules.LEAST_SPACING_S,
        ge=0.05,
        le=30,
        description="Seconds between two polls of a job. Below 5 only for a service on loopback.",
    )
    semi_async_seconds: float = Field(
        default=0,
        ge=0,
        le=rules.MAX_SEMI_ASYNC_S,
        description="Seconds that a submit waits for the result itself. 0: it never waits.",
    )
    proof_seconds: float = Field(
        default=120,
        ge=0.05,
        le=3600,
        description="Seconds after an unclear POST before a 404 can prove that it never arrived.",
    )
    proof_closed_seconds: float = Field(
        default=15,
        ge=0.05,
        le=3600,
        description="The same if the connection closed at once, so that no gateway holds the POST.",
    )

    # Logs
    log_format: Literal["json", "console"] = Field(
        default="json", description="`json` (one object a line) or `console`."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The lowest level that is logged."
    )

    @field_validator("callback_secrets")
    @classmethod
    def _signs(cls, secrets: SecretStr) -> SecretStr:
        keys_of(secrets.get_secret_value())
        return secrets

    @field_validator("callback_proxy")
    @classmethod
    def _is_callback_proxy(cls, url: str) -> str:
        if url.lower().startswith("https:"):
            raise ValueError("must begin with http://: a proxy over TLS can't be used")
        return checked_proxy(url)

    @field_validator("callback_networks")
    @classmethod
    def _are_networks(cls, texts: str) -> str:
        try:
            networks_of(texts)
        except ValueError:
            raise ValueError("must be networks like 10.1.0.0/16, separated by commas") from None
        return texts

    @model_validator(mode="after")
    def _can_call(self) -> WorkerSettings:
        if self.callback_url and not self.callback_secrets.get_secret_value():
            raise ValueError(
                "CONVEYOR_CALLBACK_URL is set, and nothing signs: set CONVEYOR_CALLBACK_SECRETS. "
                "Make a secret with `conveyor callbacks secret`"
            )
        if self.callback_url.startswith("http://") and not self.callback_allow_http:
            raise ValueError(
                "CONVEYOR_CALLBACK_URL must be https: set CONVEYOR_CALLBACK_ALLOW_HTTP to allow "
                "others"
            )
        return self

    @model_validator(mode="after")
    def _waits_for_a_proof(self) -> WorkerSettings:
        waits = (
            ("PROOF_SECONDS", self.proof_seconds, _LEAST_PROOF_S),
            ("PROOF_CLOSED_SECONDS", self.proof_closed_seconds, _LEAST_PROOF_CLOSED_S),
        )
        for name, seconds, least in waits:
            if seconds < least and not self.api_is_loopback:
                raise ValueError(
                    f"CONVEYOR_{name} is {seconds:g}, but a POST may arrive later than that: set "
                    f"{least:g} or more (less is only for an API host on loopback)"
                )
        return self

    @model_validator(mode="after")
    def _keeps_the_services_rule(self) -> WorkerSettings:
        if self.poll_spacing_seconds < rules.LEAST_SPACING_S and not self.api_is_loopback:
            raise ValueError(
                f"CONVEYOR_POLL_SPACING_SECONDS is {self.poll_spacing_seconds:g}, and ConvertAPI "
                f"wants {rules.LEAST_SPACING_S:g} s between two polls: set "
                f"{rules.LEAST_SPACING_S:g} or more (less is only for an API host on loopback)"
            )
        return self


def load_settings() -> WorkerSettings:
    """Read the environment.

    Raises:
        SettingsError: Something is missing or wrong; the message names each in one line.
    """
    return load(WorkerSettings)


def load_settings_without_service() -> WorkerSettings:
    """Read the environment for a process that asks the service nothing, and holds no secret of it.

    Raises:
        SettingsError: Something is wrong; the message names each in one line.
    """
    return load(WorkerSettings, **_WITHOUT_SERVICE)
