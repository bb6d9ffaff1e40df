from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes, and how many are made in a second, are the machine's matter; a hang is
# pytest-timeout's.
settings.register_profile("any_speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any_speed")


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch):
    """A test sees the settings that it makes, and no others."""
    for name in [name for name in os.environ if name.upper().startswith("CONVEYOR_")]:
        monkeypatch.delenv(name)
