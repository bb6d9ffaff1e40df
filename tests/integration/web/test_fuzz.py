"""Requests broken at random: no 5XX, no long answer to a wrong one, and little CPU for any.

``CONVEYOR_FUZZ_REQUESTS`` says how many there are, ``CONVEYOR_FUZZ_SEED`` which; the seed stands in
what a failure prints. Most are given to the application, without a connection between, so that
thousands take seconds. Some go over a socket, for what the HTTP parser makes of them.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import pytest

from config.web import WebSettings
from conveyor import Conveyor
from conveyor.settings import load
from conveyor.webhooks import address_of
from web.app import make_app

WEBHOOK_KEY = "key-of-the-webhooks"  # as the site of conftest has it
REQUESTS = int(os.environ.get("CONVEYOR_FUZZ_REQUESTS", "1500"))
SEED = int(os.environ.get("CONVEYOR_FUZZ_SEED", "9"))
# What one over a socket costs is the connection.
OVER_SOCKETS = max(REQUESTS // 10, 50)
# Far above what any takes, with room for a slow machine. `test_costs` holds the bound itself.
MOST_CPU_S = 1.0
# Of an answer that tells of a problem.
MOST_BYTES = 64 * 1024

PIECES = (
    *(b"", b"\0", b"\r\n", b"\n", b"\r\n\r\n", b'"', b"\\", b"'", b"%", b"%00", b"%ff", b"\xff"),
    *(b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", "é".encode(), b"\xe9", b"../"),
    *(b"[", b"]", b"{", b"}", b":", b",", b";", b"=", b"&", b"*", b"null", b"NaN", b"1e999", b"-1"),
    *(b"9" * 400, b"[" * 500, b"a" * 70_000, b"--b", b"--b--", b"=?utf-8?B?", b"?=", b"filename*="),
    *(b"http://[", b"file:///etc/passwd", b"s3://", b"bytes=", b"W/", b"charset=idna"),
)
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.docx"\r\n'
    b"Content-Type: text/plain\r\n\r\nwords\r\n"
    b'--b\r\nContent-Disposition: form-data; name="to"\r\n\r\npdf\r\n'
    b'--b\r\nContent-Disposition: form-data; name="params"\r\n\r\n{"PageRange": "1"}\r\n--b--\r\n'
)
ORDER = (
    b'{"source": ["https://example.com/a.docx", "s3://b/a.pdf"], "to": "pdf", '
    b'"from_format": "docx", "params": {"PageRange": "1-3", "A": 1.5, "B": true, '
    b'"OverlayFile": "https://example.com/b.pdf"}, "semi_async_seconds": 3}'
)


@dataclass
class Request:
    """One that is right."""

    method: str
    target: bytes
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


def _right_ones(conversion_id, file_path):
    hook = address_of("/webhooks", WEBHOOK_KEY, conversion_id).encode()
    kind = b"content-type"
    return [
        Request("POST", b"/conversions", {kind: b"application/json"}, ORDER),
        Request("POST", b"/conversions", {kind: b"multipart/form-data; boundary=b"}, FORM),
        Request(
            "POST",
            b"/conversions?to=pdf&params=%7B%22A%22%3A1%7D",
            {
                b"content-disposition": b'attachment; filename="=?utf-8?B?w5wuZG9jeA==?="; '
                b"filename*=utf-8''%C3%9C.docx"
            },
            b"words",
        ),
        Request("POST", b"/conversions?to=pdf&name=a.docx&from_format=docx", {}, b"words"),
        Request("POST", hook, {kind: b"application/json"}, b'{"JobId": "0123456789abcdef"}'),
        Request("POST", hook, {kind: b"application/x-www-form-urlencoded"}, b"job_id=0&more=1"),
        Request("GET", hook + b"?JobId=0123456789abcdef"),
        Request("POST", b"/dead-letters/x/replay", {kind: b"application/json"}, b'{"timeout": 99}'),
        Request("GET", b"/conversions?state=queued&limit=3&cursor=x"),
        Request("GET", b"/dead-letters?kind=input&limit=3"),
        Request("DELETE", b"/conversions/nothing", {b"origin": b"http://127.0.0.1"}),
        Request(
            "GET",
            file_path.encode(),
            {b"range": b"bytes=0-9", b"if-range": b'"x"', b"if-none-match": b'W/"a", "b"'},
        ),
        Request("GET", b"/healthz", {b"accept": b"text/html, */*;q=0.1"}),
    ]


def _broken(dice, text):
    """Bytes with some changes."""
    for _ in range(dice.choice((1, 1, 2, 4))):
        start = dice.randrange(len(text) + 1)
        end = min(start + dice.choice((0, 1, 3, 20)), len(text))
        piece = dice.choice(
            (
                dice.choice(PIECES),
                dice.choice(PIECES) * dice.choice((2, 50)),
                dice.randbytes(dice.randrange(1, 9)),
                text[start:end] * dice.choice((2, 30)),
            )
        )
        text = text[:start] + piece + text[end:]
    return text[: 1 << 20]


def _drawn(dice, right_ones):
    """A request that is broken in one of its parts, or in some."""
    right = dice.choice(right_ones)
    headers = dict(right.headers)
    target, body, method = right.target, right.body, right.method
    for part in dice.sample(("target", "header", "more", "body", "method"), dice.choice((1, 1, 2))):
        if part == "target":
            target = _broken(dice, target)
        elif part == "header" and headers:
            name = dice.choice(sorted(headers))
            headers[name] = _broken(dice, headers[name])
        elif part == "more":
            names = (b"content-length", b"range", b"idempotency-key", b"origin", b"last-event-id")
            headers[dice.choice(names)] = _broken(dice, b"bytes=0-1")
        elif part == "body":
            body = _broken(dice, body)
        elif part == "method":
            method = dice.choice(("PUT", "HEAD", "OPTIONS", "PATCH", "POST", "GET", "ODD"))
    return Request(method, target, headers, body)


async def _ask(app, request):
    """The status and the body of the answer."""
    path, _, query = request.target.partition(b"?")
    text = unquote(path.decode("latin-1"))
    # Streams of events end with their conversions.
    headers = {b"host": b"127.0.0.1", b"content-length": b"%d" % len(request.body)}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": text if text.startswith("/") else f"/{text}",
        "raw_path": path,
        "root_path": "",
        "query_string": query,
        "headers": list({**headers, **request.headers}.items()),
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    half = len(request.body) // 2
    pieces = [request.body[:half], request.body[half:]]
    sent = []

    async def receive():
        if not pieces:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


async def _fuzz(app, right_ones):
    dice = random.Random(SEED)
    seen = set()
    for number in range(REQUESTS):
        request = _drawn(dice, right_ones)
        start = time.process_time()
        status, body = await _ask(app, request)
        cost_s = time.process_time() - start
        told = (SEED, number, status, cost_s, str(request)[:2000])
        assert status < 500, told
        assert status < 400 or len(body) < MOST_BYTES, told
        assert cost_s < MOST_CPU_S, told
        seen.add(status)
    return seen


@pytest.fixture
def right_ones(make, converted):
    return _right_ones(
        make.converting(confirmed=True).id, f"/conversions/{converted()}/files/a.pdf"
    )


@pytest.mark.large
@pytest.mark.usefixtures("_log")
@pytest.mark.timeout(120 + REQUESTS // 10)
def test_no_request_breaks_the_application(redis_url, folder, right_ones, caplog):
    where = {"broker_url": redis_url, "redis_url": redis_url, "storage_url": folder.as_uri()}
    settings = load(WebSettings, **where, web_requests_per_minute=0, webhook_key=WEBHOOK_KEY)
    with closing(Conveyor(**where)) as conveyor:
        seen = asyncio.run(_fuzz(make_app(settings, conveyor), right_ones))

    assert {200, 202, 204, 404, 405, 415, 422} <= seen
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def _written(request):
    lines = [request.method.encode() + b" " + request.target + b" HTTP/1.1", b"Host: 127.0.0.1"]
    lines += [name + b": " + value for name, value in request.headers.items()]
    lines += [b"Content-Length: %d" % len(request.body), b"Connection: close", b"", b""]
    return b"\r\n".join(lines) + request.body


@pytest.mark.large
@pytest.mark.timeout(120 + REQUESTS // 10)
def test_no_bytes_break_the_process(site, right_ones, heard, caplog):
    dice = random.Random(SEED)
    target = urlsplit(site.url)
    for number in range(OVER_SOCKETS):
        written = _broken(dice, _written(_drawn(dice, right_ones)))
        with closing(socket.create_connection((target.hostname, target.port), 60)) as client:
            # Nothing more comes: a request that is not whole is not waited for.
            with suppress(OSError):
                client.sendall(written)
                client.shutdown(socket.SHUT_WR)
            answer = heard(client)
        assert not answer.startswith(b"HTTP/1.1 5"), (SEED, number, written[:2000])
    assert site.get("/healthz").status_code == 200
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
