"""A small writer of SVG: boxes, frames and arrows that suit a light and a dark page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from xml.sax.saxutils import escape

__all__ = ["LINE_HEIGHT", "Box", "Canvas", "Point"]

LINE_HEIGHT: Final = 17
_STYLE: Final = """
text { font: 13px Helvetica, Arial, "Liberation Sans", sans-serif; fill: #172022; }
.name { font-weight: bold; }
.small { font-size: 12px; fill: #55625f; }
.page { fill: #ffffff; }
.box { fill: #eef2f1; stroke: #8a9794; }
.strong { fill: #e0f0ee; stroke: #0b6b63; }
.frame { fill: none; stroke: #8a9794; stroke-dasharray: 5 4; }
.arrow { fill: none; stroke: #55625f; stroke-width: 1.5; }
.head { fill: #55625f; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4ebea; }
  .small { fill: #9aa9a6; }
  .page { fill: #161d1e; }
  .box { fill: #1e2728; stroke: #64726f; }
  .strong { fill: #14322f; stroke: #5fcdbf; }
  .frame { stroke: #64726f; }
  .arrow { stroke: #9aa9a6; }
  .head { fill: #9aa9a6; }
}
"""
_HEAD: Final = (
    '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
    'orient="auto-start-reverse" markerUnits="userSpaceOnUse">'
    '<path class="head" d="M0 0L8 4L0 8z"/></marker>'
)


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the canvas, in pixels from its upper left corner."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, by its upper left corner and its size, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> Point:
        """Its centre."""
        return Point(self.x + self.width / 2, self.y + self.height / 2)


@dataclass(slots=True)
class Canvas:
    """A drawing that grows.

    Args:
        width: In pixels.
        height: In pixels.
        title: What a reader who can't see it is told.
    """

    width: int
    height: int
    title: str
    _shapes: list[str] = field(default_factory=list)

    def box(self, box: Box, name: str, lines: Iterable[str] = (), style: str = "box") -> None:
        """Draw a box with its name, and with lines of small text below it."""
        self._rectangle(box, style, 6)
        texts = [("name", name), *(("small", line) for line in lines)]
        top = box.middle.y - len(texts) * LINE_HEIGHT / 2 + 13
        for place, (kind, text) in enumerate(texts):
            self.text(Point(box.middle.x, top + place * LINE_HEIGHT), text, kind)

    def frame(self, box: Box, name: str, *, is_named_below: bool = False) -> None:
        """Draw a dashed frame around what belongs together, with its name inside an edge."""
        self._rectangle(box, "frame", 10)
        y = box.y + box.height - 9 if is_named_below else box.y + 18
        self.text(Point(box.x + 12, y), name, "small", anchor="start")

    def arrow(self, points: Sequence[Point]) -> None:
        """Draw an arrow along these points."""
        path = "L".join(f"{point.x:g} {point.y:g}" for point in points)
        self._shapes.append(f'<path class="arrow" d="M{path}" marker-end="url(#head)"/>')

    def text(
        self,
        at: Point,
        text: str,
        kind: str = "small",
        anchor: Literal["start", "middle", "end"] = "middle",
    ) -> None:
        """Write a line of text, whose baseline is at a point."""
        self._shapes.append(
            f'<text class="{kind}" x="{at.x:g}" y="{at.y:g}" text-anchor="{anchor}">'
            f"{escape(text)}</text>"
        )

    def written(self) -> str:
        """The drawing as SVG."""
        return "\n".join([*self._top(), *self._shapes, "</svg>", ""])

    def _top(self) -> Iterator[str]:
        size = f'width="{self.width}" height="{self.height}"'
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'{size} role="img">'
        )
        yield f"<title>{escape(self.title)}</title>"
        yield f"<style>{_STYLE}</style>"
        yield f"<defs>{_HEAD}</defs>"
        yield f'<rect class="page" {size} rx="8"/>'

    def _rectangle(self, box: Box, style: str, radius: int) -> None:
        self._shapes.append(
            f'<rect class="{style}" x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" '
            f'height="{box.height:g}" rx="{radius}"/>'
        )
