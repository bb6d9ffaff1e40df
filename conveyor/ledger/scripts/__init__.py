"""The scripts that run inside Redis; each tells its keys and arguments at its top."""

from __future__ import annotations

from importlib import resources

__all__ = ["script"]


def script(name: str) -> str:
    """The text of a script.

    Args:
        name: Its file's, without ``.lua``.
    """
    return resources.files(__name__).joinpath(f"{name}.lua").read_text()
