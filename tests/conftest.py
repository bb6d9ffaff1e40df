from __future__ import annotations

import gc
import json
import os
import re
import sys
import threading
from contextlib import closing
from dataclasses import dataclass
from functools import wraps

import pytest
import structlog
from hypothesis import HealthCheck, settings
from structlog._config import BoundLoggerLazyProxy

# How long an example takes, and how many are made in a second, are the machine's matter; a hang is
# pytest-timeout's. Each run draws the same, so that a failure can be repeated.
_ANY_SPEED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("same_draws", derandomize=True, database=None, **_ANY_SPEED)
settings.register_profile("other_draws", **_ANY_SPEED)
settings.load_profile("same_draws")

# The packages that log.
_OURS = ("config.", "conveyor.", "tasks.", "web.", "workers.")

# Begun first: xdist hands out whole files in this order, and a long one that begins last would keep
# the other processes waiting. Those that wait stand between those that compute.
_LONGEST = (
    "tests/acceptance/crash/",
    "tests/acceptance/test_chaos.py",
    "tests/integration/live/test_replay.py",
    "tests/acceptance/neighbour/",
    "tests/acceptance/test_errors.py",
    "tests/acceptance/page/test_page.py",
    "tests/acceptance/page/test_looks.py",
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
    "tests/integration/live/",
    "tests/acceptance/test_wheel.py",
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


def pytest_collection():
    # Hardly anything that is made here goes again: the collector would look in vain.
    gc.disable()


def pytest_collection_modifyitems(items):
    places = _places({item.nodeid.partition("::")[0]: None for item in items})
    items.sort(key=lambda item: places[item.nodeid.partition("::")[0]])


def pytest_collection_finish():
    # Half a million objects stay to the end: each full look of the collector's would take 0.4 s.
    gc.collect()
    gc.freeze()
    gc.enable()


def _places(files):
    """Where each file stands: the longest first, the units last, and between them the others mixed.

    Acceptance tests wait for processes while integration tests compute, so neither is among its own
    kind alone.
    """
    places, tiers = {}, {}
    for file in files:
        known = (n for n, start in enumerate(_LONGEST) if file.startswith(start))
        place = next(known, None)
        if place is None:
            tiers.setdefault(file.split("/")[1], []).append(file)
        else:
            places[file] = (0, place, file)
    for tier, members in tiers.items():
        when = 2 if tier == "unit" else 1
        places |= {file: (when, n / len(members), file) for n, file in enumerate(members)}
    return places


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch):
    """A test sees the settings that it makes, and no others."""
    for name in [name for name in os.environ if name.upper().startswith("CONVEYOR_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _loggers_are_configured_anew():
    """A logger that an earlier test has used would keep what structlog was configured with then."""
    if not structlog.get_config()["cache_logger_on_first_use"]:
        return
    for name in [name for name in sys.modules if name.startswith(_OURS)]:
        log = getattr(sys.modules[name], "log", None)
        if isinstance(log, BoundLoggerLazyProxy):
            log.__dict__.pop("bind", None)


# -- what children log -------------------------------------------------------------------------

_BEGINS = "Traceback (most recent call last):"
_FOLLOWS = re.compile(
    r"\n\n(During handling of the above|The above exception was the direct)[^\n]*\n\n"
)
# The lines of a traceback are indented, and the exception follows them.
_TRACEBACK = re.compile(
    rf"{re.escape(_BEGINS)}\n(?:[ \t][^\n]*\n|\n)*(?P<error>[^\s][^\n]*)(?=\n)", re.MULTILINE
)


@dataclass(frozen=True)
class _Traceback:
    """A traceback in a log.

    Attributes:
        log: The log's name.
        error: The exceptions, the one that was raised first at the beginning.
        text: All of it.
    """

    log: str
    error: str
    text: str


class _Logs:
    """Looks for tracebacks in what the children of a test have printed."""

    def __init__(self):
        self._read_to = {}
        self._lock = threading.Lock()
        self.found = []

    def watch(self, log):
        """Look at what is printed from now on."""
        with self._lock:
            self._read_to.setdefault(log, log.stat().st_size if log.exists() else 0)

    def read(self, *logs):
        """Look at what has been printed since the last time; in some logs, or in all."""
        with self._lock:
            for log in logs or tuple(self._read_to):
                if log in self._read_to and log.exists():
                    self._read(log)

    def _read(self, log):
        data = log.read_bytes()
        new = data[self._read_to[log] :].decode(errors="replace")
        self.found += [_Traceback(log.stem, *each) for each in _tracebacks(new)]
        self._read_to[log] = len(data)


def _tracebacks(printed):
    """The tracebacks in a log's lines: the exceptions of each, and its text."""
    plain = "\n".join(_exception_of(line) for line in printed.split("\n"))
    # What one exception caused is one traceback.
    found, end = [], -1
    for each in _TRACEBACK.finditer(f"{plain}\n"):
        if found and _FOLLOWS.fullmatch(plain[end : each.start()]):
            error, text = found.pop()
            found.append((f"{error}\n{each['error']}", f"{text}\n{each.group()}"))
        else:
            found.append((each["error"], each.group()))
        end = each.end()
    return found


def _exception_of(line):
    """A line of a log; of one in JSON its traceback alone."""
    if not line.startswith("{"):
        return line
    try:
        return str(json.loads(line).get("exception", ""))
    except ValueError:
        return line


def pytest_configure(config):
    config.addinivalue_line(
        "markers",
        "tracebacks(*errors): a child may log tracebacks that end with one of these; patterns",
    )
    config.stash[_LOGS] = _Logs()


_LOGS = pytest.StashKey()


@pytest.fixture(scope="session")
def children_are_watched(request):
    """Whatever child a test starts, its log is looked at."""
    from local_stack.process import Child  # noqa: PLC0415  # because unit tests need no stack

    logs = request.config.stash[_LOGS]

    def watched(start):
        @wraps(start)
        def begin(child):
            logs.watch(child.log)
            start(child)

        return begin

    def read(kill):
        @wraps(kill)
        def end(child):
            kill(child)
            # Its folder may be gone when the test ends.
            logs.read(child.log)

        return end

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Child, "start", watched(Child.start))
        patch.setattr(Child, "kill", read(Child.kill))
        yield logs


@pytest.fixture(scope="session")
def programs_are_forked():
    """The stack's programs begin where their imports have ended."""
    from local_stack import process  # noqa: PLC0415  # because unit tests need no stack
    from tests.nursery import Nursery  # noqa: PLC0415  # because it needs one

    with closing(Nursery(process.launch)) as nursery, pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "launch", nursery.launch)
        yield nursery


@pytest.fixture(scope="session")
def run_program(programs_are_forked):
    """Runs one of our programs to its end; takes its command line, ``env=`` and ``cwd=``."""
    return programs_are_forked.run


@pytest.fixture(scope="module")
def programs_are_executed(programs_are_forked):
    """The stack's programs are started as a user starts them."""
    from local_stack import process  # noqa: PLC0415  # because unit tests need no stack

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "launch", programs_are_forked.cold)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    """Fail a test that has had a child log a traceback which it did not ask for."""
    try:
        return (yield)
    finally:
        logs = item.config.stash[_LOGS]
        logs.read()
        found, logs.found = logs.found, []
        expected = [error for mark in item.iter_markers("tracebacks") for error in mark.args]
        for each in found:
            if not any(re.search(error, each.error) for error in expected):
                pytest.fail(f"{each.log} has logged a traceback:\n{each.text}", pytrace=False)
