"""Processes whose wall clock is off, and nothing else of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from chaos.clocks import shifted
from local_stack.process import StartError

# What it sees, and for how long it sleeps and waits by its monotonic clock, is printed.
LOOK = """
import json, threading, time
began = time.monotonic()
time.sleep(0.1)
threading.Event().wait(0.1)
print(json.dumps([time.time(), began, time.monotonic() - began]))
"""


@pytest.fixture
def seen_at():
    def look(seconds):
        try:
            env = {**os.environ, **shifted(seconds)}
        except StartError as error:
            pytest.skip(str(error))
        ran = subprocess.run([sys.executable, "-c", LOOK], env=env, check=True, capture_output=True)
        return json.loads(ran.stdout)

    return look


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_wall_clock_is_off_and_time_outs_are_not(seen_at, seconds):
    began, began_s = time.time(), time.monotonic()
    wall, monotonic, took_s = seen_at(seconds)
    ended, ended_s = time.time(), time.monotonic()

    assert began <= wall - seconds <= ended
    assert began_s <= monotonic <= ended_s
    assert 0.19 <= took_s <= ended_s - began_s


def test_clock_that_is_right_needs_nothing():
    assert shifted(0) == {}
