"""Where Redis is: one form of URL for the broker, the ledger and the results alike.

redis-py, kombu and Celery each read a form of their own. So a URL is read here, once, and written
again in the one form that all three parts of Conveyor read with this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode

from conveyor.domain.celery_urls import with_options
from conveyor.domain.url_parts import (
    SCHEMES,
    TLS_FILES,
    Host,
    database_of,
    host_of,
    query_of,
    scheme_of,
    tls_of,
)

__all__ = ["ServerUrl"]

_REDIS_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """A Redis or Valkey, and how to log in there.

    Attributes:
        scheme: One of `conveyor.domain.url_parts.SCHEMES`.
        hosts: The server, or the sentinels that know it. Empty for a socket.
        path: The socket's path.
        master: The name under which the sentinels know the primary.
        database: The number of the database.
        username: Of an ACL, empty for the default user.
        password: The user's.
        sentinel_username: For the sentinels themselves.
        sentinel_password: For the sentinels themselves.
        tls: ``ssl_…`` options as redis-py takes them, those alone that were given.
    """

    scheme: str
    hosts: tuple[Host, ...] = ()
    path: str = ""
    master: str = ""
    database: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    sentinel_username: str = ""
    sentinel_password: str = field(default="", repr=False)
    tls: Mapping[str, str | bool] = field(default_factory=dict)

    @classmethod
    def parse(cls, url: str) -> ServerUrl:
        """Read a URL.

        Args:
            url: ``redis://``, ``rediss://``, ``unix://`` or ``redis+socket://``, ``sentinel://`` or
                ``sentinels://``.

        Raises:
            ValueError: It is none; the message says what to write, and quotes no part of it.
        """
        return _read(url, strict=True)

    @classmethod
    def of_application(
        cls, url: str, options: Mapping[str, Any], tls: Mapping[str, Any] | None
    ) -> ServerUrl:
        """Read what a Celery application says of a server, in Celery's own words.

        Args:
            url: Its broker's or its result backend's URL.
            options: ``broker_transport_options`` or ``result_backend_transport_options``.
            tls: ``broker_use_ssl`` or ``redis_backend_use_ssl``, where that is a dictionary.

        Raises:
            ValueError: It can't be read; the message says what to write.
        """
        return _read(with_options(url, options, tls or {}), strict=False)

    @property
    def speaks_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.scheme in ("rediss", "sentinels")

    @property
    def has_sentinels(self) -> bool:
        """Whether sentinels know where the server is."""
        return self.scheme in ("sentinel", "sentinels")

    @property
    def url(self) -> str:
        """The URL, credentials included, in the one form that is written."""
        return self._written(self._login(), self._query())

    @property
    def address(self) -> str:
        """The URL without credentials, to be shown."""
        return self._written("", {})

    def _written(self, login: str, query: Mapping[str, str]) -> str:
        tail = f"?{urlencode(query)}" if query else ""
        if self.scheme == "unix":
            return f"unix://{login}{quote(self.path)}{tail}"
        hosts = ",".join(map(str, self.hosts))
        master = f"/{quote(self.master, safe='')}" if self.has_sentinels else ""
        return f"{self.scheme}://{login}{hosts}{master}/{self.database}{tail}"

    def _login(self) -> str:
        if not self.username and not self.password:
            return ""
        return f"{quote(self.username, safe='')}:{quote(self.password, safe='')}@"

    def _query(self) -> dict[str, str]:
        given = {
            "db": str(self.database) if self.scheme == "unix" and self.database else "",
            "sentinel_username": self.sentinel_username,
            "sentinel_password": self.sentinel_password,
            **{name: str(value).lower() for name, value in self.tls.items()},
            # A path keeps its capitals.
            **{name: str(self.tls[name]) for name in TLS_FILES if name in self.tls},
        }
        return {name: value for name, value in given.items() if value}


def _read(url: str, *, strict: bool) -> ServerUrl:
    scheme = scheme_of(url)
    if scheme not in SCHEMES:
        raise ValueError("must be a redis://, rediss://, unix://, sentinel:// or sentinels:// URL")
    rest, _, tail = url.partition("://")[2].partition("#")[0].partition("?")
    query = query_of(tail, strict=strict)
    login, _, place = rest.rpartition("@")
    username, _, password = login.partition(":")
    common: dict[str, Any] = {
        "username": unquote(username) or query.get("username", ""),
        "password": unquote(password) or query.get("password", ""),
        "tls": tls_of(query),
    }
    if common["tls"] and scheme not in ("rediss", "sentinels"):
        raise ValueError("has ssl_… parameters, which need TLS: use rediss:// or sentinels://")
    if scheme == "unix":
        return _socket(place, query, common)
    if scheme in ("sentinel", "sentinels"):
        return _sentinels(scheme, place, query, common)
    hosts, _, path = place.partition("/")
    if "," in hosts or ";" in hosts:
        raise ValueError("names several servers: name one, or use sentinel://… for sentinels")
    return ServerUrl(
        scheme,
        hosts=(host_of(hosts or "127.0.0.1", _REDIS_PORT),),
        database=database_of(path, query),
        **common,
    )


def _socket(place: str, query: Mapping[str, str], common: Mapping[str, Any]) -> ServerUrl:
    path = unquote(place)
    if not path.startswith("/"):
        raise ValueError("must give the socket's full path: unix:///run/valkey.sock?db=0")
    return ServerUrl("unix", path=path, database=database_of("", query), **common)


def _sentinels(
    scheme: str, place: str, query: Mapping[str, str], common: Mapping[str, Any]
) -> ServerUrl:
    hosts, _, path = place.partition("/")
    master, _, database = path.rpartition("/") if "/" in path else (path, "", "")
    if not master or master.isdigit():
        # Celery's own form names the primary elsewhere, and the path holds the database alone.
        master, database = query.get("master_name", ""), database or path
    if not master:
        raise ValueError(
            "must name the primary as the sentinels know it: "
            "sentinel://host1:26379,host2:26379,host3:26379/mymaster/0"
        )
    return ServerUrl(
        scheme,
        hosts=tuple(host_of(host, _SENTINEL_PORT) for host in re.split("[,;]", hosts)),
        master=unquote(master),
        database=database_of(database, query),
        sentinel_username=query.get("sentinel_username", ""),
        sentinel_password=query.get("sentinel_password", ""),
        **common,
    )
