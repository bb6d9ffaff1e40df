"""The library's settings: the only place where it reads the environment.

A web application needs to know where the broker, Redis and the storage are, and nothing else. The
workers' settings, the API secret among them, extend these in ``config/``. The few that ``conveyor
doctor --live`` needs, to ask the service itself, stand in `conveyor.live.settings`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from conveyor.domain.callback import Callback
from conveyor.domain.servers import ServerUrl
from conveyor.domain.url_parts import TLS_FILES, is_redis_url
from conveyor.errors import InvalidRequest, SettingsError
from conveyor.links import LEAST_LINK_KEY
from conveyor.messaging.drivers import check_broker, check_result_backend
from conveyor.names import DEFAULT_NAMESPACE, NAMESPACE
from conveyor.storage.schemes import check_url as check_storage

__all__ = ["ENV_PREFIX", "ExplicitSettings", "ProducerSettings", "load"]

ENV_PREFIX = "CONVEYOR_"

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

    link_url: str = Field(
        default="",
        description="The URL under which customers reach the web process: "
        "`https://files.shop.example`. Unset: the storage signs links to result files itself.",
    )
    link_key: SecretStr = Field(
        default=SecretStr(""),
        description="Signs links to result files. The web process needs the same, 16 characters "
        "or more.",
    )

    @field_validator("link_url")
    @classmethod
    def _is_web_address(cls, url: str) -> str:
        if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
            raise ValueError("must be an http(s) URL, e.g. https://files.shop.example")
        return url.rstrip("/")

    @field_validator("link_key")
    @classmethod
    def _is_hard_to_guess(cls, key: SecretStr) -> SecretStr:
        if 0 < len(key.get_secret_value()) < LEAST_LINK_KEY:
            raise ValueError(f"must have {LEAST_LINK_KEY} characters or more")
        return key

    @model_validator(mode="after")
    def _can_sign_links(self) -> Self:
        if self.link_url and not self.link_key.get_secret_value():
            raise ValueError(
                f"{ENV_PREFIX}LINK_URL needs {ENV_PREFIX}LINK_KEY: set the web process's value"
            )
        return self

    callback_url: str = Field(
        default="",
        description="The address that hears of every conversion without a `callback` of its own. "
        "Set it for workers and `web`, too.",
    )
    callback_events: Literal["ends", "changes"] = Field(
        default="ends", description="Whether it hears of ends alone, or of all changes of state."
    )

    @field_validator("callback_url")
    @classmethod
    def _can_be_called(cls, url: str) -> str:
        try:
            return Callback(url).url if url else ""
        except InvalidRequest as error:
            raise ValueError(str(error)) from None

    @property
    def callback(self) -> Callback | None:
        """Who hears of conversions whose caller names nobody; None where nobody does."""
        return Callback(self.callback_url, self.callback_events) if self.callback_url else None

    @field_validator("storage_url")
    @classmethod
    def _absolute_storage(cls, url: str) -> str:
        check_storage(url)
        if "://" in url:
            short = url.rstrip("/")
            return short if "://" in short else url
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
            return SecretStr(_with_its_files(ServerUrl.parse(text)).url)
        if not _is_url(text):
            raise ValueError("must be a URL with a port that is a number, e.g. redis://host:6379/0")
        return url

    @field_validator("broker_url")
    @classmethod
    def _is_transport(cls, url: SecretStr) -> SecretStr:
        if not is_redis_url(url.get_secret_value()):
            check_broker(url.get_secret_value())
        return url

    @field_validator("result_backend")
    @classmethod
    def _is_backend(cls, url: SecretStr) -> SecretStr:
        if not is_redis_url(url.get_secret_value()):
            check_result_backend(url.get_secret_value())
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


def _with_its_files(server: ServerUrl) -> ServerUrl:
    """The same, if the files that its TLS needs can be read."""
    for name in TLS_FILES:
        path = server.tls.get(name)
        if path and not os.access(str(path), os.R_OK):
            raise ValueError(f"names a file by {name} that can't be read. Check its path")
    return server


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
