"""The web process's settings; they extend the producer's few. `load_web_settings` reads them, once.

It holds no API secret: it enqueues and looks, as any web application does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from config.account import LEAST_WEBHOOK_KEY
from conveyor.loopback import is_loopback
from conveyor.settings import ProducerSettings, load

__all__ = ["KEY_NAME", "ApiKey", "WebSettings", "load_web_settings"]

KEY_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Who may use the API. The key itself is known to its holder alone.

    Attributes:
        name: What logs call the holder.
        sha256: The key's hash, hexadecimal.
    """

    name: str
    sha256: str


class WebSettings(ProducerSettings):
    """What the web process needs to know. Each field is read from ``CONVEYOR_<NAME>``."""

    web_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="The address that the web process listens on.",
    )
    web_port: int = Field(
        default=8080, ge=0, le=65535, description="The port that it listens on. 0: any free one."
    )
    web_api_keys: Annotated[tuple[ApiKey, ...], NoDecode] = Field(
        default=(),
        repr=False,
        description="Who may use the API: `name:hash`, separated by commas, from `conveyor web "
        "key`.",
    )
    web_max_upload_bytes: int = Field(
        default=2 * 1024**3, ge=1024, description="The largest body of an upload."
    )
    web_requests_per_minute: int = Field(
        default=600,
        ge=0,
        description="Requests a minute for each key, or for each address without keys. 0: no "
        "limit.",
    )
    web_connections: int = Field(
        default=500,
        ge=16,
        description="Connections at a time. Above that, the one idle for longest is closed.",
    )
    web_flower_url: str = Field(default="", description="Flower's URL. The page links to it.")
    webhook_key: SecretStr = Field(
        default=SecretStr(""),
        description="Signs the webhooks' URLs. The workers need the same, 16 characters or more.",
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="`json` (one object a line) or `console`."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The lowest level that is logged."
    )

    @field_validator("web_api_keys", mode="before")
    @classmethod
    def _split(cls, keys: object) -> object:
        if isinstance(keys, str):
            return tuple(_parse_key(item.strip()) for item in keys.split(",") if item.strip())
        return keys

    @field_validator("web_api_keys")
    @classmethod
    def _have_names_of_their_own(cls, keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
        if len({key.name for key in keys}) < len(keys):
            raise ValueError("two keys have the same name: give each its own")
        return keys

    @field_validator("web_flower_url")
    @classmethod
    def _is_link(cls, url: str) -> str:
        # The page makes a link of it: another scheme could run as a script there.
        if url and not (urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname):
            raise ValueError("must be an http(s) URL, e.g. http://127.0.0.1:5555")
        return url

    @field_validator("webhook_key")
    @classmethod
    def _is_long(cls, key: SecretStr) -> SecretStr:
        if 0 < len(key.get_secret_value()) < LEAST_WEBHOOK_KEY:
            raise ValueError(f"must have {LEAST_WEBHOOK_KEY} characters or more")
        return key

    @model_validator(mode="after")
    def _is_not_open_to_the_network(self) -> WebSettings:
        if not self.web_api_keys and not is_loopback(self.web_host):
            raise ValueError(
                f"CONVEYOR_WEB_HOST is {self.web_host}, and without API keys anyone on that "
                "network could convert: make one with `conveyor web key NAME` and set "
                "CONVEYOR_WEB_API_KEYS, or listen on 127.0.0.1"
            )
        return self


def load_web_settings() -> WebSettings:
    """Read the environment.

    Raises:
        SettingsError: Something is missing or wrong; the message names each in one line.
    """
    return load(WebSettings)


def _parse_key(text: str) -> ApiKey:
    name, _, sha256 = text.partition(":")
    if not (KEY_NAME.fullmatch(name) and _SHA256.fullmatch(sha256)):
        raise ValueError(
            "must be name:hash, separated by commas: `conveyor web key NAME` prints one"
        )
    return ApiKey(name, sha256)
