"""ConvertAPI's asynchronous protocol over HTTP; `docs/protocol.md` has the facts."""

from conveyor.protocol.client import Account, ConvertApi, Keeper
from conveyor.protocol.credentials import Credentials, FixedCredentials
from conveyor.protocol.dialect import Dialect
from conveyor.protocol.errors import ApiError, ComeLater, Refused, Unclear, Unreachable
from conveyor.protocol.outcomes import RemoteFile, Result
from conveyor.protocol.transport import Auth, Timeouts, Transport

__all__ = [
    "Account",
    "ApiError",
    "Auth",
    "ComeLater",
    "ConvertApi",
    "Credentials",
    "Dialect",
    "FixedCredentials",
    "Keeper",
    "Refused",
    "RemoteFile",
    "Result",
    "Timeouts",
    "Transport",
    "Unclear",
    "Unreachable",
]
