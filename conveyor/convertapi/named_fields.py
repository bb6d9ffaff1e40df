"""Fields of a JSON object, by names that the service may write in any case."""

from __future__ import annotations

from typing import Any

__all__ = ["field_of", "has_field"]


def field_of(body: dict[str, Any], name: str) -> Any:
    """A field by its name, in whatever case it is written; None where it is not there."""
    if name in body:
        return body[name]
    folded = name.casefold()
    return next((body[key] for key in body if key.casefold() == folded), None)


def has_field(body: dict[str, Any], name: str) -> bool:
    """Whether a field is there, in whatever case its name is written, and whatever it holds."""
    return name.casefold() in {key.casefold() for key in body}
