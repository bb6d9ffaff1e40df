"""What can't be opened is known by its URL, before a process starts."""

from __future__ import annotations

import sys

import pytest

from conveyor.storage import schemes
from conveyor.storage.schemes import EXTRAS, check_url


@pytest.mark.parametrize(
    "url",
    [
        "/srv/files",
        "files",
        "~/files",
        "a:b",
        "file:///srv/files",
        "FILE:///srv/files",
        "local:///srv/files",
        "memory://",
        "s3://bucket",
        "s3a://bucket/prefix",
        "gs://bucket",
        "gcs://bucket",
        "az://container",
        "abfs://container@account.dfs.core.windows.net/a",
        "https://host/files",
        "simplecache::s3://bucket",
        "zip://*.docx::file:///srv/a.zip",
        "s3://bucket/[1]",
    ],
)
def test_what_can_be_opened_is_taken(url):
    check_url(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nope://x", "^nope:// is not a storage that fsspec knows. Use a folder, or a URL"),
        ("NOPE://x", "^nope:// is not a storage"),
        ("://x", "^this is not a storage"),
        ("hu sh://x", "^this is not a storage"),
        ("simplecache::nope://x", "^nope:// is not a storage"),
        ("nope::s3://x", "^nope:// is not a storage"),
        ("s3://", "^names no bucket: use s3://bucket/prefix"),
        ("abfs:///", "^names no bucket"),
        ("s3:/bucket", "^must be a folder, or a URL with two slashes"),
        ("s3:bucket", "with two slashes"),
        ("abfs://container/[1]", "^can't contain brackets on Azure"),
    ],
)
def test_what_can_not_be_opened_says_why_and_what_to_do(url, words):
    with pytest.raises(ValueError, match=words):
        check_url(url)


@pytest.mark.parametrize("form", ["{}", "file://{}", "local://{}"])
def test_file_is_no_folder(tmp_path, form):
    path = tmp_path / "file"
    check_url(form.format(path))
    path.touch()

    with pytest.raises(ValueError, match=r"^is a file: name a folder$"):
        check_url(form.format(path))


@pytest.mark.parametrize(("scheme", "extra"), EXTRAS.items())
def test_object_store_without_its_package_names_its_extra(monkeypatch, scheme, extra):
    monkeypatch.setattr(schemes, "find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match=rf"^{scheme}:// needs the package \w+\. Install it .*\[{extra}\]"
    ):
        check_url(f"{scheme}://bucket")


def test_rarer_storage_without_its_package_names_that(monkeypatch):
    monkeypatch.setitem(sys.modules, "paramiko", None)
    monkeypatch.delitem(sys.modules, "fsspec.implementations.sftp", raising=False)
    with pytest.raises(ValueError, match=r"^sftp:// needs a package. Run: pip install paramiko$"):
        check_url("sftp://host/files")


def test_packages_of_object_stores_are_looked_for_and_not_loaded(monkeypatch):
    for name in ("s3fs", "gcsfs", "adlfs"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for scheme in EXTRAS:
        check_url(f"{scheme}://bucket")

    assert not {"s3fs", "gcsfs", "adlfs"} & set(sys.modules)
