"""Composition: the web application of its parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from starlette.middleware import Middleware

from config.web import WebSettings
from conveyor import Conveyor, __version__
from web import (
    callbacks,
    conversions,
    dead_letters,
    docs,
    error_answers,
    events,
    files,
    fleet,
    formats,
    health,
    metrics,
    openapi,
    page,
    wiring,
)
from web.access import Access
from web.auth import ApiKeys
from web.limits import Rate, ShortQuery
from web.problems import Kind, ProblemResponse
from web.readiness import Readiness
from web.serving import OwnVisitors
from web.webhooks import Webhooks
from web.wiring import Services

__all__ = ["make_app"]

_ROUTERS: Final = (
    conversions.router,
    events.router,
    files.router,
    dead_letters.router,
    callbacks.router,
    formats.router,
    fleet.router,
    health.router,
    metrics.router,
)


def make_app(settings: WebSettings, conveyor: Conveyor) -> FastAPI:
    """Put the application together.

    Args:
        settings: The process's settings.
        conveyor: The library; closed when the application ends.

    Returns:
        The application, to be served.
    """
    app = FastAPI(
        title="Conveyor",
        version=__version__,
        description="Documents into other formats, through ConvertAPI: paid once, none lost.",
        middleware=_middleware(settings, conveyor),
        lifespan=_lifespan,
        # An address has one spelling; a redirect would lose an upload's body.
        redirect_slashes=False,
        # Ours need nothing from other sites.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    wiring.use(app, Services(settings, conveyor, Readiness(conveyor)))
    error_answers.install(app)
    for router in _ROUTERS:
        app.include_router(router)
    document = openapi.document_of(app, has_keys=bool(settings.web_api_keys))
    app.include_router(docs.make_router(document))
    page.install(app)
    return app


def _middleware(settings: WebSettings, conveyor: Conveyor) -> Sequence[Middleware]:
    """The outermost first. All are plain ASGI: they hold up no stream."""
    keys = settings.web_api_keys
    return [
        Middleware(Access),
        Middleware(Webhooks, conveyor=conveyor, key=settings.webhook_key.get_secret_value()),
        # First, so that the log names the key of what is refused, too.
        Middleware(ApiKeys, keys=keys),
        Middleware(OwnVisitors, names=None if keys else (), refuse=_foreign),
        Middleware(ShortQuery),
        Middleware(Rate, per_minute=settings.web_requests_per_minute),
    ]


def _foreign(reason: str) -> ProblemResponse:
    return ProblemResponse(Kind.FOREIGN_ORIGIN, reason)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await wiring.services_of(app).conveyor.aclose()
