"""The way of a conversion: who sets a date in the ledger, who rings, and who works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from conveyor import names
from conveyor.ledger.keys import KINDS, Keys
from docsite.drawings.svg import Box, Canvas, Point

__all__ = ["draw"]

_TASKS: Final[Mapping[str, tuple[str, str]]] = {
    "submit": (names.SUBMIT, "POST the job"),
    "poll": (names.POLL, "GET its result"),
    "deliver": (names.DELIVER, "store the files"),
}
_TOP: Final = 180
_STEP: Final = 105
_HEIGHT: Final = 64
_LEDGER: Final = Box(290, 140, 210, 340)
_WORKERS: Final = Box(610, 140, 200, 340)
_BROKER: Final = Box(290, 30, 520, 56)
_APPLICATION: Final = Box(20, 172, 180, 80)
_WEB: Final = Box(80, 277, 120, 80)
_SWEEP: Final = Box(20, 30, 180, 56)
_SERVICE: Final = Box(930, 172, 130, 185)
_STORAGE: Final = Box(930, 390, 130, 64)


def draw() -> str:
    """The drawing as SVG."""
    canvas = Canvas(
        1090, 550, "How a conversion flows: a date in the ledger, a bell, a claim, a note"
    )
    canvas.box(_APPLICATION, "your application", ["convert()", "a signature"], "strong")
    canvas.box(_WEB, "web", ["takes webhooks"])
    canvas.box(_SWEEP, "sweep", ["each worker, every second"])
    canvas.box(
        _BROKER, "Celery: bells", ["one message for all that is due in a quarter of a second"]
    )
    canvas.box(_SERVICE, "ConvertAPI", ["the paid service"], "strong")
    canvas.box(_STORAGE, "storage", ["your files"], "strong")
    canvas.frame(_LEDGER, "ledger, in Redis: the truth")
    canvas.frame(_WORKERS, "workers")
    for place, kind in enumerate(KINDS):
        _work(canvas, _TOP + place * _STEP, kind)
    _bells(canvas)
    _ends(canvas)
    return canvas.written()


def _work(canvas: Canvas, y: float, kind: str) -> None:
    """A date and the task that works on what is due."""
    name, what = _TASKS[kind]
    canvas.box(Box(310, y, 170, _HEIGHT), Keys().due(kind).partition(":")[2], ["id by its date"])
    canvas.box(Box(630, y, 160, _HEIGHT), name, [what])
    _labelled(canvas, "claim", (480, y + 22), (630, y + 22))
    _labelled(canvas, "note", (630, y + 46), (480, y + 46))


def _bells(canvas: Canvas) -> None:
    _labelled(canvas, "ring", (200, 58), (290, 58))
    _beside(canvas, "ring", (395, 140), (395, 86))
    _beside(canvas, "wake", (710, 86), (710, 140))
    _labelled(canvas, "open", (200, 212), (290, 212))
    _labelled(canvas, "due now", (200, 317), (290, 317))


def _ends(canvas: Canvas) -> None:
    """What enters and leaves the fleet."""
    _labelled(canvas, "POST", (790, 212), (930, 212))
    _labelled(canvas, "GET", (790, 317), (930, 317))
    _labelled(canvas, "files", (790, 422), (930, 422))
    callbacks = ((710, 454), (710, 505), (50, 505), (50, 252))
    canvas.arrow([Point(*point) for point in callbacks])
    canvas.text(Point(390, 498), "result, callbacks, events")
    webhook = ((1060, 265), (1075, 265), (1075, 530), (140, 530), (140, 357))
    canvas.arrow([Point(*point) for point in webhook])
    canvas.text(Point(890, 523), "webhook")


def _labelled(
    canvas: Canvas, label: str, begin: tuple[float, float], end: tuple[float, float]
) -> None:
    """An arrow from left to right, or back, with its label above it."""
    canvas.arrow([Point(*begin), Point(*end)])
    canvas.text(Point((begin[0] + end[0]) / 2, begin[1] - 6), label)


def _beside(
    canvas: Canvas, label: str, begin: tuple[float, float], end: tuple[float, float]
) -> None:
    """An arrow up or down, with its label beside it."""
    canvas.arrow([Point(*begin), Point(*end)])
    canvas.text(Point(begin[0] + 8, (begin[1] + end[1]) / 2 + 4), label, anchor="start")
