"""Connections that are kept, shared, closed by the other side, or lead through a proxy."""

from __future__ import annotations

import json
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import chain

import pytest

from conveyor.convertapi import watchdog
from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.credentials import FixedCredentials
from conveyor.convertapi.timeouts import Timeouts
from conveyor.convertapi.transport import Transport
from conveyor.domain.answers import Failed, InProgress, Lost, Started
from conveyor.domain.dialect import Dialect

JOB_ID = "0123456789abcdef0123456789abcdef"
PATH = Dialect.PATH
KEPT = b"HTTP/1.1 202 Yes\r\nContent-Length: 0\r\n\r\n"
STARTED = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"JobId":"j"}'
TIMEOUTS = Timeouts(connect=20.0, read=30.0, total=60.0, transfer=60.0)


def _api(url, pool_size=10, proxy=""):
    credentials = FixedCredentials("5ecr3t")
    return ConvertApi(
        Transport(url, credentials, timeouts=TIMEOUTS, pool_size=pool_size, proxy=proxy)
    )


def _start(api, keep):
    return api.start(PATH, ("a", "b"), {}, JOB_ID, keep)


class Host:
    """Serves each connection by a function."""

    def __init__(self, serve):
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        self.heard = []
        self.closed = threading.Semaphore(0)

    def accept(self):
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(
                    target=self._serve_one, args=(near, self.connections), daemon=True
                ).start()

    def close(self):
        self._listener.close()

    def hear(self, near):
        """A request whole, empty where the connection has ended."""
        head = b""
        while b"\r\n\r\n" not in head:
            piece = near.recv(65536)
            if not piece:
                return b""
            head += piece
        length = re.search(rb"(?i)content-length: (\d+)", head)
        whole = head.index(b"\r\n\r\n") + 4 + (int(length[1]) if length else 0)
        while len(head) < whole:
            head += near.recv(65536)
        self.heard.append(head)
        return head

    def _serve_one(self, near, number):
        with near, suppress(OSError):
            self._serve(self, near, number)
        self.closed.release()


@contextmanager
def _host(serve):
    host = Host(serve)
    threading.Thread(target=host.accept, daemon=True).start()
    try:
        yield host
    finally:
        host.close()


def _serve_all(answer):
    def serve(host, near, _number):
        while request := host.hear(near):
            near.sendall(answer(request))

    return serve


@pytest.mark.parametrize("threads", [64, 128])
def test_many_threads_share_a_client_and_keep_their_connections(keep, threads):
    with _host(_serve_all(lambda _: KEPT)) as host:
        api, together = _api(host.url, threads), threading.Barrier(threads)

        def poll_some(_):
            together.wait(60)
            return [api.poll("", PATH, JOB_ID, keep) for _ in range(5)]

        with ThreadPoolExecutor(threads) as pool:
            outcomes = list(chain.from_iterable(pool.map(poll_some, range(threads))))

    assert outcomes == [InProgress()] * threads * 5
    assert len(host.heard) == threads * 5
    assert host.connections <= threads


def test_each_of_many_threads_gets_the_answer_to_its_own_request(keep):
    def repeat(request):
        body = json.dumps({"Code": 5000, "Message": request.split()[1].decode()[-3:]}).encode()
        head = f"HTTP/1.1 500 No\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    with _host(_serve_all(repeat)) as host, ThreadPoolExecutor(32) as pool:
        api = _api(host.url, 32)
        jobs = [f"job-{number:03}" for number in range(256)]
        outcomes = list(pool.map(lambda job: api.poll("", PATH, job, keep), jobs))

    assert outcomes == [Failed(500, 5000, job[-3:]) for job in jobs]


def test_connection_that_was_closed_meanwhile_is_replaced_and_a_post_goes_out_once(keep):
    def serve(host, near, number):
        host.hear(near)
        near.sendall(KEPT if number == 1 else STARTED)

    with _host(serve) as host:
        api = _api(host.url)
        assert api.poll("", PATH, JOB_ID, keep) == InProgress()
        assert host.closed.acquire(timeout=20)

        assert _start(api, keep) == Started("j")

    assert [request.split()[0] for request in host.heard] == [b"GET", b"POST"]
    assert host.connections == 2


def test_post_on_a_closed_keep_alive_connection_is_lost_and_not_repeated(keep):
    """The service may have seen it, so it is not sent again unasked."""

    def serve(host, near, _number):
        host.hear(near)
        near.sendall(KEPT)
        host.hear(near)

    with _host(serve) as host:
        api = _api(host.url)
        assert api.poll("", PATH, JOB_ID, keep) == InProgress()
        outcome = _start(api, keep)

    assert isinstance(outcome, Lost)
    assert outcome.closed_at_once
    assert [request.split()[0] for request in host.heard] == [b"GET", b"POST"]


def test_deletion_on_a_closed_keep_alive_connection_is_repeated(keep):
    def serve(host, near, _number):
        while host.hear(near).startswith(b"GET") or len(host.heard) > 2:
            near.sendall(b"HTTP/1.1 200 Yes\r\nContent-Length: 0\r\n\r\n")

    with _host(serve) as host:
        api = _api(host.url)
        api.poll("", PATH, JOB_ID, keep)
        assert api.delete_job("", PATH, JOB_ID)

    assert [request.split()[0] for request in host.heard] == [b"GET", b"DELETE", b"DELETE"]


def test_connection_is_not_used_again_after_an_answer_that_broke_off(keep):
    """Otherwise the rest of that answer would be the next one."""

    def serve(host, near, number):
        host.hear(near)
        if number == 1:
            near.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
            host.hear(near)
        near.sendall(KEPT)

    with _host(serve) as host:
        api = _api(host.url)
        assert isinstance(api.poll("", PATH, JOB_ID, keep), Lost)
        assert api.poll("", PATH, JOB_ID, keep) == InProgress()

    assert host.connections == 2


def test_exchanges_that_are_over_are_no_longer_watched(keep):
    before = set(watchdog._watchdog._under_way)
    with _host(_serve_all(lambda _: KEPT)) as host:
        api = _api(host.url)
        for _ in range(20):
            api.poll("", PATH, JOB_ID, keep)

    assert watchdog._watchdog._under_way <= before


@pytest.mark.parametrize("size", [10, 300_000], ids=["small", "large"])
def test_form_of_any_size_arrives_whole(keep, size):
    with _host(_serve_all(lambda _: STARTED)) as host:
        outcome = _api(host.url).start(PATH, ("a", "b"), {"Text": "x" * size}, JOB_ID, keep)

    assert outcome == Started("j")
    head, _, body = host.heard[0].partition(b"\r\n\r\n")
    assert body == b"Text=" + b"x" * size + b"&StoreFile=true"
    assert f"\r\nContent-Length: {len(body)}".encode() in head
    assert b"\r\nAuthorization: Bearer 5ecr3t\r\n" in head
    assert f"\r\nHost: {host.url[7:]}\r\n".encode() in head


def test_request_through_a_proxy_names_the_host_and_its_length(keep):
    with _host(_serve_all(lambda _: STARTED)) as proxy:
        outcome = _start(_api("http://api.example", proxy=proxy.url), keep)

    assert outcome == Started("j")
    head, _, body = proxy.heard[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST http://api.example/async/convert/a/to/b?JobId=")
    assert b"\r\nHost: api.example\r\n" in head
    assert b"Transfer-Encoding" not in head
    assert body == b"StoreFile=true"
