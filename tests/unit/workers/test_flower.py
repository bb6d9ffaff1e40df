from __future__ import annotations

import asyncio
import runpy
import sys
from types import SimpleNamespace

import pytest
from flower.views import BaseHandler
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import Application

from config.settings import load_settings_without_service
from workers import flower
from workers.flower import GuardedFlower

REVOKE = ("POST", "/api/task/revoke/a")
WORKERS = ("GET", "/workers")


class Door(GuardedFlower):
    """The door alone, with nothing behind it."""

    def __init__(self, *, password):
        Application.__init__(self, handlers=[])
        self.options = SimpleNamespace(basic_auth=["a:b"] if password else None, auth="")


def _is_refused(door, order, **headers):
    start = RequestStartLine(*order, "HTTP/1.1")
    given = HTTPHeaders({"Host": "127.0.0.1:5555", **headers})
    connection = SimpleNamespace(context=SimpleNamespace(remote_ip="127.0.0.1", protocol="http"))
    request = HTTPServerRequest(start_line=start, headers=given, connection=connection)
    return door.find_handler(request).handler_class.__name__ == "_Refusal"


@pytest.mark.parametrize("password", [False, True])
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_page_of_another_site_revokes_nothing(password, origin):
    """A browser sends the password that it remembers with such a request, too."""
    assert _is_refused(Door(password=password), REVOKE, Origin=origin)
    assert not _is_refused(Door(password=password), REVOKE, Origin="http://127.0.0.1:5555")
    assert not _is_refused(Door(password=password), REVOKE)


def test_a_page_on_another_port_of_this_machine_is_welcome_without_a_password():
    here = {"Origin": "http://127.0.0.1:8080"}
    assert not _is_refused(Door(password=False), REVOKE, **here)
    assert _is_refused(Door(password=True), REVOKE, **here)


@pytest.mark.parametrize("order", [WORKERS, REVOKE])
def test_another_name_needs_a_password(order):
    assert _is_refused(Door(password=False), order, Host="flower.example")
    assert not _is_refused(Door(password=True), order, Host="flower.example")
    assert not _is_refused(Door(password=False), order)


@pytest.fixture
def refusal():
    """What is answered to somebody who is refused, with whatever method."""
    request = HTTPServerRequest(
        start_line=RequestStartLine("POST", "/x", "HTTP/1.1"),
        headers=HTTPHeaders({"Host": "127.0.0.1:5555"}),
        connection=SimpleNamespace(context=None, set_close_callback=lambda _: None),
    )
    handler = flower._Refusal(Application(xsrf_cookies=True), request, reason="Not from there.")
    handler.said = []
    handler.finish = handler.said.append
    handler.check_xsrf_cookie()
    handler.prepare()
    return handler


def test_refusal_says_its_reason(refusal):
    assert refusal.get_status() == 403
    assert refusal._headers["Content-Type"] == "text/plain; charset=utf-8"
    assert refusal.said == ["Not from there.\n"]


def test_refused_request_is_answered_with_its_reason():
    start = RequestStartLine("POST", "/api/task/revoke/a", "HTTP/1.1")
    headers = HTTPHeaders({"Host": "127.0.0.1:5555", "Origin": "https://evil.example"})
    connection = SimpleNamespace(context=SimpleNamespace(remote_ip="127.0.0.1", protocol="http"))
    request = HTTPServerRequest(start_line=start, headers=headers, connection=connection)
    delegate = Door(password=True).find_handler(request)

    assert set(delegate.handler_kwargs) == {"reason"}
    assert "another site" in delegate.handler_kwargs["reason"]


class Redis:
    """Counts what lies in a list, or hangs."""

    def __init__(self, *, hangs=False):
        self.asked = []
        self._hangs = hangs

    def pipeline(self):
        return self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    def llen(self, name):
        self.asked.append(name)

    async def execute(self):
        if self._hangs:
            await asyncio.sleep(3600)
        return [2] * len(self.asked)

    async def close(self):
        pass


@pytest.fixture
def counting(monkeypatch):
    def make(redis):
        urls = []
        monkeypatch.setattr(flower, "aconnect", lambda url: urls.append(url) or redis)
        queues = flower.Queues("redis://h:1/0")
        assert urls == ["redis://h:1/0"]
        return queues

    return make


def test_messages_are_counted_with_those_of_every_priority(counting):
    redis = Redis()
    queues = counting(redis)
    counted = asyncio.run(queues.queues(["conveyor.poll"]))

    assert counted == [{"name": "conveyor.poll", "messages": 2 * len(redis.asked)}]
    assert redis.asked == ["conveyor.poll", *(f"conveyor.poll\x06\x16{step}" for step in (3, 6, 9))]


def test_redis_that_does_not_answer_is_not_waited_for(counting, monkeypatch):
    monkeypatch.setattr(flower, "_PATIENCE_S", 0.01)
    with pytest.raises(TimeoutError):
        asyncio.run(counting(Redis(hangs=True)).queues(["conveyor.poll"]))


@pytest.mark.parametrize(("url", "is_ours"), [("redis://h:1/0", True), ("amqp://h", False)])
def test_queues_are_counted_wherever_our_urls_lead(monkeypatch, url, is_ours):
    monkeypatch.setattr(flower, "aconnect", lambda url: None)
    monkeypatch.setattr(flower, "_flowers_own", lambda handler: "Flower's own")
    handler = SimpleNamespace(capp=SimpleNamespace(conf=SimpleNamespace(broker_url=url)))
    found = flower._queues_of(handler)

    assert isinstance(found, flower.Queues) is is_ours
    assert is_ours or found == "Flower's own"


@pytest.mark.parametrize(("given", "line"), [(["--port=1"], ["--port=1"]), (None, ["--own"])])
def test_flower_runs_as_a_command_of_our_application(monkeypatch, given, line):
    monkeypatch.setattr(flower.flower.command, "Flower", None)
    monkeypatch.setattr(flower.BaseHandler, "get_broker", None)
    monkeypatch.setattr(sys, "argv", ["x", "--own"])
    flower.options.address = ""
    seen = []

    def celery():
        seen.append((list(sys.argv), flower.flower.command.Flower, BaseHandler.get_broker))
        return 3

    monkeypatch.setattr(flower, "celery", celery)
    monkeypatch.setitem(sys.modules, "workers.app", None)
    monkeypatch.setattr(flower, "make_app", lambda read: read)
    with pytest.raises(SystemExit) as ended:
        flower.main(given)

    # Flower's own default is every address. Its variables and options are read after this.
    assert flower.options.address == "127.0.0.1"
    ours = ["celery", "-A", "workers.app", "flower", *line]
    assert seen == [(ours, GuardedFlower, flower._queues_of)]
    assert ended.value.code == 3
    # It is told nothing of the service's.
    assert sys.modules["workers.app"].app is load_settings_without_service


def test_module_runs_flower_as_a_program(monkeypatch):
    monkeypatch.setattr(flower.flower.command, "Flower", None)
    monkeypatch.setattr(BaseHandler, "get_broker", None)
    monkeypatch.setattr(sys, "argv", ["x"])
    monkeypatch.setattr("celery.bin.celery.main", lambda: 3)
    monkeypatch.setitem(sys.modules, "workers.app", None)
    monkeypatch.setattr("workers.start.make_app", lambda _: None)
    monkeypatch.delitem(sys.modules, "workers.flower")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("workers.flower", run_name="__main__")

    assert ended.value.code == 3
