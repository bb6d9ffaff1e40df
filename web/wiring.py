"""What the endpoints are given: the library and the settings of their app."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, FastAPI
from starlette.requests import Request

from config.web import WebSettings
from conveyor import Conveyor
from web.readiness import Readiness

__all__ = ["Services", "Wired", "services_of", "use"]


@dataclass(frozen=True)
class Services:
    """What one process works with.

    Attributes:
        settings: Its settings.
        conveyor: The library.
        readiness: Whether that can be used.
        closing: Set when the process is to end: what streams without end must end, too.
    """

    settings: WebSettings
    conveyor: Conveyor
    readiness: Readiness
    closing: asyncio.Event = field(default_factory=asyncio.Event)


def use(app: FastAPI, services: Services) -> None:
    """Have the app's endpoints work with these services."""
    app.state.services = services


def services_of(app: FastAPI) -> Services:
    """Get the services of an app."""
    services: Services = app.state.services
    return services


async def _services(request: Request) -> Services:
    return services_of(request.app)


Wired = Annotated[Services, Depends(_services)]
