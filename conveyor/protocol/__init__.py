"""ConvertAPI's asynchronous protocol over HTTP; `docs/protocol.md` has the facts."""

from conveyor.protocol.client import Account, ConvertApi, Keeper
from conveyor.protocol.credentials import Credentials, FixedCredentials
from conveyor.protocol.dialect import Dialect
from conveyor.protocol.errors import (
    ApiError,
    ComeLater,
    Overdue,
    Refused,
    Unclear,
    Unreachable,
    WrongHost,
)
from conveyor.protocol.outcomes import RemoteFile, Result
from conveyor.protocol.transport import Auth, Download, Timeouts, Transport

__all__ = [
    "Account",
    "ApiError",
    "Auth",
    "ComeLater",
    "ConvertApi",
    "Credentials",
    "Dialect",
    "Download",
    "FixedCredentials",
    "Keeper",
    "Overdue",
    "Refused",
    "RemoteFile",
    "Result",
    "Timeouts",
    "Transport",
    "Unclear",
    "Unreachable",
    "WrongHost",
]
