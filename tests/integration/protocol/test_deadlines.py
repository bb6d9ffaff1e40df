"""Peers that never come to an end: one deadline bounds whatever is asked of them."""

from __future__ import annotations

import gc
import io
import os
import socket
import ssl
import threading
import time
from contextlib import closing, contextmanager, suppress
from itertools import chain, repeat
from pathlib import Path

import pytest
import requests.adapters

from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.credentials import FixedCredentials
from conveyor.convertapi.deadline import Deadline
from conveyor.convertapi.errors import ComeLater, Overdue, Unreachable
from conveyor.convertapi.timeouts import Timeouts
from conveyor.convertapi.transport import Transport
from conveyor.domain.answers import InProgress, Lost, Started, Unsent
from conveyor.domain.dialect import Dialect
from tests.tls import write_certificate

JOB_ID = "0123456789abcdef0123456789abcdef"
PATH = Dialect.PATH
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def _slowly(*pieces):
    """Pieces over and over, each long before any read would time out."""
    return chain.from_iterable((piece, 0.02) for piece in chain.from_iterable(repeat(pieces)))


ENDLESS = {
    "status line": lambda: (_slowly(b"1"),),
    "head": lambda: (HEAD, _slowly(b"x")),
    "100 Continue": lambda: (_slowly(b"HTTP/1.1 100 Continue\r\n\r\n"),),
    "103 Early Hints": lambda: (_slowly(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),),
    "body": lambda: (HEAD + b"Content-Length: 100000\r\n\r\n", _slowly(b" ")),
    "body until it closes": lambda: (HEAD + b"Connection: close\r\n\r\n", _slowly(b" ")),
    "chunk extension": lambda: (CHUNKED + b"2;", _slowly(b"x")),
    "chunks": lambda: (CHUNKED, _slowly(b"1\r\n \r\n")),
    "trailers": lambda: (CHUNKED + b"2\r\n{}\r\n0\r\n", _slowly(b"X: y\r\n")),
    "nothing": lambda: (_slowly(0.02),),
}


@pytest.fixture(params=ENDLESS)
def endless(request, server):
    server.answer(*ENDLESS[request.param]())
    return server


@pytest.fixture
def brief(api_of):
    """A client that waits for a second, and not less for any read."""

    def make(url, bound_s=1.0):
        return api_of(url, read=60.0, total=bound_s, transfer=bound_s)

    return make


@contextmanager
def _words():
    yield io.BytesIO(b"words")


def test_start_with_endless_answer_is_lost_at_the_deadline(endless, brief, keep):
    outcome = brief(endless.url).start(PATH, ("a", "b"), {}, JOB_ID, keep)

    assert isinstance(outcome, Lost)
    assert "not whole after 1 s (CONVEYOR_ANSWER_TIMEOUT_SECONDS)" in outcome.reason
    assert not outcome.closed_at_once
    assert len(endless.requests) == 1


def test_poll_with_endless_answer_is_lost_at_the_deadline(server, brief, keep):
    server.answer(*ENDLESS["head"]())
    outcome = brief(server.url).poll("", PATH, JOB_ID, keep)

    assert isinstance(outcome, Lost)
    assert "not whole after 1 s" in outcome.reason


CALLS = {
    "user": lambda api, url: api.user(),
    "delete_job": lambda api, url: api.delete_job("", PATH, JOB_ID),
    "delete_file": lambda api, url: api.delete_file(f"{url}/d/x"),
    "upload": lambda api, url: api.upload("a.md", _words),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("what", ["head", "trailers"])
def test_call_with_endless_answer_is_overdue_and_not_repeated(server, brief, call, what):
    server.answer(*ENDLESS[what]())
    with pytest.raises(Overdue, match="not whole after 1 s"):
        CALLS[call](brief(server.url), server.url)

    assert len(server.requests) == 1


@pytest.mark.parametrize("what", [it for it in ENDLESS if it != "body until it closes"])
def test_endless_download_is_overdue_and_names_the_setting(server, brief, what):
    server.answer(*ENDLESS[what]())
    with (
        pytest.raises(Overdue, match="CONVEYOR_TRANSFER_TIMEOUT_SECONDS"),
        brief(server.url).download(f"{server.url}/d/x") as file,
    ):
        b"".join(file.chunks)


def test_download_that_the_deadline_ends_is_never_taken_for_whole(server, brief):
    """Its end is where the connection closes, which is just what the deadline does."""
    server.answer(*ENDLESS["body until it closes"]())
    with (
        pytest.raises(Overdue),
        brief(server.url).download(f"{server.url}/d/x") as file,
    ):
        b"".join(file.chunks)


def test_semi_asynchronous_start_may_take_longer_by_what_it_waits(server, brief, keep, say):
    server.answer(1.25, say(200, b'{"JobId": "j"}'))
    api = brief(server.url)

    assert api.start(PATH, ("a", "b"), {}, JOB_ID, keep, wait_s=60) == Started("j")


def test_semi_asynchronous_start_is_bounded_by_what_it_waits_and_an_answer(server, brief, keep):
    server.answer(*ENDLESS["head"]())
    outcome = brief(server.url).start(PATH, ("a", "b"), {}, JOB_ID, keep, wait_s=0.5)

    assert isinstance(outcome, Lost)
    assert "not whole after 1.5 s" in outcome.reason


# -- uploads --------------------------------------------------------------------------------------


@pytest.fixture
def deaf():
    """A server that takes connections and reads nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def _much():
    yield io.BytesIO(bytes(64 * 1024 * 1024))


def test_unread_upload_times_out(deaf, brief):
    with pytest.raises(Overdue, match="CONVEYOR_TRANSFER_TIMEOUT_SECONDS"):
        brief(deaf).upload("a.md", _much)


def test_throttle_that_comes_before_the_upload_is_read_is_heard(api_of):
    answer = b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"

    def early(near):
        near.recv(1)
        near.sendall(answer)
        near.shutdown(socket.SHUT_WR)
        near.close()

    with (
        _one_connection(early) as url,
        pytest.raises(ComeLater) as raised,
    ):
        api_of(url).upload("a.md", _much)

    assert raised.value.retry_after_s == 7


# -- what lies below: TLS, proxies, kept connections, forks ---------------------------------------


@contextmanager
def _one_connection(serve, wrap=None):
    """Serve each connection by a function until the client goes."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve_all():
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                threading.Thread(target=serve_one, args=(near,), daemon=True).start()

    def serve_one(near):
        with near, suppress(OSError):
            if wrap is None:
                serve(near)
            else:
                with wrap(near) as secured:
                    serve(secured)
            ended.wait(20)

    threading.Thread(target=serve_all, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        listener.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return write_certificate(tmp_path_factory.mktemp("tls") / "both.pem", "localhost")


@pytest.fixture
def secured(certificate, monkeypatch):
    """Lays TLS over a server's sockets; the client trusts its certificate."""
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return lambda near: context.wrap_socket(near, server_side=True)


def _dribble(near):
    near.recv(65536)
    near.sendall(HEAD)
    while True:
        near.sendall(b"x")
        time.sleep(0.02)


def _https(url):
    return url.replace("http://127.0.0.1", "https://localhost")


def test_deadline_ends_what_dribbles_below_tls(secured, brief, keep):
    with _one_connection(_dribble, secured) as url:
        outcome = brief(_https(url), 4.0).poll("", PATH, JOB_ID, keep)

    assert isinstance(outcome, Lost)
    assert "not whole after" in outcome.reason


def test_answer_below_tls_is_read(secured, api_of, keep):
    def serve(near):
        near.recv(65536)
        near.sendall(b"HTTP/1.1 202 Yes\r\nContent-Length: 0\r\n\r\n")

    with _one_connection(serve, secured) as url:
        assert api_of(_https(url)).poll("", PATH, JOB_ID, keep) == InProgress()


def test_untrusted_certificate_is_reported(secured, api_of, monkeypatch):
    monkeypatch.undo()
    with (
        _one_connection(_dribble, secured) as url,
        pytest.raises(Unreachable, match="certificate"),
    ):
        api_of(_https(url)).user()


def test_handshake_that_never_ends_is_not_a_connection(brief, keep):
    """Nothing was sent: even the paid POST may be sent again."""

    def serve(near):
        while True:
            near.sendall(b"\x16\x03\x03\x40\x00")
            time.sleep(0.02)

    with _one_connection(serve) as url:
        outcome = brief(_https(url)).start(PATH, ("a", "b"), {}, JOB_ID, keep)

    assert isinstance(outcome, Unsent)


def _api_by(proxy, base_url):
    timeouts = Timeouts(connect=5.0, read=60.0, total=1.0, transfer=1.0)
    return ConvertApi(
        Transport(base_url, FixedCredentials("5ecr3t"), timeouts=timeouts, proxy=proxy)
    )


def test_deadline_ends_an_answer_that_dribbles_through_a_proxy(keep):
    with _one_connection(_dribble) as proxy:
        outcome = _api_by(proxy, "http://api.example").poll("", PATH, JOB_ID, keep)

    assert isinstance(outcome, Lost)
    assert "not whole after" in outcome.reason


def test_tunnel_that_never_opens_is_not_a_connection(keep):
    with _one_connection(_dribble) as proxy:
        outcome = _api_by(proxy, "https://api.example").start(PATH, ("a", "b"), {}, JOB_ID, keep)

    assert isinstance(outcome, Unsent)


def test_deadline_of_an_exchange_spares_the_connection_that_another_uses_by_then(
    server, api_of, keep
):
    """The first exchange ends well; its deadline passes while the second has its connection."""
    short = b"HTTP/1.1 202 Yes\r\nContent-Length: 0\r\n\r\n"
    server.answer(short)
    server.answer(b"HTTP/1.1 202 Yes\r\n", 2.0, b"Content-Length: 0\r\n\r\n")
    api = api_of(server.url, total=30.0)
    fast = api_of(server.url, total=1.0)
    fast._transport._requester._adapter = api._transport._requester._adapter  # the same pool

    assert fast.poll("", PATH, JOB_ID, keep) == InProgress()
    assert api.poll("", PATH, JOB_ID, keep) == InProgress()
    assert server.connections == 1


@pytest.mark.parametrize("is_kept", [False, True], ids=["new connection", "kept connection"])
def test_request_of_a_process_that_was_stopped_for_long_is_not_sent(server, is_kept):
    """Others have taken it for dead meanwhile, and its POST for one that will never come."""
    bounds = Timeouts(connect=5.0, read=15.0, total=30.0, transfer=900.0)
    transport = Transport(server.url, FixedCredentials("secret"), timeouts=bounds)
    sent = int(is_kept)
    if is_kept:
        server.answer(HEAD + b"Content-Length: 2\r\n\r\n{}")
        transport.call("POST", "/x", form={})
    now = time.monotonic()
    late = Deadline(1230, "SETTING", until=now + 1200, begin_until=now - 0.1)

    with pytest.raises(Unreachable):
        transport.call("POST", "/x", form={}, deadline=late)

    assert len(server.requests) == sent


def test_connection_is_kept_for_the_next_request(server, api, keep):
    server.answer(b"HTTP/1.1 202 Yes\r\nContent-Length: 0\r\n\r\n")
    for _ in range(3):
        assert api.poll("", PATH, JOB_ID, keep) == InProgress()

    assert server.connections == 1


def test_early_hints_are_not_an_answer(server, api, keep):
    server.answer(
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 202 Yes\r\nContent-Length: 0\r\n\r\n",
    )
    for _ in range(2):
        assert api.poll("", PATH, JOB_ID, keep) == InProgress()


@pytest.mark.parametrize("closes", [True, False], ids=["closed", "kept"])
def test_no_descriptor_is_left_behind(server, api_of, keep, closes):
    head = b"HTTP/1.1 202 Yes\r\nContent-Length: 2\r\n"
    server.answer(head + (b"Connection: close\r\n\r\n{}" if closes else b"\r\n{}"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    api = api_of(server.url)
    for _ in range(20):
        assert api.poll("", PATH, JOB_ID, keep) == InProgress()
    del api
    gc.collect()
    # The server's own ends of these connections may close a little later: two for each at most.
    assert len(list(Path("/proc/self/fd").iterdir())) < before + 10


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_deadline_holds_in_a_forked_process(server, brief, keep):
    """Worker processes are forked: the child has none of its parent's threads."""
    server.answer(*ENDLESS["head"]())
    api = brief(server.url)
    assert isinstance(api.poll("", PATH, JOB_ID, keep), Lost)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        outcome = brief(server.url).poll("", PATH, JOB_ID, keep)
        os.write(writer, outcome.reason.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        assert "not whole after 1 s" in told.read()
    os.waitpid(child, 0)


# -- what became of a POST ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "at_once"),
    [
        ([b""], True),
        (["reset"], True),
        ([b"HTTP", "reset"], False),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "reset"], False),
        ([1.5, "reset"], False),
        (["hang"], False),
    ],
    ids=str,
)
def test_lost_start_tells_whether_the_connection_closed_immediately(
    *, server, api_of, keep, marks, script, at_once
):
    server.answer(*(marks.get(part, part) if isinstance(part, str) else part for part in script))
    api = api_of(server.url, read=1.0 if script == ["hang"] else 10.0)
    outcome = api.start(PATH, ("a", "b"), {}, JOB_ID, keep)

    assert isinstance(outcome, Lost)
    assert outcome.closed_at_once is at_once


def test_answer_cut_after_it_spoke_of_a_result_is_marked_as_paid(server, api, keep, say, marks):
    body = b'{"ConversionCost": 1, "Files": [{"FileName"'
    server.answer(say(200, body, length=1000), marks["reset"])
    outcome = api.start(PATH, ("a", "b"), {}, JOB_ID, keep)

    assert isinstance(outcome, Lost)
    assert outcome.paid
