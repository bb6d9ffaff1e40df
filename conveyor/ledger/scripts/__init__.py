"""The scripts that run inside Redis; each tells its keys and arguments at its top."""

from __future__ import annotations

from importlib import resources

__all__ = ["script"]


def script(name: str) -> str:
    """The text of a script, with the one that it says it begins with.

    Args:
        name: Its file's, without ``.lua``.
    """
    text = _read(name)
    return f"{_read('bell')}\n{text}" if "\n-- begins with bell.lua\n" in text else text


def _read(name: str) -> str:
    return resources.files(__name__).joinpath(f"{name}.lua").read_text()
