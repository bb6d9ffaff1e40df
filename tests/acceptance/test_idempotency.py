"""The same key is the same conversion, from any number of producers at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conveyor import InvalidRequest, State
from workers.local.environment import ROOT

PRODUCERS = 8

PRODUCER = """
import sys
from conveyor import Conveyor
document, key = sys.argv[1:]
conveyor = Conveyor.from_env()
conveyor.ledger.check()
print("ready", flush=True)
sys.stdin.readline()
print(conveyor.convert(document, to="html", idempotency_key=key).id, flush=True)
"""


def test_one_key_from_many_processes_at_once_is_paid_once(
    *, stack, sandbox, conveyor, document, until, audit_at_rest
):
    producers = [
        subprocess.Popen(
            [sys.executable, "-c", PRODUCER, str(document), "invoice-7"],
            env={**stack.environment(), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PRODUCERS)
    ]
    try:
        for producer in producers:
            assert producer.stdout.readline() == "ready\n"
        for producer in producers:
            producer.stdin.write("\n")
            producer.stdin.flush()
        ids = {producer.communicate(timeout=90)[0].strip() for producer in producers}
    finally:
        for producer in producers:
            producer.kill()
            producer.wait()
    assert {producer.returncode for producer in producers} == {0}

    (conversion_id,) = ids
    done = conveyor.handle(conversion_id).wait(timeout=90)
    assert done.state is State.SUCCEEDED
    after = sandbox.audit()
    assert after["paid"] - audit_at_rest["paid"] == 1
    assert after["uploads"] - audit_at_rest["uploads"] == 1
    # Seven copies of the source came too late.
    until(lambda: not list((stack.directory / "files" / "staged").rglob("*.md")))

    # It has ended, and the key still is its.
    again = conveyor.convert(document, to="html", idempotency_key="invoice-7")
    assert (again.id, again.state) == (conversion_id, State.SUCCEEDED)
    assert sandbox.audit()["paid"] == after["paid"]


def test_a_different_request_under_a_used_key_is_refused(sandbox, conveyor, document):
    handle = conveyor.convert(document, to="html", idempotency_key="invoice-8")
    others = {"to": "pdf"}, {"to": "html", "params": {"Timeout": 60}}
    for other in others:
        with pytest.raises(InvalidRequest, match="'invoice-8' was used for a different request"):
            conveyor.convert(document, idempotency_key="invoice-8", **other)
    document.write_text("# Another report\n")
    with pytest.raises(InvalidRequest, match="different request"):
        conveyor.convert(document, to="html", idempotency_key="invoice-8")
    assert handle.wait(timeout=90).state is State.SUCCEEDED


def test_without_a_key_each_is_a_conversion_of_its_own(sandbox, conveyor, document, audit_at_rest):
    handles = [conveyor.convert(document, to="html") for _ in range(2)]
    for handle in handles:
        handle.wait(timeout=90)
    assert sandbox.audit()["paid"] == audit_at_rest["paid"] + 2
