from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

import pytest
from celery import Celery

from config.celery import celery_options
from config.settings import WorkerSettings
from conveyor.settings import load
from tests.unit.workers.parts import logged, rig, rig_of

__all__ = ["logged", "rig", "rig_of"]

MODULES = (
    *("workers.app", "tasks.checkup", "tasks.deliver", "tasks.notify", "tasks.poll"),
    "tasks.submit",
)


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    """The tasks' modules, of an application that no environment has made.

    Other tests import them with one that reads it. So these are taken out again.
    """
    before = {name: sys.modules.pop(name, None) for name in MODULES}
    with Celery("conveyor", set_as_current=False, broker="memory://") as app:
        settings = load(
            WorkerSettings, api_secret="hush", storage_url=str(tmp_path_factory.mktemp("files"))
        )
        nowhere = {"broker_url": "memory://", "result_backend": "disabled://"}
        app.conf.update({**celery_options(settings), **nowhere})
        app.task_cls = "workers.base:ConversionTask"
        standing = ModuleType("workers.app")
        standing.app = app
        sys.modules["workers.app"] = standing
        made = {name: import_module(name) for name in MODULES[1:]}
        app.finalize()
        for name, module in before.items():
            _put_back(name, module)
        yield made


def _put_back(name, module):
    """Have it be imported as before, or not at all."""
    package, _, attribute = name.rpartition(".")
    sys.modules.pop(name)
    vars(sys.modules[package]).pop(attribute, None)
    if module is not None:
        sys.modules[name] = module
        setattr(sys.modules[package], attribute, module)


@pytest.fixture
def task_of(modules, rig, monkeypatch):
    """A task by its name, of a worker of parts, and a call of it under an id, with a canvas."""

    def make(name):
        monkeypatch.setattr("workers.base.wired", lambda: rig.services)
        task = getattr(modules[f"tasks.{name}"], name)

        def run(*args, **fields):
            canvas = fields.pop("canvas", {})
            task.push_request(id="t1", hostname="worker@node", **canvas)
            try:
                return task(*args, **fields)
            finally:
                task.pop_request()

        return task, run

    return make
