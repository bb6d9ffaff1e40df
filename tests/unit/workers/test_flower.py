from __future__ import annotations

from types import SimpleNamespace

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import Application

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
