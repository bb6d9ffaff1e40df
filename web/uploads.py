"""``multipart/form-data``: files go on into the storage at once, and never lie in memory."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Final

from conveyor.domain.parameters import takes_file
from web.form_parser import Part, Token, invalid, tokens_of
from web.staging import Staging

__all__ = ["FIELDS", "FILE", "read_form"]

FILE: Final = "file"
FIELDS: Final = frozenset(
    {
        *("to", "from_format", "params", "semi_async_seconds"),
        *("metadata", "deadline", "callback", "callback_events", "keep"),
    }
)

# Parameters are some hundred characters.
_MAX_FIELD_BYTES: Final = 64 * 1024


async def read_form(
    chunks: AsyncIterable[bytes], boundary: str, staging: Staging
) -> Mapping[str, str]:
    """Read a form and stream its files into the storage, in any order.

    Args:
        chunks: The body.
        boundary: As the media type says.
        staging: Takes the files.

    Returns:
        The fields that are no files.

    Raises:
        Problem: 422, it is broken, or holds what no conversion takes.
        InvalidRequest: A file is empty.
        StorageError: The storage can't be written.
    """
    fields: dict[str, str] = {}
    async with aclosing(tokens_of(chunks, boundary)) as tokens:
        async for token in tokens:
            assert isinstance(token, Part)  # noqa: S101 - what is read here is a part's begin
            await _read_part(token, tokens, fields, staging)
    return fields


async def _read_part(
    part: Part, tokens: AsyncIterator[Token], fields: dict[str, str], staging: Staging
) -> None:
    if part.name == FILE:
        if not part.file_name:
            raise invalid(
                "A part `file` has no file name. Conveyor takes the format from it. Send one."
            )
        await staging.take(part.file_name, _content(tokens))
    elif part.file_name and takes_file(part.name):
        if part.name in staging.params:
            raise invalid(f"The parameter {part.name} is given twice. Give it once.")
        await staging.take_param(part.name, part.file_name, _content(tokens))
    elif part.name not in FIELDS or part.file_name:
        raise invalid(
            f"The form has an unknown field. Send documents as `{FILE}`, files under a "
            f"parameter's name that ends in `File`, and the fields {_listed(FIELDS)}."
        )
    elif part.name in fields:
        raise invalid(f"The field {part.name} is given twice. Give it once.")
    else:
        fields[part.name] = await _text(part.name, tokens)


async def _content(tokens: AsyncIterator[Token]) -> AsyncIterator[bytes]:
    """The content of the part that has begun."""
    async for token in tokens:
        if not isinstance(token, bytes):
            return
        yield token


async def _text(name: str, tokens: AsyncIterator[Token]) -> str:
    content = bytearray()
    async for chunk in _content(tokens):
        content += chunk
        if len(content) > _MAX_FIELD_BYTES:
            raise invalid(
                f"The field {name} is longer than {_MAX_FIELD_BYTES} bytes. Send a shorter value."
            )
    return _decoded(bytes(content))


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise invalid("The form contains text that is not UTF-8. Send UTF-8.") from None


def _listed(names: frozenset[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
