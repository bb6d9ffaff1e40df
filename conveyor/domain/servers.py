"""Where Redis is: one form of URL for the broker, the ledger and the results alike.

redis-py, kombu and Celery each read a form of their own. So a URL is read here, once, and written
again in the one form that all three parts of Conveyor read with this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

__all__ = ["SCHEMES", "Host", "ServerUrl", "is_redis_url"]

SCHEMES: Final = ("redis", "rediss", "unix", "sentinel", "sentinels")
"""The schemes of the form that is written. ``rediss`` and ``sentinels`` speak TLS."""

_SPELLINGS: Final = {"redis+socket": "unix", "socket": "unix", "redis+unix": "unix"}
_REDIS_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_MOST_PORT: Final = 65535

_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^\s\[\]:@/?#]+))(?::(\d{1,5}))?")
_VERIFICATIONS: Final = {
    **{word: word for word in ("required", "optional", "none")},
    **{f"cert_{word}": word for word in ("required", "optional", "none")},
}
_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_DATABASES: Final = ("db", "virtual_host")
_TLS_FILES: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_TLS: Final = (*_TLS_FILES, "ssl_cert_reqs", "ssl_check_hostname")
_LOGIN: Final = ("username", "password")
_SENTINEL: Final = ("sentinel_username", "sentinel_password", "master_name")
_KNOWN: Final = frozenset((*_DATABASES, *_TLS, *_LOGIN, *_SENTINEL))


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


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """A Redis or Valkey, and how to log in there.

    Attributes:
        scheme: One of `SCHEMES`.
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
        return _read(_with_options(url, options, tls or {}), strict=False)

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
            **{name: str(self.tls[name]) for name in _TLS_FILES if name in self.tls},
        }
        return {name: value for name, value in given.items() if value}


def is_redis_url(url: str) -> bool:
    """Whether a URL's scheme is one of Redis', in whosever spelling.

    Args:
        url: Any URL.
    """
    return _scheme_of(url) in SCHEMES


def _scheme_of(url: str) -> str:
    scheme = url.partition("://")[0].lower()
    return _SPELLINGS.get(scheme, scheme)


def _read(url: str, *, strict: bool) -> ServerUrl:
    scheme = _scheme_of(url)
    if scheme not in SCHEMES:
        raise ValueError("must be a redis://, rediss://, unix://, sentinel:// or sentinels:// URL")
    rest, _, tail = url.partition("://")[2].partition("#")[0].partition("?")
    query = dict(parse_qsl(tail, keep_blank_values=True))
    if strict and (unknown := sorted(query.keys() - _KNOWN)):
        # Names alone, and only such as can't be a part of a password that was not encoded.
        shown = ", ".join(name for name in unknown if re.fullmatch(r"[a-z_]{2,30}", name))
        raise ValueError(
            f"has query parameters that Conveyor does not know ({shown or 'unreadable'}): leave "
            "them out, and write special characters of a password percent-encoded"
        )
    login, _, place = rest.rpartition("@")
    username, _, password = login.partition(":")
    common: dict[str, Any] = {
        "username": unquote(username) or query.get("username", ""),
        "password": unquote(password) or query.get("password", ""),
        "tls": _tls(query),
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
        hosts=(_host(hosts or "127.0.0.1", _REDIS_PORT),),
        database=_database(path, query),
        **common,
    )


def _socket(place: str, query: Mapping[str, str], common: Mapping[str, Any]) -> ServerUrl:
    path = unquote(place)
    if not path.startswith("/"):
        raise ValueError("must give the socket's full path: unix:///run/valkey.sock?db=0")
    return ServerUrl("unix", path=path, database=_database("", query), **common)


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
        hosts=tuple(_host(host, _SENTINEL_PORT) for host in re.split("[,;]", hosts)),
        master=unquote(master),
        database=_database(database, query),
        sentinel_username=query.get("sentinel_username", ""),
        sentinel_password=query.get("sentinel_password", ""),
        **common,
    )


def _host(text: str, port: int) -> Host:
    found = _HOST.fullmatch(text)
    number = int(found[3] or port) if found else 0
    if found is None or not 0 < number <= _MOST_PORT:
        raise ValueError(
            "must be a URL with a host and a port that is a number, e.g. redis://host:6379/0; "
            "write special characters of a password percent-encoded"
        )
    return Host(found[1] or found[2], number)


def _database(path: str, query: Mapping[str, str]) -> int:
    given = [text for text in (path.strip("/"), *map(query.get, _DATABASES)) if text]
    # redis-py lets the query win, Celery the path: where both are given they must agree.
    if len(set(given)) > 1 or not all(re.fullmatch(r"\d{1,5}", text) for text in given):
        raise ValueError("must name one database by its number: redis://host:6379/0")
    return int(given[0]) if given else 0


def _tls(query: Mapping[str, str]) -> dict[str, str | bool]:
    options: dict[str, str | bool] = {name: query[name] for name in _TLS_FILES if query.get(name)}
    if wanted := query.get("ssl_cert_reqs"):
        if wanted.lower() not in _VERIFICATIONS:
            raise ValueError("has a wrong ssl_cert_reqs: use required, optional or none")
        options["ssl_cert_reqs"] = _VERIFICATIONS[wanted.lower()]
    if wanted := query.get("ssl_check_hostname"):
        if wanted.lower() not in _FLAGS:
            raise ValueError("has a wrong ssl_check_hostname: use true or false")
        options["ssl_check_hostname"] = _FLAGS[wanted.lower()]
    return options


def _with_options(url: str, options: Mapping[str, Any], tls: Mapping[str, Any]) -> str:
    """An application's URL with what Celery is told beside it, as parts of the URL."""
    scheme, _, rest = url.partition("://")
    scheme = _SPELLINGS.get(scheme.lower(), scheme.lower())
    if scheme == "sentinel":
        rest = _joined(rest)
    if tls and scheme in ("redis", "sentinel"):
        scheme += "s"
    login = options.get("sentinel_kwargs") or {}
    beside = {
        "master_name": options.get("master_name"),
        "sentinel_username": login.get("username"),
        "sentinel_password": login.get("password"),
        **{name: _named(tls[name]) for name in _TLS if tls.get(name) is not None},
    }
    more = urlencode({name: value for name, value in beside.items() if value})
    return f"{scheme}://{rest}{'&' if '?' in rest else '?'}{more}" if more else f"{scheme}://{rest}"


def _joined(rest: str) -> str:
    """Write the login and the path once: Celery repeats them with each sentinel."""
    first, *others = (part.rpartition("://")[2] or part for part in rest.split(";"))
    if not others:
        return first
    login, at, place = first.rpartition("@")
    tail = next((other.partition("/")[2] for other in reversed(others) if "/" in other), "")
    hosts = [other.rpartition("@")[2].partition("/")[0] for other in others]
    host, _, path = place.partition("/")
    return f"{login}{at}{','.join([host, *hosts])}/{path or tail}"


def _named(value: Any) -> str:
    """``ssl.CERT_REQUIRED`` by its name, anything else as it is written."""
    return str(getattr(value, "name", value))
