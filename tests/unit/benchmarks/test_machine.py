from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager

from benchmarks import machine

# Burns CPU in a child that ends and is waited for, then in one that lives, and then in itself.
# Each says how much by its own clock.
PROGRAM = """
import subprocess, sys, time
BURN = "import time\\nwhile time.process_time() < 0.4: pass\\nprint('burnt', flush=True)"
subprocess.run([sys.executable, "-c", BURN], check=True)
child = subprocess.Popen([sys.executable, "-c", BURN + "\\ninput()"], stdin=subprocess.PIPE)
while time.process_time() < 0.4: pass
print("burnt", flush=True)
input()
child.communicate(b"\\n")
"""


@contextmanager
def _running():
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for _ in range(3):
            assert process.stdout.readline() == b"burnt\n"
        yield process
        process.communicate(b"\n")


def test_cpu_of_a_tree_counts_the_living_and_the_ended():
    with _running() as process:
        spent_s = machine.cpu_seconds([process.pid])

        assert len(machine.family([process.pid])) == 2
        # Three times 0.4 s, and what it takes to start three interpreters and to end one.
        assert 1.1 < spent_s < 3


def test_a_process_that_has_ended_costs_nothing_more():
    with _running() as process:
        pid = process.pid

    assert machine.family([pid]) == set()
    assert machine.cpu_seconds([pid]) == 0
    assert machine.memory([pid]) == machine.Memory(0, 0)


def test_memory_of_this_process_is_at_least_an_interpreter():
    held = machine.memory([os.getpid()])

    assert held.rss >= held.pss > 1_000_000


def test_machine_has_all_cores_and_uses_a_part_of_them():
    busy, total = machine.machine_seconds()

    assert 0 < busy <= total
    later_busy, later_total = machine.machine_seconds()
    assert later_busy >= busy
    assert later_total >= total
