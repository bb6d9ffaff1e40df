"""The workers' settings; they extend the producer's few. `load_settings` reads them, once."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Final, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from config.secret import clean_secret, read_secret
from conveyor.convertapi.authorization import Auth
from conveyor.domain import rules
from conveyor.domain.dialect import Dialect
from conveyor.domain.redaction import redact_server_url
from conveyor.installing import how_to_install
from conveyor.loopback import is_loopback
from conveyor.settings import ProducerSettings, load

__all__ = ["LEAST_WEBHOOK_KEY", "WorkerSettings", "load_settings"]

# An HMAC is as hard to guess as its key.
LEAST_WEBHOOK_KEY: Final = 16
_LEAST_JOB_KEY: Final = 16

# A real secret in a sandbox's place would be told to whoever runs it, in clear.
_OF_STAND_INS: Final = "sandbox"
# Gateways hold a request for as long, and a closed connection on its way for a moment. Nothing lies
# between us and a loopback stand-in.
_LEAST_PROOF_S: Final = 60.0
_LEAST_PROOF_CLOSED_S: Final = 5.0
# A countdown never exceeds a minute: a message must not come back while it only waits.
_LEAST_VISIBILITY_S: Final = 300

_ACCOUNT_CHARACTERS: Final = 64
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class WorkerSettings(ProducerSettings):
    """What a worker needs to know. Each field is read from ``CONVEYOR_<NAME>``."""

    # ConvertAPI
    api_url: str = Field(
        default=rules.DEFAULT_URL,
        description=f"The service's host, or one of its regions (`{rules.REGIONAL_URL}`).",
    )
    api_secret: SecretStr = Field(
        default=SecretStr(""),
        description="An API token, the account's secret, or a JWT. Required, or `API_SECRET_FILE`.",
    )
    api_secret_file: str = Field(
        default="",
        description="A file that holds the secret. Workers read it again when it changes or is "
        "refused.",
    )
    api_jwt_kid: str = Field(
        default="",
        pattern=r"^[!-~]{0,200}$",
        description="An API token's id (`kid`). With it, workers sign JWTs with the token's "
        "secret.",
    )
    api_jwt_seconds: int = Field(
        default=3600,
        ge=60,
        le=24 * 3600,
        description="How long such a JWT lives. Workers renew it at half of that.",
    )
    api_master_token: SecretStr = Field(
        default=SecretStr(""),
        description="The master token. It reads the account's balance, which an API token can't.",
    )
    api_dialect: Literal["auto", "path", "query"] = Field(
        default="auto",
        description="The protocol's dialect. `auto` tries path, then query, and remembers.",
    )
    api_auth: Auth = Field(
        default=Auth.HEADER,
        description="Where the secret goes: `header`, or `query` for old proxies.",
    )
    api_proxy: str = Field(
        default="", description="An HTTP proxy between the workers and ConvertAPI."
    )

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
    callback_queue: str = Field(
        default="celery",
        min_length=1,
        description="The queue of callbacks that name none. Your application's workers consume it.",
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

    @field_validator("api_url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        parts = _parts_of(url)
        if parts is None:
            raise ValueError(f"must be an http(s) URL, e.g. {rules.DEFAULT_URL}")
        if parts.scheme == "http" and not _is_near(parts.hostname or ""):
            raise ValueError("must be https: over http the secret would travel unencrypted")
        return url.rstrip("/")

    @field_validator("api_secret", "api_master_token")
    @classmethod
    def _can_be_sent(cls, secret: SecretStr) -> SecretStr:
        return SecretStr(clean_secret(secret.get_secret_value()))

    @field_validator("api_secret_file")
    @classmethod
    def _holds_a_secret(cls, path: str) -> str:
        if path:
            read_secret(path)
        return path

    @field_validator("api_jwt_kid")
    @classmethod
    def _can_be_signed(cls, kid: str) -> str:
        if kid and find_spec("jwt") is None:
            raise ValueError(f"JWTs need the package pyjwt. {how_to_install('jwt')}")
        return kid

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
        parts = _parts_of(url)
        if parts is None or parts.query:
            raise ValueError(
                "must be a URL without a query, e.g. https://shop.example.com/webhooks"
            )
        if parts.scheme == "http" and not _is_near(parts.hostname or ""):
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

    @model_validator(mode="after")
    def _has_one_secret(self) -> WorkerSettings:
        given = bool(self.api_secret.get_secret_value()), bool(self.api_secret_file)
        if given == (False, False):
            raise ValueError(
                "CONVEYOR_API_SECRET is missing: set it in the environment, or name a file that "
                "holds it in CONVEYOR_API_SECRET_FILE"
            )
        if given == (True, True):
            raise ValueError(
                "CONVEYOR_API_SECRET and CONVEYOR_API_SECRET_FILE are both set: unset one of them"
            )
        return self

    @model_validator(mode="after")
    def _keeps_its_secrets_from_a_stand_in(self) -> WorkerSettings:
        """Plain http to a name beside us is a sandbox: one that has been left in the settings."""
        url = urlsplit(self.api_url)
        if url.scheme != "http" or self.api_is_loopback:
            return self
        held = read_secret(self.api_secret_file) if self.api_secret_file else ""
        given = {
            "SECRET": held or self.api_secret.get_secret_value(),
            "MASTER_TOKEN": self.api_master_token.get_secret_value(),
        }
        shown = redact_server_url(self.api_url)
        for name, text in given.items():
            if text and not text.startswith(_OF_STAND_INS):
                raise ValueError(
                    f"CONVEYOR_API_{name} is not a sandbox's, but CONVEYOR_API_URL is {shown}: "
                    "set CONVEYOR_API_URL to ConvertAPI's address. A sandbox's secrets begin "
                    f"with {_OF_STAND_INS!r}"
                )
        return self

    @model_validator(mode="after")
    def _sends_jwts_in_the_header(self) -> WorkerSettings:
        if self.api_jwt_kid and self.api_auth is not Auth.HEADER:
            raise ValueError(
                "CONVEYOR_API_AUTH must be header: ConvertAPI accepts a JWT only there, and "
                "CONVEYOR_API_JWT_KID asks for JWTs"
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

    @model_validator(mode="after")
    def _signs_its_webhooks(self) -> WorkerSettings:
        if self.webhook_url and len(self.webhook_key.get_secret_value()) < LEAST_WEBHOOK_KEY:
            raise ValueError(
                f"CONVEYOR_WEBHOOK_KEY must have {LEAST_WEBHOOK_KEY} characters or more: it signs "
                "the webhooks' URLs, and the web process needs the same key"
            )
        return self

    @property
    def api_is_loopback(self) -> bool:
        """Whether the API host is a sandbox on this machine."""
        return is_loopback(urlsplit(self.api_url).hostname or "")

    @property
    def account_name(self) -> str:
        """The account's name: as set, or the API's host and its port where it is not the usual."""
        return self.account or _name_of(urlsplit(self.api_url))

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


def _parts_of(url: str) -> SplitResult | None:
    """An http(s) URL's parts; None where it is none. urllib's own words may quote a password."""
    try:
        parts = urlsplit(url)
        is_http = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if is_http else None


def _is_near(host: str) -> bool:
    """Whether it is this machine, or a name without dots: a container beside this one."""
    return is_loopback(host) or ("." not in host and ":" not in host)


def _name_of(url: SplitResult) -> str:
    port = url.port if url.port != _DEFAULT_PORTS.get(url.scheme) else None
    name = f"{url.hostname}:{port}" if port else f"{url.hostname}"
    return name[-_ACCOUNT_CHARACTERS:]
