"""How secrets are shown: not at all (invariant I5).

A source or result URL opens the document to anyone, a broker URL may hold a password, a parameter
may be a document's password. What logs, events, Flower and error texts show passes through here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

__all__ = ["redact_server_url", "redact_text", "redact_url"]

_HIDDEN = "…"
_URL = re.compile(r"""[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]+""")


def redact_url(url: str) -> str:
    """Show where a document's URL points, and nothing that opens it.

    Args:
        url: An http or fsspec URL, or a FileId.

    Returns:
        ``scheme://host/…``; a text that is no URL is hidden whole.
    """
    parts = urlsplit(url)
    if not parts.scheme or "://" not in url:
        return _HIDDEN
    return f"{parts.scheme}://{parts.hostname or ''}/{_HIDDEN}"


def redact_text(text: str) -> str:
    """Show what somebody else has written, and the URLs in it as `redact_url` does.

    Args:
        text: As the service words an error: it may quote a parameter.
    """
    return _URL.sub(lambda found: redact_url(found[0]), text)


def redact_server_url(url: str) -> str:
    """Show a server's address without the credentials in it.

    Args:
        url: A broker, Redis or API URL.

    Returns:
        ``scheme://host:port/path``.
    """
    parts = urlsplit(url)
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
        params: The names of the parameters; their values are not shown.

    Returns:
        One line: ``{'source': 'https://example.com/…', 'to': 'pdf', 'params': ['PageRange']}``.
    """
    shown = ", ".join(redact_url(source) for source in sources)
    return repr({"source": shown, "to": to_format, "params": sorted(params)})
