"""The drawings in `docs/pictures`, made from the code: ``python -m docsite.drawings``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from docsite.drawings import flow, house, states

__all__ = ["DRAWINGS"]

DRAWINGS: Final[Mapping[str, Callable[[], str]]] = {
    "flow.svg": flow.draw,
    "house.svg": house.draw,
    "states.svg": states.draw,
}
"""What draws each, by its file in `docs/pictures`."""
