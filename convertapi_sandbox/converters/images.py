"""Pictures among each other and to PDF, by Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageOps, UnidentifiedImageError

from convertapi_sandbox.converters import kinds
from convertapi_sandbox.converters.model import Converter, Output, Parameter, Task
from convertapi_sandbox.errors import conversion_error

__all__ = ["CONVERTERS"]

_FORMATS: Final = ("jpg", "png", "webp", "gif", "tiff", "bmp")
# Pillow's name where it is not the extension.
_WRITERS: Final = {"jpg": "JPEG"}
# Targets that hold no transparency.
_OPAQUE: Final = frozenset({"jpg", "bmp", "pdf"})
# Targets that take the quality of a lossy compression.
_LOSSY: Final = frozenset({"jpg", "webp", "pdf"})
_MAX_EDGE_PIXELS: Final = 10_000
_MAX_PIXELS: Final = 80_000_000


def _convert(task: Task) -> Sequence[Output]:
    """Turn a picture into another format; of an animation, the first picture."""
    target = task.folder / f"picture.{task.target_format}"
    picture = _scaled(_opened(task.source.path), task)
    if task.target_format in _OPAQUE:
        picture = _on_white(picture)
    quality = {"quality": task.options["ImageQuality"]} if task.target_format in _LOSSY else {}
    picture.save(target, _WRITERS.get(task.target_format, task.target_format), **quality)
    return [Output(target)]


def _opened(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise conversion_error(5001, "The picture is too large.")
            # A camera's picture is stored lying and says how to turn it.
            return ImageOps.exif_transpose(image)
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise conversion_error(5002) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise conversion_error(5002) from error


def _scaled(picture: Image.Image, task: Task) -> Image.Image:
    width, height = task.options["ImageWidth"], task.options["ImageHeight"]
    if width is None and height is None:
        return picture
    size = (
        width or max(1, round(picture.width * height / picture.height)),
        height or max(1, round(picture.height * width / picture.width)),
    )
    return picture.convert("RGBA" if _has_transparency(picture) else "RGB").resize(size)


def _on_white(picture: Image.Image) -> Image.Image:
    if not _has_transparency(picture):
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    ground = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(ground, layer).convert("RGB")


def _has_transparency(picture: Image.Image) -> bool:
    return picture.has_transparency_data


_EDGE: Final[Any] = kinds.integer(1, _MAX_EDGE_PIXELS)

CONVERTERS: Final = (
    Converter(
        pairs=frozenset(
            (source, target)
            for source in _FORMATS
            for target in (*_FORMATS, "pdf")
            if source != target
        ),
        run=_convert,
        parameters=(
            Parameter("ImageWidth", _EDGE, default=None),
            Parameter("ImageHeight", _EDGE, default=None),
            Parameter("ImageQuality", kinds.integer(10, 100), default=85),
        ),
    ),
)
