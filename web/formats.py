"""What is known to be converted into what."""

from __future__ import annotations

from fastapi import APIRouter

from conveyor.formats import FORMATS
from web.models import FormatsAnswer

__all__ = ["router"]

router = APIRouter(tags=["formats"])


@router.get("/formats", operation_id="listFormats", summary="List formats")
async def list_formats() -> FormatsAnswer:
    """To choose from. Nothing is refused by it: ConvertAPI may know more."""
    return FormatsAnswer(formats={source: list(targets) for source, targets in FORMATS.items()})
