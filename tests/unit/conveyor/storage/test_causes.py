"""What a storage's client says, in words that name the cause and the cure."""

from __future__ import annotations

import errno
import os
import re
from enum import Enum

import pytest

from conveyor.errors import InvalidRequest, StorageError
from conveyor.storage.faults import translated

CREDENTIALS = "the credentials are missing or wrong. Ch"
DENIED = "permission denied. Check the credentials"
MISSING = "there is no such bucket, container or folder"
AWAY = "it can't be reached"
SLOW = "it did not answer in time"
BUSY = "it is overloaded"
FULL = "it is full"
LONG = "the name is too long"
CLOCK = "this machine's clock is wrong"
CODES = {
    CREDENTIALS: (
        "InvalidAccessKeyId SignatureDoesNotMatch InvalidClientTokenId ExpiredToken InvalidToken "
        "TokenRefreshRequired AuthorizationHeaderMalformed AuthenticationFailed "
        "InvalidAuthenticationInfo NoAuthenticationInformation 401"
    ),
    DENIED: (
        "AccessDenied AllAccessDisabled AccountProblem AccountIsDisabled AuthorizationFailure "
        "AuthorizationPermissionMismatch AuthorizationProtocolMismatch "
        "InsufficientAccountPermissions 403"
    ),
    CLOCK: "RequestTimeTooSkewed",
    MISSING: "NoSuchBucket ContainerNotFound 404",
    BUSY: "SlowDown ServerBusy ServiceUnavailable 429 503",
    FULL: "QuotaExceeded XMinioStorageFull InsufficientStorage 507",
    LONG: "KeyTooLongError KeyTooLong",
}
NAMES = {
    CREDENTIALS: (
        "NoCredentialsError PartialCredentialsError CredentialRetrievalError ProfileNotFound "
        "TokenRetrievalError UnauthorizedSSOTokenError SSOTokenLoadError "
        "ClientAuthenticationError CredentialUnavailableError DefaultCredentialsError "
        "RefreshError MalformedError"
    ),
    AWAY: (
        "EndpointConnectionError ConnectTimeoutError ConnectionClosedError ClientConnectorError "
        "ClientConnectorDNSError ClientConnectorCertificateError ClientConnectorSSLError "
        "ServerDisconnectedError ServiceRequestError ServiceResponseError ProxyConnectionError "
        "SSLError InvalidUrlClientError InvalidURL NonHttpUrlClientError TransportError gaierror"
    ),
    SLOW: "ReadTimeoutError FSTimeoutError ServiceRequestTimeoutError TimeoutError",
}
NUMBERS = {
    FULL: (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    "permission denied. Let this user read and write there": (errno.EACCES, errno.EPERM),
    "it can't be written": (errno.EROFS,),
    LONG: (errno.ENAMETOOLONG,),
    MISSING: (errno.ENOENT,),
    BUSY: (errno.EBUSY,),
    SLOW: (errno.ETIMEDOUT, errno.ESTALE),
    AWAY: (errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH),
}


def _told(error, url="s3://bucket/a?hush"):
    with pytest.raises(StorageError) as raised, translated("write to the storage", url):
        raise error
    return str(raised.value)


def _pairs(table):
    return [(word, cause) for cause, words in table.items() for word in words.split()]


@pytest.mark.parametrize(("code", "cause"), _pairs(CODES))
@pytest.mark.parametrize("how", ["error_code", "code", "status_code", "response"])
def test_code_of_a_service_is_reported_by_its_cause(code, cause, how):
    error = RuntimeError("words of the service")
    value = {"Error": {"Code": code}} if how == "response" else code
    setattr(error, how, value)

    assert f": {cause}" in _told(error)


def test_code_of_azure_is_a_value_of_an_enum():
    error = RuntimeError("words of the service")
    error.error_code = Enum("Code", {"BLOCKED": "AuthorizationFailure"}).BLOCKED

    assert f": {DENIED}" in _told(error)


@pytest.mark.parametrize("response", [None, "words", {}, {"Error": {}}], ids=str)
def test_response_without_a_code_is_no_cause(response):
    error = RuntimeError("words of the service")
    error.response = response

    assert ": RuntimeError. Check" in _told(error)


@pytest.mark.parametrize(("name", "cause"), _pairs(NAMES))
def test_exception_of_a_client_is_reported_by_its_name(name, cause):
    kind = type(name, (Exception,), {})
    derived = type("Derived", (kind,), {})

    assert f": {cause}" in _told(kind("hush"))
    assert cause in _told(derived("hush"))


@pytest.mark.parametrize(
    ("number", "cause"), [(number, cause) for cause, some in NUMBERS.items() for number in some]
)
def test_number_of_the_system_is_reported_by_its_cause(number, cause):
    assert f": {cause}" in _told(OSError(number, "hush"), "file:///srv")


def test_what_a_service_says_counts_more_than_what_a_client_makes_of_it():
    service = RuntimeError("words")
    service.code = "AccessDenied"
    made = FileNotFoundError(errno.ENOENT, "a")
    made.__cause__ = service

    assert DENIED in _told(made)


@pytest.mark.parametrize("link", ["__cause__", "__context__"])
def test_cause_is_looked_for_in_the_whole_chain(link):
    timeout = type("ReadTimeoutError", (Exception,), {})("hush")
    outer = RuntimeError("odd")
    setattr(outer, link, timeout)

    assert SLOW in _told(outer)


def test_chain_that_leads_in_a_circle_ends():
    one, other = RuntimeError("a"), RuntimeError("b")
    one.__cause__, other.__cause__ = other, one

    assert "RuntimeError. Check CONVEYOR_STORAGE_URL" in _told(one)


@pytest.mark.parametrize(
    ("scheme", "extra"),
    [
        ("s3", "s3"),
        ("s3a", "s3"),
        ("gs", "gcs"),
        ("gcs", "gcs"),
        ("az", "azure"),
        ("abfs", "azure"),
        ("ABFSS", "azure"),
    ],
)
def test_package_that_is_missing_is_named_by_the_extra_that_brings_it(scheme, extra):
    told = _told(ImportError("x", name="x"), f"{scheme}://b/a")

    assert "a package is missing" in told
    assert re.search(rf"\b{extra}\b", told.partition("a package is missing")[2])


def test_package_of_another_kind_of_storage_is_named_itself():
    assert "paramiko" in _told(ImportError("x", name="paramiko"), "sftp://host/a")
    assert "what fsspec asks for" in _told(ImportError("x"), "sftp://host/a")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("Protocol not known: odd"), "odd:// is not a storage that fsspec knows"),
        (ValueError("Must provide either a connection_string or account_name"), CREDENTIALS),
        (ValueError("else"), "ValueError. Check CONVEYOR_STORAGE_URL"),
        (PermissionError("hush"), DENIED),
        (FileNotFoundError("hush"), MISSING),
        (OSError(errno.ENXIO, "hush"), os.strerror(errno.ENXIO)),
        (OSError(99_999, "hush"), "OSError. Check CONVEYOR_STORAGE_URL"),
    ],
    ids=str,
)
def test_error_without_a_code_is_reported_as_well_as_can_be(error, words):
    assert words in _told(error, "odd://b/a")


@pytest.mark.parametrize("error", [StorageError("ours"), InvalidRequest("ours")], ids=str)
def test_error_of_our_own_is_left_as_it_is(error):
    with pytest.raises(type(error), match=r"^ours$"), translated("read", "s3://b/a"):
        raise error


@pytest.mark.parametrize("setting", ["CONVEYOR_OTHER", None])
@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (RuntimeError("hush"), "RuntimeError. Check {}"),
        (
            FileNotFoundError("hush"),
            "there is no such bucket, container or folder. Create it, or check {}",
        ),
        (
            ValueError("Protocol not known: s3"),
            "s3:// is not a storage that fsspec knows. Check {}",
        ),
    ],
    ids=str,
)
def test_setting_of_the_place_is_named(error, cause, setting):
    more = (setting,) if setting else ()
    with pytest.raises(StorageError) as raised, translated("read", "s3://b/a", *more):
        raise error

    named = cause.format(setting or "CONVEYOR_STORAGE_URL")
    assert str(raised.value) == f"Can't read (s3://b/a): {named}."
    assert raised.value.__cause__ is None
