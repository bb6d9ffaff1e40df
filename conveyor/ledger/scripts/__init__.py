"""The scripts that run inside Redis; each tells its keys, arguments and answer at its top."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Final

from conveyor.ledger.due import lua_table

__all__ = ["script"]

_BEGINS_WITH: Final = re.compile(r"^-- begins with (\w+)(?:\.lua)?$", re.MULTILINE)


def script(name: str) -> str:
    """The text of a script, with those that it says it begins with.

    Args:
        name: Its file's, without ``.lua``.
    """
    text = _read(name)
    return "\n".join([*map(_beginning, _BEGINS_WITH.findall(text)), text])


def _beginning(name: str) -> str:
    return lua_table() if name == "KIND_OF" else _read(name)


@cache
def _read(name: str) -> str:
    return resources.files(__name__).joinpath(f"{name}.lua").read_text()
