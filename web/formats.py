"""The known pairs of formats."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from pydantic import Field

from conveyor.domain.formats import ALIASES, FORMATS, targets_of
from web.models import Model

__all__ = ["FormatsAnswer", "router"]

router = APIRouter(tags=["formats"])


class FormatsAnswer(Model):
    """The known pairs of formats."""

    formats: Mapping[str, list[str]] = Field(examples=[{"docx": ["html", "pdf"]}])


@router.get("/formats", operation_id="listFormats", summary="List formats")
async def list_formats() -> FormatsAnswer:
    """To choose from, by each name of a source. Nothing is refused: ConvertAPI may know more."""
    sources = sorted((*FORMATS, *ALIASES))
    return FormatsAnswer(formats={source: list(targets_of(source)) for source in sources})
