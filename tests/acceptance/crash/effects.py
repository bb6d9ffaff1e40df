"""The effects of a task, seen from below: what leaves the process, whatever code asked for it.

An effect is a Redis command that writes (the ledger's and the turnstile's scripts, a message that
is published or acknowledged, a result), an HTTP request, or a change in the storage. The libraries
are wrapped, not our own modules, so that a new effect in a task is found without a word here.

A place is one effect of one run: ``poll: EVALSHA claims.polls #1`` is the first such effect of a
task, and ``poll one: EVALSHA polling.poll_later #1`` of the crew's work on one conversion of
its claim.
What the worker does with its messages is a place, too: ``message: ack #2`` is its second
acknowledgement. Whatever else is asked by nobody's work (the sweep) is none.

Scripts of several threads go out in one pipeline, in which the place is the process's: ``together:
ready #1`` is the first that notes several results. Its moment ``amid`` is when Redis has run half
of it: a pipeline is no transaction.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

import kombu.transport.redis
import redis
import requests.adapters
from celery import signals
from fsspec.implementations.local import LocalFileOpener, LocalFileSystem

from conveyor.callbacks.posting import Poster
from conveyor.ledger.together import Together
from workers import claiming
from workers.notifying import Notifier

DIED = 137
"""The exit status of a process that SIGKILL has ended, as a shell shows it."""

_ROOT = Path(__file__).resolve().parents[3]
_OURS = tuple(f"{_ROOT / package}{os.sep}" for package in ("conveyor", "workers", "tasks"))
_CARRIERS = ("together.py", "publishing.py")
_READS = re.compile(
    "AUTH|CLIENT|COMMAND|ECHO|EXISTS|GET|HELLO|HEXISTS|HGET|HGETALL|HLEN|HMGET|INFO|LLEN|LRANGE"
    "|MGET|PING|PTTL|SCRIPT|SELECT|SMEMBERS|SUBSCRIBE|TIME|TTL|TYPE|UNSUBSCRIBE|UNWATCH|WATCH"
    "|ZCARD|ZCOUNT|ZRANGE|ZRANGEBYSCORE|ZREVRANGEBYSCORE|ZSCORE"
)
_AN_ID = re.compile(r"[A-Za-z0-9_-]{16,}")


class Watch:
    """Counts effects, writes them down, and ends the process at one of them.

    Args:
        place: Where to end the process; empty for nowhere.
        moment: ``before`` or ``after`` the effect.
        record: The file that takes every place, a line each; empty for none.
    """

    def __init__(self, place, moment, record):
        self._place = place
        self._moment = moment
        self._record = record
        self._local = threading.local()
        self._messages = Counter()
        self._together = Counter()

    def begin(self, run):
        """A run begins in this thread: a task, or the crew's work on one conversion."""
        self._local.task = run.removeprefix("conveyor.")
        self._local.seen = Counter()

    def end(self):
        """It has ended."""
        self._local.task = None

    @contextmanager
    def effect(self, name):
        """An effect within an effect is a part of it.

        One that raises counts, too: to make a folder that is there does.
        """
        place = None if getattr(self._local, "inside", False) else self._place_of(name)
        if place is None:
            yield
            return
        self._write_down(place)
        self._maybe_die(place, "before")
        self._local.inside = True
        try:
            yield
        finally:
            self._local.inside = False
            self._maybe_die(place, "after")

    def pipeline(self, whose, execute, execute_half):
        """Scripts of several threads go out together."""
        self._together[whose] += 1
        place = f"together: {whose} #{self._together[whose]}"
        self._write_down(place)
        self._maybe_die(place, "before")
        if (place, "amid") == (self._place, self._moment):
            execute_half()
            os._exit(DIED)
        answers = execute()
        self._maybe_die(place, "after")
        return answers

    def _place_of(self, name):
        task, seen = getattr(self._local, "task", None), getattr(self._local, "seen", None)
        if name.startswith("message"):
            # The event loop's thread alone takes and acknowledges.
            task, seen, name = "message", self._messages, name.partition(" ")[2]
        if task is None:
            return None
        seen[name] += 1
        return f"{task}: {name} #{seen[name]}"

    def _maybe_die(self, place, moment):
        if (place, moment) == (self._place, self._moment):
            os._exit(DIED)

    def _write_down(self, place):
        if self._record:
            with Path(self._record).open("a") as file:
                file.write(f"{place}\n")


def install(watch):
    """Wrap what the tasks act through."""

    def begin(sender=None, **_):
        watch.begin(sender.name)

    def end(**_):
        watch.end()

    signals.task_prerun.connect(begin, weak=False)
    signals.task_postrun.connect(end, weak=False)
    _wrap_the_crew(watch)
    _wrap_the_notifier(watch)
    _wrap_together(watch)
    _wrap(watch, Poster, "post", lambda *_: "POST callback")
    _wrap(watch, redis.Redis, "execute_command", _command)
    _wrap(watch, redis.client.Pipeline, "execute", _pipeline)
    _wrap(watch, requests.adapters.HTTPAdapter, "send", _request)
    _wrap(watch, kombu.transport.redis.QoS, "append", lambda *_: "message take")
    _wrap(watch, kombu.transport.redis.QoS, "ack", lambda *_: "message ack")
    _wrap_files(watch)
    for method in ("mv", "rm", "rm_file"):
        _wrap(watch, LocalFileSystem, method, lambda *_, name=method, **__: f"storage {name}")
    _wrap(watch, LocalFileSystem, "_open", _opened)
    _wrap(watch, LocalFileOpener, "write", lambda *_: "storage write")
    _wrap(watch, LocalFileOpener, "close", _closed)


def _wrap_files(watch):
    """What is done with files without a library. A built-in type can't be changed, but followed."""

    class File(io.FileIO):
        """One that is watched."""

    _wrap(watch, File, "__init__", lambda _, __, mode="r": None if mode == "r" else "storage new")
    _wrap(watch, File, "write", lambda *_: "storage write")
    _wrap(watch, File, "close", lambda file: None if file.closed else "storage close")
    io.FileIO = File
    for call in ("mkdir", "replace"):
        _wrap(watch, os, call, lambda *_, name=call, **__: f"storage {name}")


def _wrap_the_crew(watch):
    """The one place where the crew begins with a conversion."""
    real = claiming.look_after

    @wraps(real)
    def look_after(services, task, conversion_id, do):
        watch.begin(f"{task} one")
        try:
            real(services, task, conversion_id, do)
        finally:
            watch.end()

    claiming.look_after = look_after


def _wrap_the_notifier(watch):
    """The one place where a thread begins with a callback."""
    real = Notifier._work_off

    @wraps(real)
    def work_off(self, claimed):
        watch.begin("notify one")
        try:
            real(self, claimed)
        finally:
            watch.end()

    Notifier._work_off = work_off


def _wrap_together(watch):
    """Pipelines of scripts, by what most of the threads note that wait for them."""
    real = Together._send

    @wraps(real)
    def send(self, calls):
        if len(calls) == 1:
            real(self, calls)
            return
        ((whose, _),) = Counter(_transition_of(call) for call in calls).most_common(1)
        watch.pipeline(whose, lambda: real(self, calls), lambda: real(self, calls[::2]))

    Together._send = send


def _transition_of(call):
    """The state that a transition enters, as its arguments have it."""
    for part in (part for command in call.commands for part in command):
        if isinstance(part, str) and part.startswith('{"'):
            return json.loads(part).get("set", {}).get("state", "no state")
    return "no state"


def _wrap(watch, owner, method, name_of):
    real = getattr(owner, method)

    @wraps(real)
    def wrapper(*args, **kwargs):
        name = name_of(*args, **kwargs)
        if name is None:
            return real(*args, **kwargs)
        with watch.effect(name):
            return real(*args, **kwargs)

    setattr(owner, method, wrapper)


def _command(_client, command, *_args, **_options):
    verb = str(command).split()[0].upper()
    return None if _READS.fullmatch(verb) else f"{verb} {_asker()}"


def _pipeline(pipeline, *_args, **_options):
    verbs = [str(queued[0][0]).split()[0].upper() for queued in pipeline.command_stack]
    writes = [verb for verb in verbs if not _READS.fullmatch(verb)]
    return f"{'+'.join(writes)} {_asker()}" if writes else None


def _request(_adapter, request, *_args, **_options):
    return f"{request.method} {_AN_ID.sub('…', request.path_url.partition('?')[0])}"


def _opened(_file_system, _path, mode="rb", *_args, **_options):
    return "storage open" if "w" in mode else None


def _closed(opener):
    return "storage close" if "w" in opener.mode and not opener.closed else None


def _asker():
    """The innermost public function of ours on the stack; Celery's own where there is none.

    Not the one that runs whatever script it is given, nor the one that sends any message.
    """
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        is_ours = code.co_filename.startswith(_OURS) and not code.co_filename.endswith(_CARRIERS)
        if is_ours and not code.co_name.startswith(("_", "<")):
            return f"{Path(code.co_filename).stem}.{code.co_name}"
        frame = frame.f_back
    return "celery"
