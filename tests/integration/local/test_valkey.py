from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from local_stack import Valkey
from local_stack.process import StartError


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with Valkey(password='a "b"/c') as server:
        yield server


def test_it_asks_for_the_password(valkey: Valkey) -> None:
    stranger = redis.Redis(port=valkey.port, retry=None)
    with stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    with valkey.client() as client:
        assert client.ping()


@pytest.mark.parametrize("end", [Valkey.stop, Valkey.kill])
def test_it_comes_back_with_its_data_on_its_port(valkey: Valkey, end: object) -> None:
    with valkey.client() as client:
        client.set("kept", "yes")
        first_pid = valkey.process.pid

        end(valkey)
        with pytest.raises(redis.ConnectionError):
            client.get("kept")
        valkey.start()

        assert client.get("kept") == b"yes"
        assert valkey.process.pid != first_pid


def test_close_leaves_nothing() -> None:
    valkey = Valkey()
    with valkey:
        directory = valkey.process.log.parent
        assert directory.is_dir()

    assert valkey.process.exit_status in (0, -signal.SIGTERM)
    assert not directory.exists()


def test_a_port_in_use_is_reported(valkey: Valkey, tmp_path: Path) -> None:
    second = Valkey(tmp_path, port=valkey.port, password="another")

    with pytest.raises(StartError, match="Address already in use"):
        second.start()
