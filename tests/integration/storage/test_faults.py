"""What a storage that can't be used says: one line with its cause and its cure, and no secret."""

from __future__ import annotations

import errno
import os

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from gcsfs.retry import HttpError
from google.auth.exceptions import DefaultCredentialsError
from s3fs.errors import translate_boto_error

from conveyor.errors import InvalidRequest, StorageError
from conveyor.storage import Storage
from conveyor.storage.faults import translated
from tests.integration.storage.conftest import run_python

USE = """
import sys
from conveyor.errors import ConveyorError
from conveyor.storage import Storage

url = sys.argv[1]
for call in (
    lambda: Storage(url).check(),
    lambda: list(Storage(url).read(f"{url}/results/c1/a")),
    lambda: Storage(url).open_source(f"{url}/staged/c1/a").__enter__(),
):
    try:
        call()
    except ConveyorError as error:
        print(error)
"""


def _said(ran):
    """The lines that were printed: no traceback, no log, no secret."""
    assert ran.stderr == ""
    assert ran.returncode == 0
    assert "hush" not in ran.stdout
    lines = ran.stdout.splitlines()
    assert len(lines) == 3
    return lines


@pytest.mark.parametrize("kind", ["s3", "gs", "abfs"])
def test_wrong_credentials_are_told_in_one_line(servers, kind):
    server = servers[kind]
    for line in _said(run_python(USE, server.wrong_environment(), server.url)):
        assert line.startswith("Can't ")
        assert "credentials" in line
        assert "docs/production.md, Storage" in line


def test_an_endpoint_that_is_away_is_told_in_one_line():
    environment = {
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "hush",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    }
    for line in _said(run_python(USE, environment, "s3://files")):
        assert "it can't be reached. Check CONVEYOR_STORAGE_URL, the endpoint" in line


@pytest.mark.parametrize("kind", ["s3", "gs", "abfs"])
def test_a_bucket_that_is_missing_is_no_missing_file(use, kind):
    url = use(kind).url.replace("files", "missing")
    storage = Storage(url)
    for call in (
        storage.check,
        lambda: list(storage.read(f"{url}/results/c1/a")),
        lambda: storage.open_source(f"{url}/a.docx").__enter__(),
    ):
        with pytest.raises(StorageError, match=r"no such bucket, container or folder\. Create it"):
            call()


def test_a_folder_that_is_not_mounted_is_no_missing_file(tmp_path):
    """It may come back, and then the file is there."""
    storage = Storage(f"file://{tmp_path}/away")
    with pytest.raises(StorageError, match="no such bucket, container or folder"):
        storage.open_source(f"file://{tmp_path}/away/a.docx").__enter__()


def test_a_folder_of_sources_that_is_away_names_its_setting(tmp_path):
    storage = Storage(f"file://{tmp_path}/files", [f"file://{tmp_path}/away"])
    with pytest.raises(StorageError, match="CONVEYOR_SOURCE_FOLDERS"):
        storage.open_source(f"file://{tmp_path}/away/a.docx").__enter__()


MISSING = """
import sys
sys.modules.update(dict.fromkeys(("s3fs", "gcsfs", "adlfs")))
from conveyor.errors import StorageError
from conveyor.storage import Storage
for url in ("s3://files", "gs://files", "az://files"):
    try:
        Storage(url)
    except StorageError as error:
        print(str(error).rpartition("missing. ")[2])
"""


def test_a_package_that_is_missing_is_named():
    ran = run_python(MISSING, {})

    assert ran.stderr == ""
    assert ran.stdout.splitlines() == [
        f"Install it from a checkout: pip install -c constraints.txt '.[{extra}]'."
        for extra in ("s3", "gcs", "azure")
    ]


FULL = """
import resource, signal, sys
from conveyor.storage import Storage
from conveyor.errors import StorageError
resource.setrlimit(resource.RLIMIT_FSIZE, (2 * 1024 * 1024, 2 * 1024 * 1024))
try:
    Storage(sys.argv[1]).save("c1", "a.pdf", [bytes(1024 * 1024)] * 4)
except StorageError as error:
    print(error)
"""


def test_a_disk_that_takes_no_more_is_called_full(tmp_path):
    ran = run_python(FULL, {}, f"file://{tmp_path}/files")

    assert ran.stderr == ""
    assert "it is full, or a quota is used up. Make room there." in ran.stdout
    assert not any(path.is_file() for path in (tmp_path / "files").rglob("*"))


def _s3(code, status=403):
    response = {
        "Error": {"Code": code, "Message": "hush"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return translate_boto_error(ClientError(response, "PutObject"))


def _azure(code):
    error = ClientAuthenticationError("hush")
    error.error_code = code
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (_s3("InvalidAccessKeyId"), "the credentials are missing or wrong"),
        (_s3("SignatureDoesNotMatch"), "the credentials are missing or wrong"),
        (_s3("ExpiredToken"), "the credentials are missing or wrong"),
        (_s3("AccessDenied"), "permission denied"),
        (_s3("403"), "permission denied"),
        (_s3("NoSuchBucket", 404), "there is no such bucket"),
        (_s3("RequestTimeTooSkewed"), "clock is wrong by minutes. Set it"),
        (_s3("SlowDown", 503), "it is overloaded"),
        (_s3("QuotaExceeded"), "it is full, or a quota is used up"),
        (_s3("XMinioStorageFull", 507), "it is full, or a quota is used up"),
        (_s3("KeyTooLongError", 400), "the name is too long"),
        (_s3("Unheard", 400), "Input/output error. Check CONVEYOR_STORAGE_URL"),
        (NoCredentialsError(), "the credentials are missing or wrong"),
        (EndpointConnectionError(endpoint_url="http://hush"), "it can't be reached"),
        (_azure("AuthenticationFailed"), "the credentials are missing or wrong"),
        (_azure("AuthorizationPermissionMismatch"), "permission denied"),
        (ServiceRequestError("hush"), "it can't be reached"),
        (DefaultCredentialsError("hush"), "the credentials are missing or wrong"),
        (HttpError({"code": 401, "message": "hush"}), "the credentials are missing or wrong"),
        (HttpError({"code": 403, "message": "hush"}), "permission denied"),
        (HttpError({"code": 429, "message": "hush"}), "it is overloaded"),
        (OSError(errno.ENOSPC, "hush"), "it is full"),
        (OSError(errno.EDQUOT, "hush"), "it is full"),
        (OSError(errno.EROFS, "hush"), "it can't be written"),
        (OSError(errno.EACCES, "hush"), "permission denied. Let this user read and write there"),
        (OSError(errno.EIO, "hush"), f"{os.strerror(errno.EIO)}. Check"),
        (TimeoutError("hush"), "it did not answer in time"),
        (ValueError("hush"), "ValueError. Check CONVEYOR_STORAGE_URL"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_fault_has_a_cause_and_a_cure(error, words):
    with (
        pytest.raises(StorageError) as raised,
        translated("write to the storage", "s3://files/prefix"),
    ):
        raise error

    said = str(raised.value)
    assert said.startswith("Can't write to the storage (s3://files/prefix): ")
    assert words in said
    assert "hush" not in said
    assert "\n" not in said
    assert raised.value.__suppress_context__


def test_a_url_with_a_password_is_shown_without_it():
    with pytest.raises(StorageError) as raised, translated("open it", "sftp://me:hush@host:22/a"):
        raise OSError(errno.EIO, "hush")

    assert "(sftp://host:22/a)" in str(raised.value)


def test_a_storage_with_brackets_on_azure_is_refused():
    with pytest.raises(StorageError, match="can't hold brackets on Azure"):
        Storage("abfs://files/a[1]")


def test_object_stores_are_sources_where_they_are_named(use, tmp_path):
    """The worker's role may read more than its users should."""
    url = use("s3").url
    bucket = Storage(f"{url}/theirs")
    inside = bucket.save("c1", "a.docx", [b"words"])
    storage = Storage(f"file://{tmp_path}/files", [f"{url}/theirs"])

    with storage.open_source(inside.uri) as stream:
        assert stream.read() == b"words"
    for uri in (
        f"{url}/ours/a.docx",
        f"{url}/theirs-not/a.docx",
        "s3://other/theirs/a.docx",
        f"{url}/theirs/../ours/a.docx",
        "gs://files/theirs/a.docx",
        "abfs://files/theirs/a.docx",
    ):
        with pytest.raises(InvalidRequest, match="CONVEYOR_SOURCE_FOLDERS"):
            storage.open_source(uri).__enter__()
