from __future__ import annotations

import pytest

from conveyor.loopback import is_loopback


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "localhost", "LOCALHOST", "::1", "[::1]"]
)
def test_this_machine_is_known(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "10.0.0.1", "example.com", "localhost.example.com", "::2"])
def test_others_are_not_this_machine(host):
    assert not is_loopback(host)
