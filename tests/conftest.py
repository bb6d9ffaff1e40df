from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch):
    """A test sees the settings that it makes, and no others."""
    for name in [name for name in os.environ if name.upper().startswith("CONVEYOR_")]:
        monkeypatch.delenv(name)
