"""What ConvertAPI is known to convert into what: something to choose from.

Most pairs are from the vendor's own lists, https://www.convertapi.com/api and
https://v2.convertapi.com/info/openapi; some come only from other sources. Nothing is refused by
them: the service may know more, or less, so a pair that is not listed is passed on. Pairs of
operations that need a second document beside the source (``compare``), or none, are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["ALIASES", "FORMATS", "OF_SEVERAL", "targets_of"]

# What a page looks like once it is printed, or photographed.
_PRINTS: Final = "jpg pdf png tiff webp"

# Formats that share targets, and these targets. A format may stand in several rows.
_FAMILIES: Final = (
    # Documents of words.
    ("docx", f"{_PRINTS} epub html md merge odt protect rtf txt xml"),
    ("doc", "docx odt pdf"),
    ("dotx", "jpg pdf"),
    ("epub html md odt rtf txt", "docx epub html md odt pdf rtf txt"),
    ("html", "jpg png xls xlsx"),
    ("odt rtf txt", "jpg"),
    ("log", "docx pdf txt"),
    ("pages", "doc docx pdf rtf txt"),
    ("epub mobi djvu", _PRINTS),
    ("eml msg", _PRINTS),
    ("email", "extract metadata"),
    ("web", "jpg pdf png txt"),
    ("wpd", "pdf"),
    # Spreadsheets.
    ("xlsx", f"{_PRINTS} csv ods protect xls"),
    ("xls", "csv pdf xlsx"),
    ("xlsb", "csv pdf"),
    ("csv", "pdf xlsx"),
    ("ods", "pdf xlsx"),
    ("numbers", "csv pdf xls xlsx"),
    # Slides.
    ("pptx", f"{_PRINTS} odp protect"),
    ("potx ppsx", f"{_PRINTS} pptx"),
    ("ppt", "pdf pptx"),
    ("odp", "jpg pdf png pptx"),
    ("key", "jpg pdf png ppt pptx tiff"),
    # PDF, and what becomes of it.
    ("pdf", f"{_PRINTS} csv docx html md pptx rtf svg txt xlsx"),
    ("pdf", "compress flatten ocr pdfa rasterize redact repair rotate unprotect watermark"),
    ("pdf", "delete-pages extract extract-images image-watermark pdf-watermark text-watermark"),
    ("pdf", "merge protect split"),
    ("ps xps oxps", "jpg pdf png tiff"),
    # Images.
    ("bmp gif heic ico jpg png svg tiff webp", "jpg pdf png pnm svg tiff webp"),
    ("bmp gif jpg png tiff webp", "bmp gif"),
    ("ai eps psd", "jpg png pnm svg tiff webp"),
    ("dcm", "jpg pdf png"),
    # Drawings.
    ("dwf dwg dxf", f"{_PRINTS} svg"),
    ("pub vsd vsdx", "jpg pdf png tiff"),
    # Whatever it is, and more than one of it.
    ("any", "pdf zip"),
    ("zip", "extract"),
)

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {"htm": "html", "jpeg": "jpg", "markdown": "md", "tif": "tiff"}
)
"""Other names of formats, which stand in `FORMATS` under one: ConvertAPI takes both."""


def _by_source(families: Iterable[tuple[str, str]]) -> Mapping[str, tuple[str, ...]]:
    targets: dict[str, set[str]] = defaultdict(set)
    for sources, shared in families:
        for source in sources.split():
            targets[source].update(target for target in shared.split() if target != source)
    return MappingProxyType({source: tuple(sorted(targets[source])) for source in sorted(targets)})


FORMATS: Final[Mapping[str, tuple[str, ...]]] = _by_source(_FAMILIES)
"""Targets, formats and operations alike, by source format; both sorted and in lower case."""


OF_SEVERAL: Final = frozenset({"merge", "zip"})
"""Targets that make one result of several sources."""


def targets_of(source: str) -> tuple[str, ...]:
    """What a format is known to be converted into.

    Args:
        source: The format, ``"docx"``, in any case, with or without its dot.

    Returns:
        The targets, sorted; none where nothing is known of the format.
    """
    name = source.lower().removeprefix(".")
    return FORMATS.get(ALIASES.get(name, name), ())
