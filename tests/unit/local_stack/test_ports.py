from __future__ import annotations

import socket

from local_stack import ports


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server((ports.LOOPBACK, ports.free_port())):
        pass


def test_a_port_in_use_is_not_free() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        assert not ports.is_free(server.getsockname()[1])


def test_ports_lie_below_those_of_outgoing_connections() -> None:
    assert ports.free_port() < 32_768
