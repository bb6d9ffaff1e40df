from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from conveyor.storage import Storage

sys.path.insert(0, str(Path(__file__).parent))
from object_store import ObjectStore

SCHEMES = {"s3": ("s3", "s3a"), "gs": ("gs", "gcs"), "abfs": ("abfs", "az", "abfss")}


@pytest.fixture
def store_of(monkeypatch):
    """An object store that each of these schemes opens from now on."""

    def make(scheme="s3"):
        store = ObjectStore.fresh(*SCHEMES[scheme])
        for name in SCHEMES[scheme]:
            monkeypatch.setitem(import_module("fsspec.registry")._registry, name, store)
        if scheme == "gs":
            module = SimpleNamespace(GCSFileSystem=store)
            monkeypatch.setitem(sys.modules, "gcsfs.core", module)
        return store

    return make


@pytest.fixture
def store(store_of):
    return store_of()


@pytest.fixture
def bucket(store):
    """A storage in it."""
    return Storage("s3://files/in")
