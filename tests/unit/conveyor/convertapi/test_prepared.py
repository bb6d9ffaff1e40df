from __future__ import annotations

import io

import pytest
import requests

from conveyor.convertapi.errors import Unreachable
from conveyor.convertapi.origins import Gate
from conveyor.convertapi.prepared import Fields, Request

HOST = "http://127.0.0.1:8090"
FIELDS = Fields({"Accept": "text/plain", "X-Name": "Zoë"})


def _request(method="GET", path="/a", query=None, body=None):
    return Request(method, Gate(HOST).below(HOST, path), query or {}, FIELDS, body)


def test_fields_are_written_as_they_go_over_the_wire():
    assert FIELDS.block == b"Accept: text/plain\r\nX-Name: Zo\xeb"
    assert FIELDS["accept"] == "text/plain"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("A", "x\r\nB: y"),
        ("A", "x\ny"),
        ("A", "x\ry"),
        ("A", " x"),
        ("A\r\nB", "x"),
        ("A:", "x"),
        ("", "x"),
        ("A", "日本"),
        ("A", "\ud800"),
    ],
    ids=ascii,
)
def test_field_that_would_say_more_than_itself_is_refused_without_its_text(name, value):
    with pytest.raises(Unreachable, match="could not be built") as raised:
        Fields({"B": "c", name: value})

    assert value not in str(raised.value)


@pytest.mark.parametrize(
    "query", [{}, {"JobId": "1"}, {"a": "b c", "é": "&=?#/", "half": "\ud800"}], ids=ascii
)
def test_target_is_what_requests_would_ask_for(query):
    texts = {name: value.replace("\ud800", "?") for name, value in query.items()}
    asked = requests.Request("GET", f"{HOST}/async/job/1", params=texts).prepare()
    request = _request(path="/async/job/1", query=query)

    assert request.target == asked.path_url
    assert request.url == asked.url


def test_body_has_its_length():
    request = _request("POST", body=b"12345")

    assert request.headers["content-length"] == "5"
    assert request.headers.block == FIELDS.block + b"\r\nContent-Length: 5"
    assert "Content-Length" not in FIELDS


def test_stream_has_the_length_of_what_is_left_of_it():
    stream = io.BytesIO(b"12345")
    stream.read(2)
    request = _request("POST", body=stream)

    assert request.headers["Content-Length"] == "3"
    assert request.headers["X-Name"] == "Zoë"


def test_stream_that_is_closed_already_is_refused_without_its_text():
    stream = io.BytesIO(b"12345")
    stream.close()
    with pytest.raises(Unreachable, match="could not be built: ValueError"):
        _request("POST", body=stream)
