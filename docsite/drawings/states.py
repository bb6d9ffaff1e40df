"""The states of a conversion and the transitions between them, from the ledger's own table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

from conveyor.domain.conversion import State
from conveyor.ledger.transitions import TRANSITIONS, Transition
from docsite.drawings.svg import LINE_HEIGHT, Box, Canvas, Point

__all__ = ["draw"]

_ABSENT: Final = frozenset({""})
_UNFINISHED: Final = frozenset(state for state in State if not state.is_final)
_STARTED: Final = _UNFINISHED - {State.QUEUED}
_DEAD: Final = frozenset(state for state in State if state.is_dead)
_ENDED: Final = frozenset(state for state in State if state.is_final)
_ALL: Final = frozenset(State)
# As many go into a box of 160 pixels.
_LETTERS: Final = 24

_BOXES: Final[Mapping[State, Box]] = {
    State.QUEUED: Box(70, 70, 160, 84),
    State.CONVERTING: Box(350, 70, 160, 84),
    State.READY: Box(620, 70, 160, 84),
    State.SUCCEEDED: Box(920, 70, 140, 84),
    State.FAILED: Box(350, 310, 160, 60),
    State.EXPIRED: Box(620, 310, 160, 60),
    State.CANCELLED: Box(920, 310, 140, 60),
}
_FRAMES: Final[Mapping[frozenset[str], tuple[Box, str]]] = {
    _UNFINISHED: (Box(45, 15, 785, 185), "not ended"),
    _STARTED: (Box(330, 40, 475, 145), "at the service"),
    _DEAD: (Box(330, 285, 475, 118), "dead letters"),
}


@dataclass(frozen=True, slots=True)
class _Route:
    """How an arrow runs, and where its label begins."""

    points: tuple[Point, ...]
    label: Point


def _route(*points: tuple[float, float], label: tuple[float, float]) -> _Route:
    return _Route(tuple(Point(*point) for point in points), Point(*label))


# Whatever states a transition leaves are drawn as one: a box, or a frame.
_ROUTES: Final[Mapping[tuple[frozenset[str], State], _Route]] = {
    (_ABSENT, State.QUEUED): _route((10, 112), (70, 112), label=(10, 104)),
    (frozenset({State.QUEUED}), State.CONVERTING): _route((230, 95), (350, 95), label=(240, 88)),
    (frozenset({State.CONVERTING}), State.QUEUED): _route((350, 130), (230, 130), label=(250, 146)),
    (frozenset({State.CONVERTING}), State.READY): _route((510, 112), (620, 112), label=(545, 105)),
    (frozenset({State.READY}), State.SUCCEEDED): _route((780, 112), (920, 112), label=(840, 105)),
    (_UNFINISHED, State.CANCELLED): _route((830, 170), (990, 170), (990, 310), label=(840, 163)),
    (_UNFINISHED, State.FAILED): _route((380, 200), (380, 310), label=(340, 250)),
    (frozenset({State.QUEUED}), State.CANCELLED): _route(
        (100, 154), (100, 418), (990, 418), (990, 370), label=(110, 412)
    ),
    (_STARTED, State.EXPIRED): _route((740, 185), (740, 310), label=(748, 250)),
    (_DEAD, State.QUEUED): _route((330, 340), (150, 340), (150, 154), label=(160, 332)),
    (frozenset({State.FAILED}), State.CONVERTING): _route((450, 310), (450, 154), label=(458, 230)),
    (frozenset({State.FAILED}), State.READY): _route((510, 320), (660, 154), label=(592, 250)),
}


def draw() -> str:
    """The drawing as SVG.

    Raises:
        LookupError: The table has a way for which this drawing has no place.
    """
    _check_complete()
    canvas = Canvas(1080, 490, "The states of a conversion, and the transitions between them")
    for leaves, (box, name) in _FRAMES.items():
        title = ": ".join(filter(None, (name, _staying(leaves))))
        canvas.frame(box, title, is_named_below=leaves is _DEAD)
    for state, box in _BOXES.items():
        style = "strong" if state is State.SUCCEEDED else "box"
        canvas.box(box, state.value, wrap(_staying(frozenset({state})), _LETTERS), style)
    for way, route in _ROUTES.items():
        canvas.arrow(route.points)
        canvas.text(route.label, ", ".join(_moving()[way]), anchor="start")
    for place, line in enumerate(_notes()):
        canvas.text(Point(45, 440 + place * LINE_HEIGHT), line, anchor="start")
    return canvas.written()


def _notes() -> Iterator[str]:
    yield "Small names are transitions that leave the state as it is."
    yield f"In every ended state: {_staying(_ENDED)}."
    yield f"In every state: {_staying(_ALL)}."


def _stays(transition: Transition) -> bool:
    return transition.enters is None or transition.leaves == {transition.enters}


def _staying(leaves: frozenset[str]) -> str:
    """The transitions that leave a conversion where it is."""
    return ", ".join(
        row.name for row in TRANSITIONS.values() if _stays(row) and row.leaves == leaves
    )


def _moving() -> dict[tuple[frozenset[str], State], list[str]]:
    """The transitions that move a conversion, by where from and where to."""
    ways: dict[tuple[frozenset[str], State], list[str]] = {}
    for row in TRANSITIONS.values():
        if row.enters is not None and not _stays(row):
            ways.setdefault((row.leaves, row.enters), []).append(row.name)
    return ways


def _missing() -> Iterator[str]:
    places = {frozenset({state}) for state in State} | {*_FRAMES, _ENDED, _ALL}
    for row in TRANSITIONS.values():
        known = row.leaves in places if _stays(row) else (row.leaves, row.enters) in _ROUTES
        if not known:
            yield row.name


def _check_complete() -> None:
    if names := list(_missing()):
        raise LookupError(f"docsite/drawings/states.py has no place for {', '.join(names)}")
