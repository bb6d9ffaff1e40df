"""Downloads in parts."""

from http.client import IncompleteRead
from urllib.request import Request, urlopen

import pytest
import requests

CONTENT = bytes(range(256)) * 16
LARGE = bytes(range(256)) * 8192


@pytest.fixture
def url(client):
    return f"{client.url}/d/{client.upload(CONTENT)}"


def get(url, **headers):
    return requests.get(url, headers=headers, timeout=30)


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-", 0, 4096),
        ("bytes=100-", 100, 4096),
        ("bytes=100-199", 100, 200),
        ("bytes=4000-9999", 4000, 4096),
        ("bytes=-10", 4086, 4096),
        ("bytes=-9999", 0, 4096),
        ("Bytes=0-0", 0, 1),
    ],
)
def test_a_range_is_answered_with_its_bytes(client, url, asked, start, stop):
    answer = get(url, Range=asked)
    assert (answer.status_code, answer.content) == (206, CONTENT[start:stop])
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/4096"
    assert client.audit()["partial_downloads"] == 1


@pytest.mark.parametrize(
    "asked", ["bytes=-", "bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "nonsense"]
)
def test_several_or_invalid_ranges_return_the_whole(url, asked):
    answer = get(url, Range=asked)
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("asked", ["bytes=4096-", "bytes=9999-10000", "bytes=-0"])
def test_a_range_beyond_the_end_cannot_be_satisfied(url, asked):
    answer = get(url, Range=asked)
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */4096")


def test_if_range_brings_the_part_of_the_same_file_alone(url):
    whole = get(url)
    assert whole.headers["Accept-Ranges"] == "bytes"
    tag = whole.headers["ETag"]
    assert get(url, Range="bytes=5-", **{"If-Range": tag}).status_code == 206
    other = get(url, Range="bytes=5-", **{"If-Range": '"other"'})
    assert (other.status_code, other.content) == (200, CONTENT)


def test_a_truncated_download_is_resumed_until_it_is_whole(server, client, url):
    server.set_faults({"truncated_download": 1})
    got = b""
    for _ in range(12):
        got += cut_off(url, len(got))
    server.set_faults({})
    assert got + get(url, Range=f"bytes={len(got)}-").content == CONTENT


def cut_off(url, start):
    """What comes of a file from a byte on before the connection closes."""
    request = Request(url, headers={"Range": f"bytes={start}-"})
    with urlopen(request, timeout=30) as answer, pytest.raises(IncompleteRead) as raised:
        answer.read()
    return raised.value.partial


def test_a_large_file_comes_in_parts_too(client):
    url = f"{client.url}/d/{client.upload(LARGE)}"
    whole = get(url)
    assert (whole.content, whole.headers["Content-Length"]) == (LARGE, str(len(LARGE)))
    answer = get(url, Range="bytes=3-1500002")
    assert (answer.status_code, answer.content) == (206, LARGE[3:1500003])


def test_a_range_may_be_answered_with_other_bytes(server, url):
    server.set_faults({"wrong_range_download": 1})
    answer = get(url, Range="bytes=100-")
    assert (answer.status_code, answer.content) == (206, CONTENT[: len(CONTENT) - 100])
    assert answer.headers["Content-Range"] == "bytes 100-4095/4096"
    assert get(url).content == CONTENT


def test_ranges_may_be_unknown(sandbox, client_of):
    with sandbox(ranges=False) as server:
        client = client_of(server)
        answer = get(f"{client.url}/d/{client.upload(CONTENT)}", Range="bytes=100-")
        assert (answer.status_code, answer.content) == (200, CONTENT)
        assert "Accept-Ranges" not in answer.headers
        assert "ETag" not in answer.headers


def test_a_download_may_have_an_odd_disposition(server, url):
    server.set_faults({"odd_disposition_download": 1})
    answer = get(url)
    assert answer.headers["Content-Disposition"] == "attachment; filename*;filename*1"
    assert answer.content == CONTENT
