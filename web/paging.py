"""Lists are answered page by page."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["PageQuery", "next_page"]

_MAX_PAGE: Final = 200


class PageQuery(BaseModel):
    """The page of a list: its size and its cursor."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=50, ge=1, le=_MAX_PAGE)
    cursor: str = Field(default="", max_length=1024, description="As `next` of a page has it.")


def next_page(path: str, query: PageQuery, cursor: str) -> str | None:
    """Where the next page is.

    Args:
        path: The list's.
        query: This page's.
        cursor: The next page's; empty where there is none.
    """
    if not cursor:
        return None
    asked = query.model_dump(mode="json", exclude_defaults=True, exclude={"cursor"})
    return f"{path}?{urlencode({**asked, 'cursor': cursor}, doseq=True)}"
