from __future__ import annotations

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes, and how many are made in a second, are the machine's matter; a hang is
# pytest-timeout's. Each run draws the same, so that a failure can be repeated.
_ANY_SPEED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("same_draws", derandomize=True, database=None, **_ANY_SPEED)
settings.register_profile("other_draws", **_ANY_SPEED)
settings.load_profile("same_draws")

# Begun first: xdist hands out whole files in this order, and a long one that begins last would keep
# the other processes waiting. Those that wait stand between those that compute.
_LONGEST = (
    "tests/acceptance/crash/",
    "tests/acceptance/test_chaos.py",
    "tests/integration/live/test_replay.py",
    "tests/acceptance/neighbour/",
    "tests/acceptance/page/test_page.py",
    "tests/acceptance/test_worker_ends.py",
    "tests/acceptance/test_cli.py",
    "tests/acceptance/how_to/",
    "tests/acceptance/site/",
    "tests/acceptance/test_accounts.py",
    "tests/acceptance/web/test_large_files.py",
    "tests/acceptance/test_doctor.py",
    "tests/integration/ledger/test_interleavings.py",
    "tests/acceptance/test_ambiguity.py",
    "tests/acceptance/test_bells.py",
    "tests/integration/web/test_openapi.py",
    "tests/acceptance/web/test_lost_webhooks.py",
    "tests/integration/protocol/test_fuzz.py",
    "tests/acceptance/test_sentinels.py",
    "tests/acceptance/page/test_pictures.py",
    "tests/acceptance/processes/",
    "tests/integration/processes/",
)


def pytest_addoption(parser):
    parser.addoption(
        "--large",
        action="store_true",
        help="run the tests marked `large` at their full size; `make chaos` does",
    )


@pytest.fixture(scope="session")
def large(request):
    """Whether this run is asked for the full size of what is marked `large`."""
    return request.config.getoption("large")


def pytest_collection_modifyitems(items):
    items.sort(key=_place)


def pytest_collection_finish():
    # Half a million objects stay to the end: each full look of the collector's would take 0.4 s.
    gc.collect()
    gc.freeze()


def _place(item):
    """Where a test stands; those of a file stay together, as they were."""
    known = (n for n, start in enumerate(_LONGEST) if item.nodeid.startswith(start))
    return next(known, len(_LONGEST))


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch):
    """A test sees the settings that it makes, and no others."""
    for name in [name for name in os.environ if name.upper().startswith("CONVEYOR_")]:
        monkeypatch.delenv(name)
