"""The parts of a Redis URL, each checked: scheme, host, query, database, TLS."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

__all__ = [
    "SCHEMES",
    "TLS_FILES",
    "TLS_OPTIONS",
    "Host",
    "database_of",
    "host_of",
    "is_redis_url",
    "query_of",
    "scheme_of",
    "tls_of",
]

SCHEMES: Final = ("redis", "rediss", "unix", "sentinel", "sentinels")
"""The schemes of the form that is written. ``rediss`` and ``sentinels`` speak TLS."""

TLS_FILES: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
"""Query parameters of TLS that are paths."""

TLS_OPTIONS: Final = (*TLS_FILES, "ssl_cert_reqs", "ssl_check_hostname")
"""All query parameters of TLS."""

# The database's names, redis-py's and Celery's.
_DATABASES: Final = ("db", "virtual_host")
_LOGIN: Final = ("username", "password")
_SENTINEL: Final = ("sentinel_username", "sentinel_password", "master_name")
_KNOWN: Final = frozenset((*_DATABASES, *TLS_OPTIONS, *_LOGIN, *_SENTINEL))
_SPELLINGS: Final = {"redis+socket": "unix", "socket": "unix", "redis+unix": "unix"}
_MOST_PORT: Final = 65535

_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^\s\[\]:@/?#]+))(?::(\d{1,5}))?")
_VERIFICATIONS: Final = {
    **{word: word for word in ("required", "optional", "none")},
    **{f"cert_{word}": word for word in ("required", "optional", "none")},
}
_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class Host:
    """A server's address.

    Attributes:
        name: Its name or IP address, an IPv6 address without brackets.
        port: Its port.
    """

    name: str
    port: int

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{name}:{self.port}"


def scheme_of(url: str) -> str:
    """A URL's scheme in lower case, in the spelling that is written.

    Args:
        url: Any URL.
    """
    scheme = url.partition("://")[0].lower()
    return _SPELLINGS.get(scheme, scheme)


def is_redis_url(url: str) -> bool:
    """Whether a URL's scheme is one of Redis', in whosever spelling.

    Args:
        url: Any URL.
    """
    return scheme_of(url) in SCHEMES


def host_of(text: str, port: int) -> Host:
    """Read a server's address.

    Args:
        text: ``host``, ``host:port`` or ``[IPv6]:port``.
        port: The port where the text has none.

    Raises:
        ValueError: It is none; the message says what to write, and quotes no part of it.
    """
    found = _HOST.fullmatch(text)
    if found is None or not 0 < int(found[3] or port) <= _MOST_PORT:
        raise ValueError(
            "must be a URL with a host and a port that is a number, e.g. redis://host:6379/0; "
            "write special characters of a password percent-encoded"
        )
    return Host(found[1] or found[2], int(found[3] or port))


def query_of(text: str, *, strict: bool) -> dict[str, str]:
    """Read a URL's query parameters.

    Args:
        text: What stands behind the question mark.
        strict: Whether all of them must be known.

    Raises:
        ValueError: There are others; the message names only such as can't be a secret.
    """
    query = dict(parse_qsl(text, keep_blank_values=True))
    if strict and (unknown := sorted(query.keys() - _KNOWN)):
        # Names alone, and only such as can't be a part of a password that was not encoded.
        shown = ", ".join(name for name in unknown if re.fullmatch(r"[a-z_]{2,30}", name))
        raise ValueError(
            f"has query parameters that Conveyor does not know ({shown or 'unreadable'}): leave "
            "them out, and write special characters of a password percent-encoded"
        )
    return query


def database_of(path: str, query: Mapping[str, str]) -> int:
    """Read the number of the database, 0 where none is given.

    Args:
        path: The URL's path behind the host, or the part of it that names the database.
        query: The URL's query parameters.

    Raises:
        ValueError: It is no number, or there are two.
    """
    given = [text for text in (path.strip("/"), *map(query.get, _DATABASES)) if text]
    # redis-py lets the query win, Celery the path: where both are given they must agree.
    if len(set(given)) > 1 or not all(re.fullmatch(r"\d{1,5}", text) for text in given):
        raise ValueError("must name one database by its number: redis://host:6379/0")
    return int(given[0]) if given else 0


def tls_of(query: Mapping[str, str]) -> dict[str, str | bool]:
    """Read the ``ssl_…`` options, in redis-py's words.

    Args:
        query: The URL's query parameters.

    Returns:
        Those alone that were given.

    Raises:
        ValueError: One of them has a value that redis-py does not know.
    """
    options: dict[str, str | bool] = {name: query[name] for name in TLS_FILES if query.get(name)}
    if wanted := query.get("ssl_cert_reqs"):
        if wanted.lower() not in _VERIFICATIONS:
            raise ValueError("has a wrong ssl_cert_reqs: use required, optional or none")
        options["ssl_cert_reqs"] = _VERIFICATIONS[wanted.lower()]
    if wanted := query.get("ssl_check_hostname"):
        if wanted.lower() not in _FLAGS:
            raise ValueError("has a wrong ssl_check_hostname: use true or false")
        options["ssl_check_hostname"] = _FLAGS[wanted.lower()]
    return options
