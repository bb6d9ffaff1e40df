from __future__ import annotations

import pytest

from tests.unit.workers.parts import logged, rig, rig_of, threads_of

__all__ = ["logged", "rig", "rig_of", "threads_of"]


@pytest.fixture
def steady(monkeypatch):
    """Waits without their jitter."""
    monkeypatch.setattr("random.random", lambda: 0.5)
    monkeypatch.setattr("conveyor.domain.delays._JITTER", 0.0)
    monkeypatch.setattr("conveyor.domain.delays._SPREAD", 0.0)
