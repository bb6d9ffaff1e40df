"""How secrets are shown: not at all (invariant I5).

A source or result URL opens the document to anyone, a broker URL may hold a password, a parameter
may be a document's password. What logs, events, Flower and error texts show passes through here.
No text makes these functions raise: they stand where errors are told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import SplitResult, urlsplit

from conveyor.domain.servers import ServerUrl

__all__ = ["describe_call", "host_of", "redact_server_url", "redact_text", "redact_url"]

_HIDDEN: Final = "…"
# Also as JSON and forms write it: `https:\/\/…`, `https%3A%2F%2F…`.
_URL: Final = re.compile(
    r"""\b([a-z][a-z0-9+.-]{0,31})(?::(?:\\?/){2}|%3a%2f%2f)[^\s"'<>]*""", re.IGNORECASE
)
_ESCAPED: Final = re.compile(r"^([^:%]+)(?::(?:\\?/){2}|%3a%2f%2f)", re.IGNORECASE)


def redact_url(url: str) -> str:
    """Shorten a document's URL to its scheme and host, so that it can be logged.

    Args:
        url: An http or fsspec URL, or a FileId. Any text is taken.

    Returns:
        ``scheme://host/…``. A text that is no URL is hidden whole.
    """
    parts = _split(url)
    if parts is None or not parts.scheme or "://" not in url:
        return _HIDDEN
    return f"{parts.scheme}://{parts.hostname or ''}/{_HIDDEN}"


def host_of(url: str) -> str:
    """A URL's host, without port and credentials; empty where it has none.

    Args:
        url: A URL. Any text is taken.
    """
    parts = _split(url)
    return (parts.hostname or "") if parts is not None else ""


def redact_text(text: str) -> str:
    """Clean a foreign text for logs: its URLs are shortened as `redact_url` does.

    Args:
        text: As the service words an error: it may quote a parameter.
    """
    return _URL.sub(_redacted, text)


def redact_server_url(url: str) -> str:
    """Show a server's address without the credentials in it.

    Args:
        url: A broker, Redis or API URL. Any text is taken.

    Returns:
        ``scheme://host:port/path``. A text that is no URL is hidden whole.
    """
    if url.lower().startswith("sentinel"):  # no parser but ours reads several hosts
        try:
            return ServerUrl.parse(url).address
        except ValueError:
            return _HIDDEN
    parts = _split(url)
    if parts is None:
        return _HIDDEN
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def describe_call(sources: Iterable[str], to_format: str, params: Iterable[str]) -> str:
    """The arguments of a conversion as Flower and the logs may show them.

    Args:
        sources: URLs, as asked.
        to_format: The target format.
        params: The names of the parameters. Their values are not shown.

    Returns:
        One line: ``{'source': 'https://example.com/…', 'to': 'pdf', 'params': ['PageRange']}``.
    """
    shown = ", ".join(redact_url(source) for source in sources)
    return repr({"source": shown, "to": to_format, "params": sorted(params)})


def _redacted(found: re.Match[str]) -> str:
    url = _ESCAPED.sub(r"\1://", found[0])
    # Behind an escape the rest is escaped too, and no parser sees where the host ends.
    if url != found[0] or _split(url) is None:
        return f"{found[1]}://{_HIDDEN}"
    return redact_url(url)


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None
