"""The settings of the service: where it is, what opens the account, and which dialect it speaks."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from conveyor.addresses import checked_proxy, is_near, parts_of
from conveyor.convertapi.authorization import Auth
from conveyor.domain import rules
from conveyor.domain.dialect import Dialect
from conveyor.domain.redaction import redact_server_url
from conveyor.installing import how_to_install
from conveyor.loopback import is_loopback
from conveyor.secret import clean_secret, read_secret
from conveyor.settings import ProducerSettings

__all__ = ["ServiceSettings"]

# A real secret in a sandbox's place would be told to whoever runs it, in clear.
_OF_STAND_INS: Final = "sandbox"


class ServiceSettings(ProducerSettings):
    """What a worker needs to know of ConvertAPI. Each field is read from ``CONVEYOR_<NAME>``."""

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

    @field_validator("api_url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        parts = parts_of(url)
        if parts is None:
            raise ValueError(f"must be an http(s) URL, e.g. {rules.DEFAULT_URL}")
        if parts.scheme == "http" and not is_near(parts.hostname or ""):
            raise ValueError("must be https: over http the secret would travel unencrypted")
        return url.rstrip("/")

    @field_validator("api_proxy")
    @classmethod
    def _is_proxy(cls, url: str) -> str:
        return checked_proxy(url)

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

    @model_validator(mode="after")
    def _has_one_secret(self) -> ServiceSettings:
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
    def _keeps_its_secrets_from_a_stand_in(self) -> ServiceSettings:
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
    def _sends_jwts_in_the_header(self) -> ServiceSettings:
        if self.api_jwt_kid and self.api_auth is not Auth.HEADER:
            raise ValueError(
                "CONVEYOR_API_AUTH must be header: ConvertAPI accepts a JWT only there, and "
                "CONVEYOR_API_JWT_KID asks for JWTs"
            )
        return self

    @property
    def api_is_loopback(self) -> bool:
        """Whether the API host is a sandbox on this machine."""
        return is_loopback(urlsplit(self.api_url).hostname or "")

    @property
    def dialects(self) -> tuple[Dialect, ...]:
        """The dialects to try, in order."""
        if self.api_dialect == "auto":
            return (Dialect.PATH, Dialect.QUERY)
        return (Dialect(self.api_dialect),)
