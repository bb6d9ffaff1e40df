"""The way to the service and back, where faults strike whatever is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from convertapi_sandbox.addresses import AFTER_SUBMIT, Address, by_place
from convertapi_sandbox.audit import Audit
from convertapi_sandbox.faults import Faults
from convertapi_sandbox.mishap import Struck
from convertapi_sandbox.mishaps import MISHAPS
from convertapi_sandbox.slowness import DRIBBLES

__all__ = ["Road"]

_MISHAPS: Final = by_place(MISHAPS)
_DRIBBLES: Final = by_place(DRIBBLES)


class Road:
    """Carries requests to their endpoint, unless a fault strikes.

    Args:
        faults: Which are in force.
        audit: Told of throttles.
        elsewhere: Returns the base URL of another host, as the client of a request sees it.
        retry_after_s: What a `Retry-After` asks for.
        slow_s: How long a slow answer takes.
    """

    def __init__(
        self,
        *,
        faults: Faults,
        audit: Audit,
        elsewhere: Callable[[Request], str],
        retry_after_s: int,
        slow_s: float,
    ) -> None:
        self._faults = faults
        self._audit = audit
        self.elsewhere = elsewhere
        self._retry_after_s = retry_after_s
        self._slow_s = slow_s

    async def carry(
        self, address: Address, request: Request, serve: Callable[[], Awaitable[Response]]
    ) -> Response:
        """Return the answer to a request, or what takes its place.

        Args:
            address: What is asked for.
            request: As it came; its body is read even if a fault strikes.
            serve: Answers it.
        """
        lost = await self._lost(address, request)
        if lost is not None:
            return lost
        answer = await serve()
        if address is Address.SUBMIT:
            answer = self._mishap(AFTER_SUBMIT, request) or answer
        dribble = self._faults.drawn(_DRIBBLES[address.value])
        return answer if dribble is None else dribble.spoil(answer, self._slow_s)

    async def _lost(self, address: Address, request: Request) -> Response | None:
        answer = self._mishap(address.value, request)
        if answer is not None:
            await _drain(request)
        return answer

    def _mishap(self, place: str, request: Request) -> Response | None:
        mishap = self._faults.drawn(_MISHAPS[place])
        if mishap is None:
            return None
        if mishap.throttles:
            self._audit.count("throttled")
        struck = Struck(
            request=request,
            elsewhere=self.elsewhere(request),
            retry_after_s=self._retry_after_s,
        )
        return mishap.answer(struck)


async def _drain(request: Request) -> None:
    """Read a body, since whoever is still sending would see a reset in place of the answer."""
    with suppress(ClientDisconnect):
        async for _ in request.stream():
            pass
