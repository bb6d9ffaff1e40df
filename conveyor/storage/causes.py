"""Why a storage fails, and what to do: in our words, by what its client calls it."""

from __future__ import annotations

import errno
from typing import Final

__all__ = ["BY_CODE", "BY_NAME", "BY_NUMBER", "CREDENTIALS", "DENIED", "MISSING"]

CREDENTIALS: Final = (
    "the credentials are missing or wrong. Check those of CONVEYOR_STORAGE_URL in this process' "
    "environment (docs/production.md, Storage)"
)
DENIED: Final = (
    "permission denied. Check the credentials in this process' environment, and that they may "
    "read, write, list and delete there (docs/production.md, Storage)"
)
_DENIED_HERE: Final = (
    "permission denied. Let this user read and write there, or set CONVEYOR_STORAGE_URL to a place "
    "where it may"
)
_CLOCK: Final = "this machine's clock is wrong by minutes. Set it, best by NTP"
MISSING: Final = (
    "there is no such bucket, container or folder. Create it, or check CONVEYOR_STORAGE_URL"
)
_AWAY: Final = (
    "it can't be reached. Check CONVEYOR_STORAGE_URL, the endpoint in this process' environment, "
    "and the network"
)
_SLOW: Final = "it did not answer in time. Check the network and the storage's status"
_BUSY: Final = "it is overloaded. Try again later"
_FULL: Final = "it is full, or a quota is used up. Make room there"
_LONG: Final = "the name is too long for it. Give a shorter one"
_READ_ONLY: Final = "it can't be written. Mount it for writing, or set CONVEYOR_STORAGE_URL"

# As S3, Azure and Google call them.
BY_CODE: Final = {
    **dict.fromkeys(
        (
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "InvalidClientTokenId",
            "ExpiredToken",
            "InvalidToken",
            "TokenRefreshRequired",
            "AuthorizationHeaderMalformed",
            "AuthenticationFailed",
            "InvalidAuthenticationInfo",
            "NoAuthenticationInformation",
            "401",
        ),
        CREDENTIALS,
    ),
    **dict.fromkeys(
        (
            "AccessDenied",
            "AllAccessDisabled",
            "AccountProblem",
            "AccountIsDisabled",
            "AuthorizationFailure",
            "AuthorizationPermissionMismatch",
            "AuthorizationProtocolMismatch",
            "InsufficientAccountPermissions",
            "403",
        ),
        DENIED,
    ),
    "RequestTimeTooSkewed": _CLOCK,
    **dict.fromkeys(("NoSuchBucket", "ContainerNotFound", "404"), MISSING),
    **dict.fromkeys(("SlowDown", "ServerBusy", "ServiceUnavailable", "429", "503"), _BUSY),
    **dict.fromkeys(("QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "507"), _FULL),
    **dict.fromkeys(("KeyTooLongError", "KeyTooLong"), _LONG),
}
BY_NUMBER: Final = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _FULL),
    **dict.fromkeys((errno.EACCES, errno.EPERM), _DENIED_HERE),
    errno.EROFS: _READ_ONLY,
    errno.ENAMETOOLONG: _LONG,
    errno.ENOENT: MISSING,
    errno.EBUSY: _BUSY,
    **dict.fromkeys((errno.ETIMEDOUT, errno.ESTALE), _SLOW),
    **dict.fromkeys(
        (errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH), _AWAY
    ),
}
BY_NAME: Final = {
    **dict.fromkeys(
        (
            "NoCredentialsError",
            "PartialCredentialsError",
            "CredentialRetrievalError",
            "ProfileNotFound",
            "TokenRetrievalError",
            "UnauthorizedSSOTokenError",
            "SSOTokenLoadError",
            "ClientAuthenticationError",
            "CredentialUnavailableError",
            "DefaultCredentialsError",
            "RefreshError",
            "MalformedError",
        ),
        CREDENTIALS,
    ),
    **dict.fromkeys(
        (
            "EndpointConnectionError",
            "ConnectTimeoutError",
            "ConnectionClosedError",
            "ClientConnectorError",
            "ClientConnectorDNSError",
            "ClientConnectorCertificateError",
            "ClientConnectorSSLError",
            "ServerDisconnectedError",
            "ServiceRequestError",
            "ServiceResponseError",
            "ProxyConnectionError",
            "SSLError",
            "InvalidUrlClientError",
            "InvalidURL",
            "NonHttpUrlClientError",
            "TransportError",
            "gaierror",
        ),
        _AWAY,
    ),
    **dict.fromkeys(
        ("ReadTimeoutError", "FSTimeoutError", "ServiceRequestTimeoutError", "TimeoutError"), _SLOW
    ),
}
