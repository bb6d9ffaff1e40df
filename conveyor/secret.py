"""A secret as it must be to travel in a header, from the environment or from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["clean_secret", "read_secret"]

# A JWT has a kilobyte or two. Whatever is longer is the wrong file.
_MOST_BYTES: Final = 64 * 1024


def clean_secret(text: str) -> str:
    """A secret without the blanks and the newline that editors and mounts leave around it.

    Args:
        text: As it was given.

    Returns:
        The secret, empty where nothing was given.

    Raises:
        ValueError: It can't be sent; the message does not show it.
    """
    secret = text.strip()
    if text and not secret:
        raise ValueError("must not be empty")
    if not all("!" <= letter <= "~" for letter in secret):
        raise ValueError("must be one word of plain ASCII, without blanks inside")
    return secret


def read_secret(path: str) -> str:
    """Read a secret from a file.

    Args:
        path: The file; ``~`` is the home folder.

    Returns:
        The secret, never empty.

    Raises:
        ValueError: It can't be read, or holds no secret; the message shows no content.
    """
    try:
        file = Path(path).expanduser()
        if file.exists() and not file.is_file():  # a pipe would hold whoever reads it
            raise ValueError("it is not a file")
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ValueError(
            f"the file can't be read. Check its path and permissions ({reason})"
        ) from None
    return _secret_in(content)


def _secret_in(content: bytes) -> str:
    if len(content) > _MOST_BYTES:
        raise ValueError("the file is too large for a secret")
    try:
        secret = clean_secret(content.decode("utf-8-sig"))
    except ValueError:
        raise ValueError("the file must hold one word of plain ASCII") from None
    if not secret:
        raise ValueError("the file is empty")
    return secret
