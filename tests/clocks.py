"""Other functions of the module `time`, for the thread of a test alone.

Every thread of the process reads the same module: servers that wait for the next test, event loops
among them. One that began a sleep at another time of day would not wake before the suite has ended.
"""

from __future__ import annotations

import threading
import time


def put(monkeypatch, name, function):
    """Let `time.<name>` be another function in this thread.

    Args:
        monkeypatch: Takes it back.
        name: Of a function of `time`, such as ``monotonic``.
        function: Called in its place, with its arguments.
    """
    here = threading.get_ident()
    real = getattr(time, name)

    def chosen(*arguments):
        return (function if threading.get_ident() == here else real)(*arguments)

    monkeypatch.setattr(time, name, chosen)
