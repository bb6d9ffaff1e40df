"""The library's settings: the only place where it reads the environment.

A web application needs to know where the broker, Redis and the storage are, and nothing else. The
workers' settings, the API secret among them, extend these in ``config/settings.py``. The few that
``conveyor doctor --live`` needs, to ask the service itself, stand here too.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from kombu.transport import TRANSPORT_ALIASES
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from conveyor.domain import rules
from conveyor.domain.servers import ServerUrl
from conveyor.domain.url_parts import is_redis_url
from conveyor.errors import SettingsError
from conveyor.names import DEFAULT_NAMESPACE, NAMESPACE

__all__ = ["ENV_PREFIX", "ExplicitSettings", "LiveSettings", "ProducerSettings", "load"]

ENV_PREFIX = "CONVEYOR_"


_SENDABLE = re.compile(r"[!-~]{4,8192}")
_MAX_SECRET_BYTES = 64 * 1024

_DEFAULT_SERVER = "redis://127.0.0.1:6379/0"


class ProducerSettings(BaseSettings):
    """What a process that enqueues needs to know. Each field is read from ``CONVEYOR_<NAME>``."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        frozen=True,
        extra="ignore",
        # The text that was refused may be a password: it stays out of the message.
        hide_input_in_errors=True,
        # `CONVEYOR_REDIS_URL=` in a compose file means "not set".
        env_ignore_empty=True,
    )

    broker_url: SecretStr = Field(
        default=SecretStr(_DEFAULT_SERVER), description="Celery's broker. Redis or Valkey."
    )
    redis_url: SecretStr = Field(
        default=SecretStr(""),
        description="Where the ledger lives. Defaults to the broker.",
    )
    result_backend: SecretStr = Field(
        default=SecretStr(""), description="Celery's result backend. Defaults to `REDIS_URL`."
    )
    namespace: str = Field(
        default=DEFAULT_NAMESPACE,
        pattern=rf"^{NAMESPACE}$",
        description="The prefix of keys and queues. Fleets with different prefixes can share a "
        "Redis.",
    )
    storage_url: str = Field(
        default="~/.conveyor/files",
        description="Folder or fsspec URL (`s3://bucket/prefix`) of staged sources and results.",
    )

    @field_validator("storage_url")
    @classmethod
    def _absolute_storage(cls, url: str) -> str:
        if "://" in url:
            return url.rstrip("/")
        # fsspec takes paths as they are: a blank stays one.
        return f"file://{Path(url).expanduser().absolute()}"

    @model_validator(mode="before")
    @classmethod
    def _fill_servers(cls, values: dict[str, Any]) -> dict[str, Any]:
        broker = _plain(values.get("broker_url")) or _DEFAULT_SERVER
        if not values.get("redis_url"):
            if not is_redis_url(broker):
                raise ValueError(
                    f"{ENV_PREFIX}REDIS_URL is missing: the broker is not a Redis, so set where "
                    "the ledger lives, e.g. redis://host:6379/0"
                )
            values = {**values, "redis_url": broker}
        if not values.get("result_backend"):
            values = {**values, "result_backend": values["redis_url"]}
        return values

    @field_validator("broker_url", "result_backend", "redis_url")
    @classmethod
    def _is_address(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        if is_redis_url(text):
            return SecretStr(ServerUrl.parse(text).url)
        if not _is_url(text):
            raise ValueError("must be a URL with a port that is a number, e.g. redis://host:6379/0")
        return url

    @field_validator("broker_url")
    @classmethod
    def _is_transport(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        scheme = _scheme(text)
        if not is_redis_url(text) and scheme.partition("+")[0] not in TRANSPORT_ALIASES:
            raise ValueError(
                f"Celery does not know the broker {scheme}://: use redis://host:6379/0"
            )
        return url

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, url: SecretStr) -> SecretStr:
        return SecretStr(ServerUrl.parse(url.get_secret_value()).url)


class ExplicitSettings(ProducerSettings):
    """A producer's settings, given by the program alone: the environment is not read."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the arguments of the constructor, and nothing else."""
        return (init_settings,)


class LiveSettings(BaseSettings):
    """What a run against the service needs to know, under the names of the workers' settings."""

    model_config = ProducerSettings.model_config

    api_url: str = Field(
        default=rules.DEFAULT_URL,
        description=f"The service's host, or one of its regions (`{rules.REGIONAL_URL}`).",
    )
    api_secret: SecretStr = Field(
        default=SecretStr(""), description="An API token, the account's secret, or a JWT."
    )
    api_secret_file: str = Field(default="", description="A file that holds it.")
    api_master_token: SecretStr = Field(
        default=SecretStr(""), description="The master token, which reads the account's counters."
    )
    api_proxy: str = Field(
        default="", description="An HTTP proxy between the workers and ConvertAPI."
    )
    poll_spacing_seconds: float = Field(
        default=rules.LEAST_SPACING_S,
        ge=0.05,
        le=30,
        description="Seconds between two polls of a job. Below 5 only for a service on loopback.",
    )

    @field_validator("api_url")
    @classmethod
    def _without_end(cls, url: str) -> str:
        return url.rstrip("/")

    @model_validator(mode="after")
    def _has_a_secret(self) -> LiveSettings:
        given = [bool(self.api_secret.get_secret_value()), bool(self.api_secret_file)]
        if sum(given) != 1:
            raise ValueError(
                f"{ENV_PREFIX}API_SECRET, or {ENV_PREFIX}API_SECRET_FILE instead: set one of them"
            )
        return self

    @property
    def secret(self) -> str:
        """The credential, from the environment or from a file.

        Raises:
            SettingsError: The file can't be read, or it can't be sent in a header.
        """
        secret = self.api_secret.get_secret_value() or _read_secret(self.api_secret_file)
        if not _SENDABLE.fullmatch(secret.strip()):
            raise SettingsError(
                f"{ENV_PREFIX}API_SECRET is wrong: it must be 4 or more characters, without blanks"
            )
        return secret.strip()


SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def load(settings_class: type[SettingsT], **values: Any) -> SettingsT:
    """Read settings, and say in one line what is wrong with them.

    Args:
        settings_class: Which ones.
        **values: Values that the program gives itself.

    Returns:
        The settings, checked.

    Raises:
        SettingsError: One or more are missing or wrong; the message names each.
    """
    try:
        return settings_class(**values)
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(item) for item in error.errors())) from None


def _read_secret(path: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            return file.read(_MAX_SECRET_BYTES).decode()
    except (OSError, ValueError):
        raise SettingsError(
            f"{ENV_PREFIX}API_SECRET_FILE is wrong: the file can't be read. Check its path and "
            "permissions"
        ) from None


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower()


def _is_url(url: str) -> bool:
    """Whether it can be read as one; the standard library's own words may quote a password."""
    try:
        parts = urlsplit(url)
        return bool(parts.scheme) and parts.port != 0
    except ValueError:
        return False


def _explain(item: Any) -> str:
    message = str(item["msg"]).removeprefix("Value error, ")
    if not item["loc"]:
        return message
    name = ENV_PREFIX + str(item["loc"][0]).removeprefix(ENV_PREFIX.lower()).upper()
    if item["type"] == "missing":
        return f"{name} is missing: set it in the environment"
    return f"{name} is wrong: {message}"


def _plain(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value or "")
