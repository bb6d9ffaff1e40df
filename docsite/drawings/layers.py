"""A graph without circles, laid out in layers: every arrow points down.

An arrow that others imply is left out. One that passes a layer gets a place of its own there, so
that it meets no box.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import mean
from typing import Final

__all__ = ["Layers", "Way", "laid_out"]

Graph = Mapping[str, frozenset[str]]
Rows = list[list[str]]

_ROUNDS: Final = 8


@dataclass(frozen=True, slots=True)
class Way:
    """An arrow.

    Attributes:
        nodes: Where it begins, its places in the layers that it passes, and where it ends.
    """

    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layers:
    """A graph in layers.

    Attributes:
        rows: The names in each layer, the uppermost first, from left to right. Those of ways that
            pass a layer are in it.
        ways: The arrows.
    """

    rows: tuple[tuple[str, ...], ...]
    ways: tuple[Way, ...]


def laid_out(graph: Graph) -> Layers:
    """Lay a graph out.

    Args:
        graph: What each node points to. Every node is a key.

    Raises:
        ValueError: The graph has a circle.
    """
    depth = _depths(graph)
    ways = [
        _way(node, target, depth)
        for node in sorted(graph)
        for target in sorted(_direct(graph, node))
    ]
    rows = _untangled(_rows(depth, ways), _neighbours(ways))
    return Layers(tuple(map(tuple, rows)), tuple(ways))


def _depths(graph: Graph) -> dict[str, int]:
    """How many layers lie below each node: one more than below whatever it points to."""
    depth: dict[str, int] = {}

    def look(node: str, path: tuple[str, ...]) -> int:
        if node in path:
            raise ValueError(f"a circle: {' -> '.join((*path, node))}")
        if node not in depth:
            below = [look(target, (*path, node)) for target in sorted(graph[node])]
            depth[node] = max(below, default=-1) + 1
        return depth[node]

    for node in sorted(graph):
        look(node, ())
    return depth


def _direct(graph: Graph, node: str) -> frozenset[str]:
    """What a node points to, and reaches in no other way."""
    implied = {far for target in graph[node] for far in _reached(graph, target)}
    return graph[node] - implied


def _reached(graph: Graph, node: str) -> set[str]:
    return {far for target in graph[node] for far in (target, *_reached(graph, target))}


def _way(node: str, target: str, depth: Mapping[str, int]) -> Way:
    passed = range(depth[node] - 1, depth[target], -1)
    return Way((node, *(f"{node}>{target}@{layer}" for layer in passed), target))


def _rows(depth: Mapping[str, int], ways: list[Way]) -> Rows:
    layer_of = dict(depth)
    for way in ways:
        layer_of |= {node: depth[way.nodes[0]] - at for at, node in enumerate(way.nodes)}
    top = max(layer_of.values(), default=0)
    return [sorted(node for node in layer_of if layer_of[node] == at) for at in range(top, -1, -1)]


def _neighbours(ways: list[Way]) -> dict[str, set[str]]:
    near: dict[str, set[str]] = {}
    for way in ways:
        for one, other in pairwise(way.nodes):
            near.setdefault(one, set()).add(other)
            near.setdefault(other, set()).add(one)
    return near


def _untangled(rows: Rows, near: Mapping[str, set[str]]) -> Rows:
    """The order in which the fewest arrows cross, of those that were tried."""
    best = rows
    for _ in range(_ROUNDS):
        rows = _swept(_swept(rows, near), near)
        best = min(best, rows, key=lambda each: _crossings(each, near))
    return best


def _swept(rows: Rows, near: Mapping[str, set[str]]) -> Rows:
    """Sort each layer by the one before it. The layers come back in the other direction."""
    swept = [rows[0]]
    for row in rows[1:]:
        place = _places(swept[-1])
        wish = {node: _wish(near.get(node, ()), place, own) for node, own in _places(row).items()}
        swept.append(sorted(row, key=lambda node: (wish[node], node)))
    return swept[::-1]


def _places(row: list[str]) -> dict[str, float]:
    return {node: at - (len(row) - 1) / 2 for at, node in enumerate(row)}


def _wish(near: Iterable[str], place: Mapping[str, float], own: float) -> float:
    """The middle of a node's neighbours in the layer before, or where it is."""
    return mean([place[each] for each in near if each in place] or [own])


def _crossings(rows: Rows, near: Mapping[str, set[str]]) -> int:
    return sum(_crossed(upper, lower, near) for upper, lower in pairwise(rows))


def _crossed(upper: list[str], lower: list[str], near: Mapping[str, set[str]]) -> int:
    ways = [
        (left, right)
        for left, node in enumerate(upper)
        for right, other in enumerate(lower)
        if other in near.get(node, ())
    ]
    return sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for a, b in combinations(ways, 2))
