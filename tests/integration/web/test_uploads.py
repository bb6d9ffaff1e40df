from __future__ import annotations

import io
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event
from urllib.parse import urlsplit

import pytest

from web import bodies

DOCUMENT = b"a document\n" * 1000


def _form(*parts, **fields):
    """Services in the order given: requests puts fields first."""
    return {
        "files": [
            *((name, content) for name, content in parts),
            *((name, (None, value)) for name, value in fields.items()),
        ]
    }


def _await_empty(site, timeout_s=30.0):
    deadline = time.monotonic() + timeout_s
    while site.staged() and time.monotonic() < deadline:
        time.sleep(0.02)
    return site.staged()


@contextmanager
def _begun_upload(site, *, is_form):
    """A client that has sent a part of its body, a second file's where it is a form."""
    target = urlsplit(site.url)
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.docx"\r\n\r\n'
    first = head + DOCUMENT + b"\r\n" + head.replace(b"a.docx", b"b.docx") if is_form else b""
    kind = "multipart/form-data; boundary=x" if is_form else "application/octet-stream"
    request = (
        f"POST /conversions{'' if is_form else '?to=pdf&name=b.docx'} HTTP/1.1\r\n"
        f"Host: {target.netloc}\r\nContent-Type: {kind}\r\nContent-Length: 1000000\r\n\r\n"
    )
    with socket.create_connection((target.hostname, target.port)) as client:
        client.sendall(request.encode() + first + DOCUMENT)
        yield client


def test_a_form_brings_a_document_its_fields_after_it(site):
    answer = site.post("/conversions", **_form(("file", ("a.docx", DOCUMENT)), to="pdf"))

    assert answer.status_code == 202, answer.text
    assert answer.json()["from_format"] == "docx"
    assert site.staged() == ["a.docx"]
    [staged] = site.folder.glob("staged/*/a.docx")
    assert staged.read_bytes() == DOCUMENT


def test_a_form_brings_several_documents_its_fields_before_them(site):
    answer = site.post(
        "/conversions",
        data={"to": "merge", "params": '{"PageSize": "a4"}'},
        files=[("file", ("a.docx", b"a")), ("file", ("b.pdf", b"b"))],
    )

    assert (answer.status_code, answer.json()["from_format"]) == (202, "any")
    assert site.staged() == ["a.docx", "b.pdf"]


@pytest.mark.parametrize("param", ["OverlayFile", "overlayfile"])
def test_a_form_brings_a_parameter_that_is_a_file(site, ledger, param):
    parts = (("file", ("a.docx", DOCUMENT)), (param, ("stamp.pdf", b"%PDF-1.4")))
    answer = site.post("/conversions", **_form(*parts, to="pdf", params='{"CssFile": "s3://b/a"}'))

    assert answer.status_code == 202, answer.text
    request = ledger.get(answer.json()["id"]).request
    assert [source.name for source in request.sources] == ["a.docx"]
    assert {name: source.name for name, source in request.files.items()} == {
        "CssFile": "a",
        param: "stamp.pdf",
    }
    assert site.staged() == ["a.docx", "stamp.pdf"]


@pytest.mark.parametrize("seconds", [0, 600])
def test_a_form_says_how_long_to_wait(site, ledger, seconds):
    form = _form(("file", ("a.docx", DOCUMENT)), to="pdf", semi_async_seconds=str(seconds))
    told = site.post("/conversions", **form).json()

    assert ledger.get(told["id"]).request.semi_async_seconds == seconds


def test_a_document_alone_says_how_long_to_wait(site, ledger):
    query = "to=pdf&name=a.docx&semi_async_seconds=600"
    told = site.post(f"/conversions?{query}", data=DOCUMENT).json()

    assert ledger.get(told["id"]).request.semi_async_seconds == 600


def test_a_document_alone_is_described_by_the_query(site):
    answer = site.post(
        "/conversions",
        params={"to": "pdf", "name": "Übung.docx", "params": json.dumps({"PageRange": "1"})},
        data=DOCUMENT,
    )

    assert answer.status_code == 202, answer.text
    assert site.staged() == ["Übung.docx"]


def test_a_document_alone_may_be_named_by_its_disposition(site):
    named = {"Content-Disposition": "attachment; filename=\"x\"; filename*=UTF-8''%C3%9C.docx"}
    answer = site.post("/conversions?to=pdf", data=io.BytesIO(DOCUMENT), headers=named)

    assert (answer.status_code, site.staged()) == (202, ["Ü.docx"])


def test_an_upload_is_streamed_without_its_length(site):
    pieces = (DOCUMENT for _ in range(100))
    answer = site.post("/conversions?to=pdf&name=a.docx", data=pieces)

    assert answer.status_code == 202
    [staged] = site.folder.glob("staged/*/a.docx")
    assert staged.stat().st_size == 100 * len(DOCUMENT)


def test_the_same_upload_under_a_key_is_the_same_conversion(site):
    ids = [
        site.post(
            "/conversions",
            **_form(("file", ("a.docx", DOCUMENT)), to="pdf"),
            headers={"Idempotency-Key": "invoice-7"},
        ).json()["id"]
        for _ in range(2)
    ]
    other = site.post(
        "/conversions",
        **_form(("file", ("a.docx", b"another")), to="pdf"),
        headers={"Idempotency-Key": "invoice-7"},
    )

    assert ids[0] == ids[1]
    assert other.status_code == 422
    assert site.staged() == ["a.docx"]


@pytest.mark.parametrize(
    "form",
    [
        _form(to="pdf"),
        _form(("file", ("a.docx", DOCUMENT))),
        _form(("file", ("a.docx", DOCUMENT)), to="p/df"),
        _form(("file", ("a.docx", DOCUMENT)), to="pdf", params="[]"),
        _form(("file", ("a.docx", DOCUMENT)), to="pdf", params="{"),
        _form(("file", ("a.docx", DOCUMENT)), to="pdf", secret="x"),
        _form(("file", ("a.docx", DOCUMENT)), to="pdf", params='{"Secret": "x"}'),
        _form(("file", ("a.docx", DOCUMENT)), ("file", ("b.docx", b"")), to="pdf"),
        _form(("file", ("a.docx", DOCUMENT)), ("file", (None, b"x")), to="pdf"),
        _form(("file", ("a", DOCUMENT)), to="pdf"),
        _form(("file", ("a.docx", DOCUMENT)), to="pdf", params='{"OverlayFile": "/etc/passwd"}'),
        _form(("file", ("a.docx", DOCUMENT)), to="pdf", params='{"AFile": "file:///etc/passwd"}'),
        _form(
            ("file", ("a.docx", DOCUMENT)),
            ("AFile", ("a.pdf", b"x")),
            to="pdf",
            params='{"AFile": "https://example.com/a.pdf"}',
        ),
        _form(("file", ("a.docx", DOCUMENT)), ("AFile", ("a.pdf", b"")), to="pdf"),
        _form(("file", ("a.docx", DOCUMENT)), ("StoreFile", ("a.pdf", b"x")), to="pdf"),
        _form(
            ("file", ("a.docx", DOCUMENT)),
            ("AFile", ("a.pdf", b"x")),
            ("afile", ("a.pdf", b"x")),
            to="pdf",
        ),
        _form(("OverlayFile", ("a.pdf", b"x")), to="pdf"),
        _form(("file", ("a.docx", DOCUMENT)), to="pdf", semi_async_seconds="1201"),
        _form(("file", ("a.docx", DOCUMENT)), to="pdf", semi_async_seconds="soon"),
        _form(*(("file", (f"{n}.txt", b"x")) for n in range(101)), to="zip"),
    ],
    ids=range(20),
)
def test_a_form_that_is_wrong_is_refused_and_leaves_nothing(site, form):
    answer = site.post("/conversions", **form)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert site.staged() == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x--\r\n"),
        ("multipart/form-data; boundary=x", b"no form at all"),
        ("multipart/form-data; boundary=x", b""),
        (f"multipart/form-data; boundary={'x' * 500}", b"--x--\r\n"),
        ("multipart/form-data; boundary*=x; boundary*0=y", b"--x--\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.docx"\r\n\r\nabc',
        ),
    ],
)
def test_a_form_that_is_broken_is_refused_and_leaves_nothing(site, content_type, body):
    answer = site.post("/conversions", data=body, headers={"Content-Type": content_type})

    assert answer.status_code == 422
    assert site.staged() == []


@pytest.mark.parametrize(
    "query",
    [
        *("", "to=pdf", "name=a.docx", "to=pdf&name=a", "to=p/&name=a.docx", "x=1"),
        "to=pdf&name=a.docx&semi_async_seconds=-1",
        "to=pdf&name=a.docx&semi_async_seconds=1.5",
        'to=pdf&name=a.docx&params={"OverlayFile":"/etc/passwd"}',
        'to=pdf&name=a.docx&params={"OverlayFile":"a.pdf"}',
    ],
)
def test_a_document_that_is_not_described_is_refused_and_leaves_nothing(site, query):
    assert site.post(f"/conversions?{query}", data=DOCUMENT).status_code == 422
    assert site.staged() == []


def test_an_empty_document_is_refused(site):
    assert site.post("/conversions?to=pdf&name=a.docx", data=b"").status_code == 422
    assert site.staged() == []


def test_a_query_beside_another_form_is_refused(site):
    order = {"source": "https://example.com/a.docx", "to": "pdf"}

    assert site.post("/conversions?to=png", json=order).status_code == 422


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_a_compressed_body_is_refused(site, coding):
    answer = site.post(
        "/conversions?to=pdf&name=a.docx", data=DOCUMENT, headers={"Content-Encoding": coding}
    )

    assert answer.status_code == 415
    assert site.staged() == []


@pytest.mark.parametrize("has_length", [True, False])
@pytest.mark.parametrize("is_form", [True, False])
def test_a_larger_upload_than_allowed_is_refused_and_leaves_nothing(serve, has_length, is_form):
    site = serve(web_max_upload_bytes=100_000)
    request = _form(("file", ("a.docx", DOCUMENT * 20)), to="pdf") if is_form else {}
    options = {"data": DOCUMENT * 20, "params": {"to": "pdf", "name": "a.docx"}}
    if is_form:
        options = request
    if not has_length and not is_form:
        options["data"] = (DOCUMENT for _ in range(20))
    answer = site.post("/conversions", **options)

    assert (answer.status_code, answer.json()["type"]) == (413, "/problems#too-large")
    assert site.staged() == []


def _dribble(client, is_over):
    """Bytes, one by one, until the other end has had enough."""
    with suppress(OSError):
        while not is_over.wait(0.02):
            client.sendall(b".")


@pytest.mark.parametrize("dribbles", [True, False])
@pytest.mark.parametrize("is_form", [True, False])
def test_a_client_that_sends_next_to_nothing_is_ended_and_leaves_nothing(
    site, heard, is_form, dribbles, monkeypatch
):
    monkeypatch.setattr(bodies, "STALL_S", 0.3)
    is_over = Event()
    begun = time.monotonic()
    with _begun_upload(site, is_form=is_form) as client, ThreadPoolExecutor(1) as sender:
        client.settimeout(60)
        if dribbles:
            sender.submit(_dribble, client, is_over)
        answer = heard(client)
        took_s = time.monotonic() - begun
        is_over.set()

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head.lower().splitlines()
    assert json.loads(body)["type"] == "/problems#request-timeout"
    assert 0.2 < took_s < 30
    assert site.staged() == []


def test_a_slow_client_is_waited_for(site, monkeypatch):
    monkeypatch.setattr(bodies, "STALL_S", 5.0)

    def pieces():
        for _ in range(6):
            time.sleep(1)
            yield DOCUMENT * 6

    assert site.post("/conversions?to=pdf&name=a.docx", data=pieces()).status_code == 202


@pytest.mark.parametrize("is_form", [True, False])
def test_a_client_that_leaves_leaves_nothing_behind(site, is_form, caplog):
    with _begun_upload(site, is_form=is_form):
        deadline = time.monotonic() + 30
        while not site.staged() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert site.staged()

    assert _await_empty(site) == []
    assert site.get("/healthz").status_code == 200
    assert "request_broke" not in caplog.text
    assert "Traceback" not in caplog.text


NAMES = [
    "filename=\"=?utf-8?B?w5xidW5nLmRvY3g=?=\"; filename*=utf-8''%C3%9Cbung.docx",
    "filename*=UTF-8''%C3%9Cbung.docx",
    'filename="%C3%9Cbung.docx"',
    b'filename="\xdcbung.docx"',
    'filename="U\u0308bung.docx"',
    "filename*=iso-8859-12''x.docx; filename=\"\u00dcbung.docx\"",
]


@pytest.mark.parametrize("told", NAMES)
@pytest.mark.parametrize("is_form", [True, False])
def test_names_are_taken_as_clients_write_them(site, told, is_form):
    told = told if isinstance(told, bytes) else told.encode()
    if is_form:
        head = b'--x\r\nContent-Disposition: form-data; name="file"; ' + told + b"\r\n\r\n"
        field = b'--x\r\nContent-Disposition: form-data; name="to"\r\n\r\npdf\r\n'
        body = head + DOCUMENT + b"\r\n" + field + b"--x--\r\n"
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        answer = site.post("/conversions", data=body, headers=headers)
    else:
        headers = {"Content-Disposition": b"attachment; " + told}
        answer = site.post("/conversions?to=pdf", data=DOCUMENT, headers=headers)

    assert answer.status_code == 202, answer.text
    assert site.staged() == ["Übung.docx"]
