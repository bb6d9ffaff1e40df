"""The language of an answer: an end user's words in it are as ``Accept-Language`` asks."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Header, Response

from conveyor.sentences import language_for

__all__ = ["ENGLISH", "Language"]

ENGLISH: Final = "en"
"""The language of all that is for programs and operators."""


async def _language(
    response: Response,
    accept_language: Annotated[
        str,
        Header(
            description="The languages that the end user reads. `failure.sentence` and "
            "`failure.advice` are written in the one that fits best, or in English.",
            examples=["de-AT, de;q=0.9, en;q=0.5"],
        ),
    ] = "",
) -> str:
    language = language_for(accept_language)
    response.headers["Content-Language"] = language
    response.headers["Vary"] = "Accept-Language"
    return language


Language = Annotated[str, Depends(_language)]
"""The language of an endpoint's answer, which its headers name."""
