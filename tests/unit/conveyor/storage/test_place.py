"""A folder of some file system, and which addresses lie below it."""

from __future__ import annotations

from pathlib import Path

import pytest

from conveyor.errors import InvalidRequest, StorageError
from conveyor.storage.place import Place

# -- addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "uri", "path"),
    [
        ("s3://files/in", "s3://files/in/a/b.docx", "files/in/a/b.docx"),
        ("s3://files/in", "S3://files/in/a.docx", "files/in/a.docx"),
        ("s3://files/in", "s3a://files/in/a.docx", "files/in/a.docx"),
        ("s3a://files/in", "s3://files/in/a.docx", "files/in/a.docx"),
        ("s3://files/in//", "s3://files/in/a.docx", "files/in/a.docx"),
        ("s3://files", "s3://files/a.docx", "files/a.docx"),
        ("s3://files/in", "s3://files/in/.a/..b/c...docx", "files/in/.a/..b/c...docx"),
        ("s3://files/in", "s3://files/in/a::b?c#d*[e]", "files/in/a::b?c#d*[e]"),
        ("memory://files", "memory://files/a.docx", "/files/a.docx"),
        ("memory://files", "memory:///files/a.docx", "/files/a.docx"),
        ("memory://files", "memory://files/a.docx?versionId=1", "/files/a.docx?versionId=1"),
    ],
)
def test_address_below_a_place_is_its_path(store, url, uri, path):
    assert Place(url).path_of(uri) == path


@pytest.mark.parametrize(
    "uri",
    [
        "s3://files/in",
        "s3://files/in/",
        "s3://files/inside/a.docx",
        "s3://files/other/a.docx",
        "s3://other/in/a.docx",
        "s3://in/a.docx",
        "gs://files/in/a.docx",
        "file://files/in/a.docx",
        "local://files/in/a.docx",
        "files/in/a.docx",
        "/files/in/a.docx",
        "s3:/files/in/a.docx",
        "s3://files/in/../a.docx",
        "s3://files/in/a/..",
        "s3://files/in/./a.docx",
        "s3://files/in/a\0.docx",
        "",
    ],
)
def test_address_elsewhere_has_no_path(store, uri):
    assert Place("s3://files/in").path_of(uri) is None


@pytest.mark.parametrize("end", ["?versionId=1", "?VersionID=x", "/b?versionid="])
def test_version_of_an_object_is_refused(store, end):
    with pytest.raises(InvalidRequest, match=r"reads only the newest\. Remove"):
        Place("s3://files/in").path_of(f"s3://files/in/a{end}")


@pytest.mark.parametrize("scheme", ["file", "local", "FILE"])
def test_local_address_below_a_place_is_its_path(tmp_path, scheme):
    place = Place(tmp_path.as_uri())

    assert place.path_of(f"{scheme}://{tmp_path}/a/../b.docx") == f"{tmp_path}/b.docx"


@pytest.mark.parametrize("uri", ["s3://{}/a", "{}/a", "file://{}", "file://{}/", "file://{}/a/.."])
def test_local_address_that_is_none_or_the_place_itself_has_no_path(tmp_path, uri):
    assert Place(tmp_path.as_uri()).path_of(uri.format(tmp_path)) is None


def test_links_that_lead_in_a_circle_have_no_path(tmp_path):
    (tmp_path / "one").symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / "one")
    path = Place(tmp_path.as_uri()).path_of(f"file://{tmp_path}/one/a")

    assert path is None or not Path(path).exists()


def test_local_address_that_the_system_refuses_has_no_path(tmp_path, monkeypatch):
    def refused(_path):
        raise OSError("too many links")

    monkeypatch.setattr(Path, "resolve", refused)
    assert Place(tmp_path.as_uri()).path_of(f"file://{tmp_path}/a") is None


def test_every_local_file_lies_below_the_root():
    place = Place("file:///")

    assert place.path_of("file:///etc/hostname") == "/etc/hostname"
    assert place.root == ""
    place.check_there()


@pytest.mark.parametrize("url", ["s3://files/in", "s3://files", "memory://files/in"])
def test_path_of_an_address_leads_back_to_it(store, url):
    place = Place(url)

    assert place.path_of(place.uri_of(f"{place.root}/a/b c.docx")) == f"{place.root}/a/b c.docx"
    assert place.uri_of(f"{place.root}/a/b c.docx") == f"{place.url}/a/b c.docx"


# -- kinds ------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["file://{}", "local://{}", "{}", "{}/"])
def test_folder_of_this_machine_is_local(tmp_path, url):
    place = Place(url.format(tmp_path))

    assert place.is_local
    assert not place.is_atomic
    assert place.root == str(tmp_path)
    assert place.url == f"file://{tmp_path}"


def test_object_store_is_atomic_and_its_address_has_no_end(store):
    place = Place("s3://files/in/")

    assert place.is_atomic
    assert not place.is_local
    assert (place.root, place.url) == ("files/in", "s3://files/in")


def test_other_file_system_is_neither_local_nor_atomic():
    place = Place("memory://files")

    assert not place.is_local
    assert not place.is_atomic


def test_store_is_opened_with_its_options(store):
    assert Place("s3://files/in").fs.options["use_listings_cache"] is False


def test_folder_of_a_file_is_made_with_it(tmp_path):
    place = Place(tmp_path.as_uri())
    with place.fs.open(f"{place.root}/new/folder/a.txt", "wb") as file:
        file.write(b"words")

    assert (tmp_path / "new" / "folder" / "a.txt").read_bytes() == b"words"


def test_file_system_is_opened_once_in_a_process(store):
    place = Place("s3://files/in")

    assert place.fs is place.fs


@pytest.mark.parametrize("name", ["a[1]", "a[", "a]"])
@pytest.mark.parametrize("scheme", ["abfs", "az"])
def test_brackets_are_refused_on_azure_alone(store_of, scheme, name):
    store_of("abfs")
    store_of("s3")
    with pytest.raises(StorageError, match=r"^CONVEYOR_STORAGE_URL can't contain brackets"):
        Place(f"{scheme}://files/{name}")
    with pytest.raises(StorageError, match=r"^SETTING can't contain brackets"):
        Place(f"{scheme}://files/{name}", "a folder", "SETTING")
    assert Place(f"s3://files/{name}").root == f"files/{name}"


def test_place_that_can_not_be_opened_says_what_it_is_for_and_where_it_is_set():
    cause = r"\(nosuch://files\): nosuch:// is not a storage that fsspec knows\. Check"
    with pytest.raises(
        StorageError, match=rf"^Can't open the storage {cause} CONVEYOR_STORAGE_URL"
    ):
        Place("nosuch://files")
    with pytest.raises(StorageError, match=rf"^Can't open a folder {cause} SETTING\.$"):
        Place("nosuch://files", "a folder", "SETTING")


# -- is it there? -----------------------------------------------------------------------------


def test_missing_folder_is_told_from_one_that_is_there(tmp_path):
    Place(tmp_path.as_uri()).check_there()
    with pytest.raises(FileNotFoundError):
        Place(f"{tmp_path.as_uri()}/away").check_there()


def test_missing_bucket_is_told_from_one_that_is_there(store):
    Place("s3://files/in/deep").check_there()
    assert store.asked == [("info", "files")]
    with pytest.raises(FileNotFoundError):
        Place("s3://missing/in").check_there()


def test_bucket_that_may_not_be_asked_for_is_taken_for_there(store):
    store.faults["info"] = PermissionError("hush")

    Place("s3://missing/in").check_there()


def test_other_file_system_is_taken_for_there():
    Place("memory://never/was").check_there()
