"""What can go wrong between us and ConvertAPI, one small tree.

::

    ApiError
    ├── Unreachable      no connection: the service has seen nothing of the request
    ├── Unclear          the request went out and no whole answer came back: it may have been done
    │   ├── Overdue      the whole took longer than its bound
    │   └── WrongHost    an address is not ConvertAPI's: nothing was sent there
    ├── ComeLater        a throttle, or somebody on the way asks for patience: nothing was done
    └── Refused          the service answered with an error of its own: status, code, message

The lower errors of requests and urllib3 are translated once, in `conveyor.convertapi.faults`.
They hold the whole URL in their text, and a URL may hold a job id, so none is chained (invariant
I5).
"""

from __future__ import annotations

__all__ = ["ApiError", "ComeLater", "Overdue", "Refused", "Unclear", "Unreachable", "WrongHost"]


class ApiError(Exception):
    """The root."""


class Unreachable(ApiError):
    """No connection could be made: nothing was sent, so it is safe to repeat."""


class Unclear(ApiError):
    """The request went out, and its answer was lost, cut, or came from a proxy on the way.

    Attributes:
        closed_at_once: The connection closed without a byte of an answer, soon after the request
            had gone out.
        paid: What came of the answer speaks of a result.
    """

    def __init__(self, reason: str, *, closed_at_once: bool = False, paid: bool = False) -> None:
        super().__init__(reason)
        self.closed_at_once = closed_at_once
        self.paid = paid


class Overdue(Unclear):
    """The whole took longer than its bound. The text names the setting."""


class WrongHost(Unclear):
    """The address is neither the configured host nor the vendor's, so nothing was sent to it."""


class ComeLater(ApiError):
    """Upload, download, deletion or ``/user``: 503, 408, 409, 423, 425 or 429. Wait, then repeat.

    Attributes:
        status: The HTTP status.
        retry_after_s: Seconds, as ``Retry-After`` says; None where it does not.
    """

    def __init__(self, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(status, retry_after_s)
        self.status = status
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"the service asked to wait (HTTP {self.status})"


class Refused(ApiError):
    """The service answered with an error of its own.

    Attributes:
        status: The HTTP status.
        code: ConvertAPI's ``Code``, 0 where the body held none.
        message: ConvertAPI's ``Message``, with the invalid parameters where it named them.
    """

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} (HTTP {self.status}, code {self.code})"
