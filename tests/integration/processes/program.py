"""A program that uses a `Conveyor` in one process and then in its children.

Run with the name of a case; the settings come from the environment. It prints "ok" for each child
that has done its part.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager

import fsspec
from fsspec.implementations.local import LocalFileSystem

from conveyor import ConversionCancelled, Conveyor

SOURCE = "https://example.com/a.docx"
PATIENCE_S = 60


async def body():
    yield b"words"


async def anew(conveyor):
    """All that a web request does, in an event loop."""
    staged = await conveyor.astage("a.txt", body())
    handle = await conveyor.aconvert(staged.uri, "pdf", "txt")
    follower = asyncio.create_task(handle.await_(PATIENCE_S))
    await asyncio.sleep(0)
    await handle.acancel()
    try:
        await follower
    except ConversionCancelled:
        return
    raise AssertionError("it was not cancelled")


def work(conveyor, handle=None):
    """All that a process may do with what its parent has made."""
    asyncio.run(anew(conveyor))
    own = conveyor.convert(conveyor.stage("b.txt", [b"words"]).uri, "pdf", "txt")
    assert own.get().state == "queued"
    if handle is not None:
        assert handle.get().id == handle.id
        assert handle.progress().polls == 0
    conveyor.signature(SOURCE, to="pdf").delay()
    assert conveyor.dead_letters.page(limit=1) is not None
    conveyor.close()


def worked(conveyor, handle=None):
    work(conveyor, handle)
    return "ok"


def fork(what):
    """A child by `os.fork`; its id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        what()
        print("ok", flush=True)  # noqa: T201 - what the test reads
        status = 0
    finally:
        os._exit(status)


def wait(children):
    """Wait until all have ended. One that hangs is ended, and says where it hangs."""
    deadline = time.monotonic() + PATIENCE_S
    left = set(children)
    while left:
        left -= {child for child in left if os.waitpid(child, os.WNOHANG) != (0, 0)}
        if left and time.monotonic() > deadline:
            for child in left:
                os.kill(child, signal.SIGABRT)  # so that faulthandler prints its stacks
                os.waitpid(child, 0)
            raise AssertionError("a child hangs")
        time.sleep(0.01)


def used():
    """A `Conveyor` that its process has used in every way."""
    conveyor = Conveyor.from_env()
    work(conveyor)
    return conveyor, conveyor.convert(SOURCE, "pdf")


def os_fork():
    conveyor, handle = used()
    wait([fork(lambda: work(conveyor, handle)) for _ in range(2)])
    work(conveyor, handle)


def fork_of_a_fork():
    conveyor, handle = used()

    def child():
        work(conveyor, handle)
        wait([fork(lambda: work(conveyor, handle))])

    wait([fork(child)])


def fork_in_an_event_loop():
    conveyor, handle = used()

    async def main():
        follower = asyncio.create_task(handle.await_(PATIENCE_S))
        await anew(conveyor)
        wait([fork(lambda: threading.Thread(target=work, args=(conveyor, handle)).run())])
        await anew(conveyor)
        await handle.acancel()
        await asyncio.gather(follower, return_exceptions=True)
        await conveyor.aclose()

    asyncio.run(main())


def processes(method):
    conveyor, handle = used()
    context = multiprocessing.get_context(method)
    child = context.Process(target=work, args=(conveyor, handle))
    child.start()
    child.join(PATIENCE_S)
    assert child.exitcode == 0, child.exitcode
    with context.Pool(1) as pool:
        print(pool.apply(worked, (conveyor, handle)))  # noqa: T201 - what the test reads


@contextmanager
def busy(what, threads):
    """Threads that do it again and again."""
    over, failed = threading.Event(), []

    def run():
        while not over.is_set():
            try:
                what()
            except BaseException as error:
                failed.append(error)
                raise

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in running:
            thread.join()
    assert not failed


def fork_under_load():
    conveyor, handle = used()

    def load():
        conveyor.stage("c.txt", [b"words"])
        conveyor.convert(SOURCE, "pdf").get()

    def child():
        # More threads than a pool has connections: none may be lost to the parent's threads.
        with busy(load, 12):
            work(conveyor, handle)

    with busy(load, 6):
        for _ in range(6):
            wait([fork(child) for _ in range(2)])


def fork_while_others_stage():
    conveyor, handle = used()
    with busy(lambda: conveyor.stage("c.txt", [b"words"]), 3):
        wait([fork(lambda: work(conveyor, handle)) for _ in range(2)])


class Slow(LocalFileSystem):
    """A storage that takes its time to begin."""

    protocol = "slow"
    begun = threading.Event()
    may_go_on = threading.Event()

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.begun.set()
        assert self.may_go_on.wait(PATIENCE_S)


def fork_while_a_thread_begins():
    fsspec.register_implementation("slow", Slow)
    conveyor = Conveyor.from_env()
    starting = threading.Thread(target=lambda: conveyor.storage)
    starting.start()
    assert Slow.begun.wait(PATIENCE_S)

    def child():
        Slow.may_go_on.set()
        assert conveyor.storage.location
        conveyor.convert(SOURCE, "pdf")

    wait([fork(child)])
    Slow.may_go_on.set()
    starting.join()


def end_in_the_middle():
    """The interpreter ends while threads and an event loop are in the middle of calls."""
    conveyor, handle = used()
    calls = [
        lambda: conveyor.convert(SOURCE, "pdf"),
        lambda: conveyor.stage("c.txt", [b"words"]),
        handle.get,
        lambda: handle.wait(PATIENCE_S),
        lambda: list(handle.events()),
        lambda: asyncio.run(handle.await_()),
    ]
    begun = threading.Barrier(len(calls) + 1)

    def run(call):
        begun.wait()
        while True:
            call()

    for call in calls:
        threading.Thread(target=run, args=(call,), daemon=True).start()
    begun.wait()
    time.sleep(0.3)  # not for the outcome: so that most are in the middle
    print("ok")  # noqa: T201 - what the test reads


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    globals()[name](*arguments)
