"""The library on a real Valkey, without workers: the ledger is moved by hand."""

from __future__ import annotations

from contextlib import closing

import pytest

from conveyor import Conveyor
from conveyor.storage.marker_file import MARKER


@pytest.fixture
def conveyor(redis_url, tmp_path):
    with closing(Conveyor(broker_url=redis_url, storage_url=str(tmp_path / "files"))) as made:
        yield made


@pytest.fixture
def stored(tmp_path):
    """The files that lie in the storage, by their path below it; its marker is none of them."""

    def look():
        root = tmp_path / "files"
        files = (path for path in root.rglob("*") if path.is_file() and path.name != MARKER)
        return sorted(str(path.relative_to(root)) for path in files)

    return look
