"""Faults of file systems, turned into our errors once.

Each fsspec back end raises types of its own, and some know the cause by a code alone. A text of
theirs is never shown: it may quote what opens the storage.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from conveyor.domain.redaction import redact_server_url
from conveyor.errors import InvalidRequest, StorageError
from conveyor.installing import how_to_install

__all__ = ["translated"]

_SETTING: Final = "CONVEYOR_STORAGE_URL"

_CREDENTIALS: Final = (
    "the credentials are missing or wrong. Check those of CONVEYOR_STORAGE_URL in this process' "
    "environment (docs/production.md, Storage)"
)
_DENIED: Final = (
    "permission denied. Check the credentials in this process' environment, and that they may "
    "read, write, list and delete there (docs/production.md, Storage)"
)
_DENIED_HERE: Final = (
    "permission denied. Let this user read and write there, or set CONVEYOR_STORAGE_URL to a place "
    "where it may"
)
_CLOCK: Final = "this machine's clock is wrong by minutes. Set it, best by NTP"
_MISSING: Final = (
    "there is no such bucket, container or folder. Create it, or check CONVEYOR_STORAGE_URL"
)
_AWAY: Final = (
    "it can't be reached. Check CONVEYOR_STORAGE_URL, the endpoint in this process' environment, "
    "and the network"
)
_SLOW: Final = "it did not answer in time. Check the network, and whether the storage is well"
_BUSY: Final = "it is overloaded. Try again later"
_FULL: Final = "it is full, or a quota is used up. Make room there"
_LONG: Final = "the name is too long for it. Give a shorter one"
_READ_ONLY: Final = "it can't be written. Mount it for writing, or set CONVEYOR_STORAGE_URL"

# As S3, Azure and Google call them.
_BY_CODE: Final = {
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
        _CREDENTIALS,
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
        _DENIED,
    ),
    "RequestTimeTooSkewed": _CLOCK,
    **dict.fromkeys(("NoSuchBucket", "ContainerNotFound", "404"), _MISSING),
    **dict.fromkeys(("SlowDown", "ServerBusy", "ServiceUnavailable", "429", "503"), _BUSY),
    **dict.fromkeys(("QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "507"), _FULL),
    **dict.fromkeys(("KeyTooLongError", "KeyTooLong"), _LONG),
}
_BY_NUMBER: Final = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _FULL),
    **dict.fromkeys((errno.EACCES, errno.EPERM), _DENIED_HERE),
    errno.EROFS: _READ_ONLY,
    errno.ENAMETOOLONG: _LONG,
    errno.ENOENT: _MISSING,
    errno.EBUSY: _BUSY,
    **dict.fromkeys((errno.ETIMEDOUT, errno.ESTALE), _SLOW),
    **dict.fromkeys(
        (errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH), _AWAY
    ),
}
_BY_NAME: Final = {
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
        _CREDENTIALS,
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
_EXTRAS: Final = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "azure"),
}


@contextmanager
def translated(what: str, url: str, setting: str = _SETTING) -> Iterator[None]:
    """Turn a file system's own errors into ours, once.

    Args:
        what: What is being done, as "write to the storage".
        url: Where. It is shown without what may be secret in it.
        setting: The setting that names the place.
    """
    try:
        yield
    except (StorageError, InvalidRequest):
        raise
    except Exception as error:  # noqa: BLE001 - each back end raises types of its own
        cause = _cause(error, url).replace(_SETTING, setting)
        # Nothing is chained: some quote a secret, and logs show what is chained.
        raise StorageError(f"Can't {what} ({redact_server_url(url)}): {cause}.") from None


def _cause(error: BaseException, url: str) -> str:
    """The cause and its cure, in words."""
    scheme = url.partition("://")[0].lower()
    if isinstance(error, ImportError):
        return f"a package is missing. {_cure(error, scheme)}"
    chain = list(_chain(error))
    # What a service says itself is more than what a back end makes of it.
    for knows in (_by_code, _by_name, _by_number):
        for each in chain:
            found = knows(each)
            if found:
                return found
    if isinstance(error, ValueError) and "rotocol not known" in str(error):
        return f"{scheme}:// is no kind of storage that fsspec knows. Check {_SETTING}"
    # adlfs', without an account.
    if isinstance(error, ValueError) and "connection_string" in str(error):
        return _CREDENTIALS
    return f"{_named(error)}. Check {_SETTING}"


def _cure(error: ImportError, scheme: str) -> str:
    extra = _EXTRAS.get(scheme)
    if extra:
        return how_to_install(extra)
    return f"Install it: pip install {error.name or 'what fsspec asks for'}"


def _by_code(error: BaseException) -> str:
    return next((_BY_CODE[code] for code in _codes(error) if code in _BY_CODE), "")


def _by_name(error: BaseException) -> str:
    names = (kind.__name__ for kind in type(error).__mro__)
    return next((_BY_NAME[name] for name in names if name in _BY_NAME), "")


def _by_number(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number in _BY_NUMBER:
        return _BY_NUMBER[number]
    if isinstance(error, PermissionError):
        return _DENIED
    return _MISSING if isinstance(error, FileNotFoundError) else ""


def _codes(error: BaseException) -> Iterator[str]:
    """The service's own codes: botocore's, Azure's, gcsfs', and HTTP's."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        yield str(response.get("Error", {}).get("Code", ""))
    for name in ("error_code", "code", "status_code"):
        code = getattr(error, name, None)
        if code is not None:
            yield str(getattr(code, "value", code))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came of."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _named(error: BaseException) -> str:
    number: Any = getattr(error, "errno", None)
    known = isinstance(number, int) and number in errno.errorcode
    return os.strerror(number) if known else type(error).__name__
