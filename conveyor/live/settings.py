"""The settings of a run against the service, read as all others are."""

from __future__ import annotations

import re
from typing import Final

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from conveyor.addresses import checked_proxy, parts_of
from conveyor.domain import rules
from conveyor.errors import SettingsError
from conveyor.secret import read_secret
from conveyor.settings import ENV_PREFIX, ProducerSettings

__all__ = ["LiveSettings"]

_SENDABLE: Final = re.compile(r"[!-~]{4,8192}")


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
    def _is_http(cls, url: str) -> str:
        if parts_of(url) is None:
            raise ValueError(f"must be an http(s) URL, e.g. {rules.DEFAULT_URL}")
        return url.rstrip("/")

    @field_validator("api_proxy")
    @classmethod
    def _is_proxy(cls, url: str) -> str:
        return checked_proxy(url)

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
        secret = self.api_secret.get_secret_value() or _from_file(self.api_secret_file)
        if not _SENDABLE.fullmatch(secret.strip()):
            raise SettingsError(
                f"{ENV_PREFIX}API_SECRET is wrong: it must be 4 or more characters, without blanks"
            )
        return secret.strip()


def _from_file(path: str) -> str:
    try:
        return read_secret(path)
    except ValueError as error:
        raise SettingsError(f"{ENV_PREFIX}API_SECRET_FILE is wrong: {error}") from None
