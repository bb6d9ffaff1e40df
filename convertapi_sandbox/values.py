"""What a client sends under a name, in whatever form its request has."""

from __future__ import annotations

from convertapi_sandbox.files import StoredFile

__all__ = ["Pair", "Value"]

Value = str | StoredFile
"""Text, or a file with the request."""

Pair = tuple[str, Value]
"""A name and what was sent under it. Names may come more than once."""
