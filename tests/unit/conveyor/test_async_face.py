"""Every call that waits or does I/O has an async version with the same arguments."""

from __future__ import annotations

import asyncio
import inspect
import threading
from contextlib import aclosing

import pytest

from conveyor import Callbacks, Conveyor, DeadLetters, Handle
from conveyor.async_twins import async_pieces
from conveyor.storage import Storage

FACES = (Conveyor, Handle, DeadLetters, Callbacks, Storage)

# PEP 8: a name that would be a keyword ends with an underscore.
NAMES = {"wait": "await_"}

_WORKERS = "workers and the staging use it, in threads of their own"
# Calls without an async version, each with its reason.
WITHOUT = {
    (Conveyor, "from_env"): "it reads the environment, and connects to nothing",
    (Storage, "save"): _WORKERS,
    (Storage, "result"): _WORKERS,
    (Storage, "holds"): _WORKERS,
    (Storage, "check"): _WORKERS,
    (Storage, "remove_partials"): _WORKERS,
    (Storage, "remove_results"): _WORKERS,
    (Storage, "remove_files"): _WORKERS,
    (Storage, "remove_staged"): _WORKERS,
    (Storage, "remove_folder"): _WORKERS,
    (Storage, "stage"): _WORKERS,
    (Storage, "open_source"): _WORKERS,
    (Storage, "probe"): _WORKERS,
    (Storage, "contains"): "it compares addresses, and asks nobody",
    (Storage, "tokens_of"): "it compares addresses, and asks nobody",
}
# Properties can't be awaited.
PROPERTIES = {
    (Handle, "state"): "use `(await handle.aget()).state`",
    **dict.fromkeys(
        (
            *((Conveyor, name) for name in ("storage", "ledger", "redis_address", "watch")),
            *((Conveyor, name) for name in ("celery_app", "publisher", "marker", "dead_letters")),
            *((Conveyor, name) for name in ("callbacks", "time")),
        ),
        "it opens nothing before it is used",
    ),
}
# The async version takes what an event loop has.
OTHER_ARGUMENTS = {"astage": {"content": "chunks"}}


def _public(face):
    return {
        name: member
        for name, member in inspect.getmembers(face)
        if not name.startswith("_") and not isinstance(member, str)
    }


def _is_call(member):
    return inspect.isfunction(member) or inspect.ismethod(member)


def _is_async(member):
    return (
        inspect.iscoroutinefunction(member)
        or inspect.isasyncgenfunction(member)
        or "AsyncIterator" in str(getattr(member, "__annotations__", {}).get("return", ""))
    )


def _calls(face):
    return {name: member for name, member in _public(face).items() if _is_call(member)}


def _blocking(face):
    return [
        name
        for name, member in _calls(face).items()
        if not _is_async(member) and (face, name) not in WITHOUT
    ]


CASES = [(face, name) for face in FACES for name in _blocking(face)]


@pytest.mark.parametrize(("face", "name"), CASES, ids=lambda it: getattr(it, "__name__", it))
def test_call_has_an_async_version_with_the_same_arguments(face, name):
    twin_name = NAMES.get(name, f"a{name}")
    twin = getattr(face, twin_name, None)

    assert twin is not None, f"{face.__name__}.{name} has no async version: add `{twin_name}`"
    assert _is_async(twin)
    assert _arguments(twin) == [
        (OTHER_ARGUMENTS.get(twin_name, {}).get(argument, argument), *rest)
        for argument, *rest in _arguments(getattr(face, name))
    ]


@pytest.mark.parametrize("face", FACES)
def test_async_call_has_a_blocking_version(face):
    twins = {NAMES.get(name, f"a{name}") for name in _blocking(face)}

    assert {name for name, member in _calls(face).items() if _is_async(member)} == twins


@pytest.mark.parametrize("face", FACES)
def test_properties_are_known_to_block_nobody(face):
    found = {
        name
        for name, member in _public(face).items()
        if not _is_call(member) and hasattr(member, "__get__")
    }

    assert found == {name for known, name in PROPERTIES if known is face}


def test_exceptions_are_still_there():
    for face, name in (*WITHOUT, *PROPERTIES):
        assert hasattr(face, name), f"{face.__name__}.{name} is gone: take it out of the list"


def _arguments(call):
    parameters = inspect.signature(call).parameters.values()
    return [(each.name, each.kind, each.default) for each in parameters]


# -- pieces -------------------------------------------------------------------------------------


class Source:
    """Yields pieces, and notes in which threads, and that it was closed."""

    def __init__(self, pieces=(), error=None):
        self.pieces, self.error = pieces, error
        self.threads, self.closed = set(), False
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def read(self):
        """Read it."""
        try:
            for piece in self.pieces:
                self.threads.add(threading.current_thread())
                self.begun.set()
                self.go_on.wait(30)
                yield piece
            if self.error:
                raise self.error
        finally:
            self.closed = True

    aread = async_pieces(read)


async def _all(source):
    return [piece async for piece in source.aread()]


def test_pieces_come_in_order_and_from_other_threads():
    source = Source([b"a", b"", b"c"])

    assert asyncio.run(_all(source)) == [b"a", b"", b"c"]
    assert threading.current_thread() not in source.threads
    assert source.closed


def test_error_of_a_piece_is_raised_to_the_reader():
    with pytest.raises(ZeroDivisionError):
        asyncio.run(_all(Source([b"a"], ZeroDivisionError())))


def test_reader_that_stops_early_closes_the_source():
    source = Source([b"a", b"b"])

    async def first():
        async with aclosing(source.aread()) as pieces:
            return await anext(pieces)

    assert asyncio.run(first()) == b"a"
    assert source.closed


def test_cancelled_reader_waits_for_the_piece_under_way_and_closes_the_source():
    source = Source([b"a", b"b"])
    source.go_on.clear()

    async def cancel():
        reading = asyncio.ensure_future(_all(source))
        await asyncio.to_thread(source.begun.wait, 30)
        reading.cancel()
        asyncio.get_running_loop().call_soon(source.go_on.set)
        await asyncio.wait([reading])
        return reading.cancelled()

    assert asyncio.run(cancel())
    assert source.closed


def test_stored_file_is_read_without_blocking(tmp_path):
    storage = Storage(str(tmp_path))
    stored = storage.save("c1", "a.txt", [b"hello ", b"world"])

    async def read():
        return b"".join([chunk async for chunk in storage.aread(stored.uri, 6)])

    assert asyncio.run(read()) == b"world"


# -- convert and signature ----------------------------------------------------------------------


def test_convert_and_signature_take_the_same_arguments():
    convert, signature = (
        set(inspect.signature(call).parameters) for call in (Conveyor.convert, Conveyor.signature)
    )

    # A signature's key is its task id, as its docstring says.
    assert convert - signature == {"idempotency_key"}
    assert signature - convert == set()
    assert "no idempotency key, because its task id is one" in " ".join(
        Conveyor.signature.__doc__.split()
    )
