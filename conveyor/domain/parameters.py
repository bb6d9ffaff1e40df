"""What a caller gives as formats and parameters, checked and put in its one form."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from conveyor.domain import rules
from conveyor.domain.sources import Source, parse_sources
from conveyor.domain.timeouts import check_timeout
from conveyor.errors import InvalidRequest

__all__ = ["file_of", "format_of", "params_of", "takes_file", "text_form"]

_FORMAT = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")
_PARAM = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
# A parameter is some hundred characters, a stylesheet some thousand. All of it lies in Redis.
_MAX_PARAM_BYTES: Final = 64 * 1024
_SHOWN_CHARACTERS: Final = 40


def takes_file(name: str) -> bool:
    """Whether a parameter of this name is a file, as the vendor's own clients tell it.

    Args:
        name: The service's, in any case: ``OverlayFile``.
    """
    return name.lower().endswith("file") and name.lower() not in rules.RESERVED_PARAMETERS


def format_of(given: Any, which: str) -> str:
    """A format in its one form, ``"pdf"``.

    Args:
        given: As the caller wrote it, ``".PDF"``.
        which: Whose it is, for the message: ``source`` or ``target``.

    Raises:
        InvalidRequest: It can't be a format.
    """
    text = given.lower().removeprefix(".") if isinstance(given, str) else ""
    if not _FORMAT.fullmatch(text):
        raise InvalidRequest(
            f"The {which} format {_shown(given)} is not valid. Use a name like 'pdf'."
        )
    return text


def params_of(given: Any) -> Mapping[str, Any]:
    """The parameters under names that the service could know, each once.

    Args:
        given: Values by name, or None.

    Raises:
        InvalidRequest: It is no mapping, or a name can't be set, or is given twice.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidRequest(
            f"The parameters must be a mapping of names to values, not a {type(given).__name__}. "
            "For example {'PageRange': '1-3'}."
        )
    seen: set[str] = set()
    for name in given:
        _check_name(name)
        if name.lower() in seen:
            raise InvalidRequest(f"The parameter {name} is given twice. Give it once.")
        seen.add(name.lower())
    return given


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not _PARAM.fullmatch(name):
        raise InvalidRequest(
            f"The parameter name {_shown(name)} is not valid. Use letters and digits."
        )
    reason = rules.RESERVED_PARAMETERS.get(name.lower())
    if reason:
        raise InvalidRequest(f"You can't set the parameter {name}: {reason}.")


def file_of(name: str, value: Any) -> Source:
    """A parameter that is a file.

    Args:
        name: The parameter's name.
        value: A source, as a conversion takes it.

    Raises:
        InvalidRequest: It is no source, or more than one.
    """
    try:
        sources = parse_sources(value)
    except InvalidRequest as error:
        raise InvalidRequest(f"The parameter {name} is not a file. {error}") from None
    if len(sources) > 1:
        raise InvalidRequest(f"The parameter {name} takes one file, not {len(sources)}. Give one.")
    return sources[0]


def text_form(name: str, value: Any) -> str:
    """A parameter's value as the text that the service reads.

    Args:
        name: The parameter's name.
        value: Text, a number or a truth value.

    Raises:
        InvalidRequest: It is something else, too long, or a ``Timeout`` out of bounds.
    """
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        # An enumeration of texts would show its member's name.
        text = str.__str__(value)
    elif isinstance(value, int | float):
        text = _number(name, value)
    else:
        raise InvalidRequest(
            f"The parameter {name} must be text, a number or a boolean, not a "
            f"{type(value).__name__}."
        )
    _check_text(name, text)
    check_timeout(name, text)
    return text


def _number(name: str, value: float) -> str:
    try:
        if math.isfinite(value):
            return int.__repr__(value) if isinstance(value, int) else float.__repr__(value)
    except (OverflowError, ValueError):
        # Python writes no integers of thousands of digits.
        pass
    raise InvalidRequest(
        f"The parameter {name} is not a number that can be sent. Use a smaller one."
    )


def _check_text(name: str, text: str) -> None:
    """Refuse what no parameter holds, without showing it: it may be a password."""
    if "\0" in text:
        raise InvalidRequest(f"The parameter {name} holds a NUL character. Remove it.")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidRequest(
            f"The parameter {name} holds half a character (a lone surrogate). Use valid Unicode "
            "text."
        ) from None
    if size > _MAX_PARAM_BYTES:
        raise InvalidRequest(
            f"The parameter {name} is longer than {_MAX_PARAM_BYTES} bytes. Use a shorter value."
        )


def _shown(given: Any) -> str:
    """What a message shows of a value that may be of any length."""
    if not isinstance(given, str):
        return given.__class__.__name__ if given is not None else "None"
    text = repr(given[:_SHOWN_CHARACTERS])
    return text if len(given) <= _SHOWN_CHARACTERS else f"{text}…"
