from __future__ import annotations

import asyncio
import threading

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from conveyor import Conveyor
from web import readiness
from web.readiness import Readiness


class Hanging(MemoryFileSystem):
    """A storage whose server takes the question, and never answers."""

    protocol = "hanging"
    asked = 0
    released = threading.Event()

    def open(self, *_, **__):
        type(self).asked += 1
        self.released.wait(60)
        raise OSError("the line is dead")


@pytest.fixture
def hanging():
    fsspec.register_implementation("hanging", Hanging, clobber=True)
    yield Hanging
    Hanging.released.set()


def test_a_storage_that_hangs_is_asked_once_however_often_we_are(hanging, monkeypatch):
    monkeypatch.setattr(readiness, "_TIMEOUT_S", 0.3)
    monkeypatch.setattr(readiness, "_FRESH_S", 0.0)
    looks = Readiness(Conveyor("redis://127.0.0.1:9/0", storage_url="hanging://files"))

    async def look(times):
        return [await looks.missing() for _ in range(times)]

    for missing in asyncio.run(look(3)):
        assert "storage" in [check.name for check in missing]
    assert hanging.asked == 1
