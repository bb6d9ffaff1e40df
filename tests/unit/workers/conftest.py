from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.unit.workers.parts import Rig


@pytest.fixture(autouse=True)
def logged():
    """What is logged. A traceback that is printed for people costs as much as ten tests."""
    with capture_logs() as logs:
        yield logs


@pytest.fixture
def rig_of(tmp_path):
    """Workers of parts, by their settings."""
    return lambda **values: Rig(str(tmp_path), **values)


@pytest.fixture
def rig(rig_of):
    return rig_of()


@pytest.fixture
def steady(monkeypatch):
    """Waits without their jitter."""
    monkeypatch.setattr("random.random", lambda: 0.5)
    monkeypatch.setattr("conveyor.domain.delays._JITTER", 0.0)
    monkeypatch.setattr("conveyor.domain.delays._SPREAD", 0.0)
