"""The scripts that run inside Redis. Each states its keys and arguments at its top."""

from __future__ import annotations

import re
from importlib import resources
from typing import Final

__all__ = ["script"]

_BEGINS_WITH: Final = re.compile(r"^-- begins with (\w+)\.lua$", re.MULTILINE)


def script(name: str) -> str:
    """The text of a script, with those that it says it begins with.

    Args:
        name: Its file's, without ``.lua``.
    """
    text = _read(name)
    return "\n".join([*map(_read, _BEGINS_WITH.findall(text)), text])


def _read(name: str) -> str:
    return resources.files(__name__).joinpath(f"{name}.lua").read_text()
