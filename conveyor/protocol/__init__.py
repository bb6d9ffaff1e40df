"""ConvertAPI's asynchronous protocol over HTTP; `docs/protocol.md` has the facts."""

from conveyor.protocol.client import Account, ConvertApi, Keeper
from conveyor.protocol.dialect import Dialect
from conveyor.protocol.errors import ApiError, Refused, Unclear, Unreachable
from conveyor.protocol.outcomes import RemoteFile, Result
from conveyor.protocol.transport import Auth, Timeouts, Transport

__all__ = [
    "Account",
    "ApiError",
    "Auth",
    "ConvertApi",
    "Dialect",
    "Keeper",
    "Refused",
    "RemoteFile",
    "Result",
    "Timeouts",
    "Transport",
    "Unclear",
    "Unreachable",
]
