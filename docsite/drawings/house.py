"""The house: its packages, and which imports which, from the imports themselves."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Final

from grimp import ImportGraph, build_graph

from docsite.borrowed import ROOT
from docsite.drawings.layers import Layers, Way, laid_out
from docsite.drawings.svg import Box, Canvas, Point

__all__ = ["draw", "imports"]

_LIBRARY: Final = "conveyor"
_FACE: Final = "conveyor"
# The work behind `Conveyor`: it makes handles, and handles are the face, too.
_BEHIND_THE_FACE: Final = "conveyor.producing"
_SHARED: Final = "conveyor.errors, names, …"
_IDEAS: Final[Mapping[str, str]] = {
    "config": "settings of workers and web",
    "conveyor": "what your application imports",
    "conveyor.cli": "the command line",
    "conveyor.convertapi": "all of the vendor's HTTP",
    "conveyor.callbacks": "what callers are told",
    "conveyor.dead": "dead letters",
    "conveyor.diagnosis": "conveyor doctor",
    "conveyor.domain": "what decides: pure",
    "conveyor.ledger": "all of Redis",
    "conveyor.live": "conveyor doctor --live",
    "conveyor.messaging": "Celery's messages",
    "convertapi_sandbox": "a local ConvertAPI",
    "conveyor.planning": "what a load needs",
    "conveyor.storage": "files, through fsspec",
    "conveyor.watching": "progress, events, pages",
    "conveyor.testing": "a Conveyor for tests",
    "local_stack": "make demo, make up",
    "pytest_conveyor": "fixtures for pytest",
    "tasks": "one Celery task a module",
    "web": "HTTP API, webhooks, the page",
    "workers": "Celery app, crew, sweep",
    _SHARED: "what all of them use",
}
_WIDTH: Final = 210
_HEIGHT: Final = 50
_GAP: Final = 34
_STEP: Final = 92
_MARGIN: Final = 24
# A way that passes a layer needs no more.
_PASSAGE: Final = 16
_ROUNDS: Final = 12
_TITLE: Final = "The packages and their imports: every arrow points down"


def draw() -> str:
    """The drawing as SVG.

    Raises:
        ValueError: The packages import each other in a circle.
        LookupError: `_IDEAS` does not say what a package is for.
    """
    layers = laid_out(imports())
    middles = _middles(layers)
    left = min(x - _width(node) / 2 for node, x in middles.items()) - _MARGIN
    right = max(x + _width(node) / 2 for node, x in middles.items()) + _MARGIN
    places = {
        node: Point(round(middles[node] - left), _MARGIN + _HEIGHT / 2 + level * _STEP)
        for level, row in enumerate(layers.rows)
        for node in row
    }
    canvas = Canvas(round(right - left), _bottom(layers), _TITLE)
    for way in layers.ways:
        canvas.arrow(_line(way, places))
    for node, middle in places.items():
        if "@" not in node:
            _draw(canvas, node, middle)
    return canvas.written()


def imports() -> dict[str, frozenset[str]]:
    """What each package imports; the library's own packages count as packages, too."""
    names = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    graph = build_graph(*names["tool"]["importlinter"]["root_packages"])
    rooms = _Rooms(graph)
    found: dict[str, set[str]] = {rooms.of(module): set() for module in sorted(graph.modules)}
    for module in graph.modules:
        found[rooms.of(module)] |= set(
            map(rooms.of, graph.find_modules_directly_imported_by(module))
        )
    return {room: frozenset(others - {room}) for room, others in sorted(found.items())}


@dataclass(frozen=True, slots=True)
class _Rooms:
    """Which package a module is drawn in."""

    graph: ImportGraph

    def of(self, module: str) -> str:
        """The top package; of the library, the package below it, or what stands beside these."""
        top, *inner = module.split(".")
        package = f"{top}.{inner[0]}" if inner else top
        if top != _LIBRARY:
            return top
        if package == _BEHIND_THE_FACE:
            return _FACE
        if inner and self.graph.find_children(package):
            return package
        if package == f"{_LIBRARY}.__main__":
            return f"{_LIBRARY}.cli"
        return _FACE if self._uses_packages(module) else _SHARED

    def _uses_packages(self, module: str) -> bool:
        return any(
            len(other.split(".")) > 2  # noqa: PLR2004  # conveyor, a package, a module
            for other in self.graph.find_upstream_modules(module)
        )


def _bottom(layers: Layers) -> int:
    return 2 * _MARGIN + _HEIGHT + (len(layers.rows) - 1) * _STEP


def _width(node: str) -> int:
    return _PASSAGE if "@" in node else _WIDTH


def _middles(layers: Layers) -> dict[str, float]:
    """Where the middle of each node is: near its neighbours', and apart from the others'."""
    middles = {node: 0.0 for row in layers.rows for node in row}
    near: dict[str, list[str]] = {node: [] for node in middles}
    for way in layers.ways:
        for one, other in zip(way.nodes, way.nodes[1:], strict=False):
            near[one].append(other)
            near[other].append(one)
    for _ in range(_ROUNDS):
        for row in layers.rows:
            wishes = [mean(middles[each] for each in near[node] or [node]) for node in row]
            middles |= dict(zip(row, _apart(row, wishes), strict=True))
    return middles


def _apart(row: Sequence[str], wishes: Sequence[float]) -> list[float]:
    """As near to what is wished as the widths allow."""
    found: list[float] = []
    for at, node in enumerate(row):
        least = found[-1] + (_width(row[at - 1]) + _width(node)) / 2 + _GAP if found else wishes[0]
        found.append(max(least, wishes[at]))
    shift = mean(wishes) - mean(found)
    return [x + shift for x in found]


def _line(way: Way, places: Mapping[str, Point]) -> list[Point]:
    begin, *passed, end = (places[node] for node in way.nodes)
    half = _HEIGHT / 2
    through = [Point(at.x, at.y + side) for at in passed for side in (-half, half)]
    return [Point(begin.x, begin.y + half), *through, Point(end.x, end.y - half)]


def _draw(canvas: Canvas, node: str, middle: Point) -> None:
    box = Box(middle.x - _WIDTH / 2, middle.y - _HEIGHT / 2, _WIDTH, _HEIGHT)
    if node not in _IDEAS:
        raise LookupError(f"docsite/drawings/house.py does not say what {node} is for")
    canvas.box(box, node, [_IDEAS[node]], "strong" if node == _FACE else "box")
