from __future__ import annotations

import unicodedata

import pytest

CONTENT = b"0123456789" * 10


@pytest.fixture
def address(converted):
    return f"/conversions/{converted(content=CONTENT)}/files/a.pdf"


def test_a_file_is_an_attachment_with_its_hash_as_tag(site, address):
    answer = site.get(address)
    told = site.get(address.partition("/files")[0]).json()["files"][0]

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["etag"] == f'"{told["sha256"]}"'
    assert answer.headers["content-length"] == str(told["size"]) == "100"
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'attachment; filename="a.pdf"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert told["href"] == address


@pytest.mark.parametrize(
    ("asked", "content", "told"),
    [
        ("bytes=0-9", CONTENT[:10], "bytes 0-9/100"),
        ("bytes=95-", CONTENT[95:], "bytes 95-99/100"),
        ("bytes=-3", CONTENT[-3:], "bytes 97-99/100"),
        ("bytes=99-500", CONTENT[99:], "bytes 99-99/100"),
    ],
)
def test_a_range_is_a_part(site, address, asked, content, told):
    answer = site.get(address, headers={"Range": asked})

    assert (answer.status_code, answer.content) == (206, content)
    assert answer.headers["content-range"] == told
    assert answer.headers["content-length"] == str(len(content))


def test_a_download_continues_where_it_broke_off(site, address):
    first = site.get(address, headers={"Range": "bytes=0-49"})
    tag = {"If-Range": first.headers["etag"]}
    second = site.get(address, headers={"Range": "bytes=50-", **tag})

    assert first.content + second.content == CONTENT


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=0-9,20-29"},
        {"Range": "lines=0-9"},
        {"Range": "bytes=9-0"},
        {"Range": "bytes=0-9", "If-Range": '"another"'},
    ],
)
def test_invalid_range_returns_the_whole(site, address, headers):
    answer = site.get(address, headers=headers)

    assert (answer.status_code, answer.content) == (200, CONTENT)


def test_a_range_behind_the_end_is_refused(site, address):
    answer = site.get(address, headers={"Range": "bytes=100-"})

    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */100")
    assert answer.json()["type"] == "/problems#range-not-satisfiable"


def test_a_file_that_the_client_has_is_not_sent(site, address):
    tag = site.get(address).headers["etag"]
    answer = site.get(address, headers={"If-None-Match": f"W/{tag}"})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == tag
    assert answer.headers["cache-control"] == "private, no-cache"


def test_head_tells_the_same_without_the_content(site, address):
    answer = site.ask("HEAD", address)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "100"


@pytest.mark.parametrize("asked", ["bytes=0-9", "bytes=100-"])
def test_a_range_is_for_get_alone(site, address, asked):
    plain, ranged = site.ask("HEAD", address), site.ask("HEAD", address, headers={"Range": asked})

    assert ranged.status_code == 200
    assert "content-range" not in ranged.headers
    assert {**ranged.headers, "date": ""} == {**plain.headers, "date": ""}


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.html", "application/octet-stream"),
        ("a.svg", "application/octet-stream"),
        ("a.xml", "application/octet-stream"),
        ("a.js", "application/octet-stream"),
        ("a.PDF", "application/pdf"),
        ("a", "application/octet-stream"),
    ],
)
def test_nothing_is_given_out_as_what_a_browser_runs(site, converted, name, media_type):
    answer = site.get(f"/conversions/{converted(name)}/files/{name}")

    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-security-policy"].startswith("sandbox;")
    assert answer.headers["content-disposition"].startswith("attachment;")


def test_any_name_can_be_fetched(site, converted):
    found = site.get(f"/conversions/{converted('Übung #1 100%.pdf')}").json()["files"][0]
    answer = site.get(found["href"])

    assert answer.status_code == 200
    assert "filename*=UTF-8''%C3%9Cbung%20#1%20100%25.pdf" in answer.headers["content-disposition"]


@pytest.mark.parametrize("name", ["b.pdf", "..%2Fa.pdf", "%00", "a.pdf%2F", "%E2%82%AC"])
def test_another_name_is_not_found(site, address, name):
    answer = site.get(address.replace("a.pdf", name))

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=50-"}])
def test_a_file_that_the_storage_lost_is_not_found(site, address, headers):
    [stored] = site.folder.glob("results/*/a.pdf")
    stored.unlink()
    answer = site.get(address, headers=headers)

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems#not-found")
    assert "no longer in the storage" in answer.json()["detail"]
    assert site.ask("HEAD", address, headers=headers).status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_file_that_is_not_mounted_is_unavailable(site, address, tmp_path, method):
    site.conveyor.marker.check(anew=True)
    aside = site.folder.rename(tmp_path / "aside")
    site.folder.mkdir()

    assert site.ask(method, address).status_code == 503
    site.folder.rmdir()
    aside.rename(site.folder)
    assert site.ask(method, address).status_code == 200


def test_a_file_that_cannot_be_read_is_unavailable(site, address):
    [stored] = site.folder.glob("results/*/a.pdf")
    stored.unlink()
    stored.mkdir()
    answer = site.get(address)

    assert (answer.status_code, answer.json()["type"]) == (503, "/problems#unavailable")
    assert "accepted" not in answer.json()["detail"]


def test_a_large_file_is_streamed(site, converted):
    content = bytes(range(256)) * 20_000
    answer = site.get(f"/conversions/{converted(content=content)}/files/a.pdf", stream=True)

    assert b"".join(answer.iter_content(1 << 16)) == content


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_both_spellings_of_a_letter_fetch_the_file(site, converted, form):
    path = f"/conversions/{converted('Übung.pdf')}/files/{unicodedata.normalize(form, 'Übung.pdf')}"

    assert site.get(path).status_code == 200
