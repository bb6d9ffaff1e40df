"""Event loops one after the other and side by side, and the end of a `Conveyor` in each."""

from __future__ import annotations

import asyncio
import threading

import pytest
from celery import Celery

from conveyor import ConversionCancelled, Conveyor

SOURCE = "https://example.com/a.docx"


@pytest.fixture
def conveyor(redis_url, tmp_path):
    with Conveyor(broker_url=redis_url, storage_url=str(tmp_path / "files")) as made:
        yield made


async def chunks(*pieces):
    for piece in pieces:
        yield piece


async def use(conveyor):
    staged = await conveyor.astage("a.txt", chunks(b"words"))
    handle = await conveyor.aconvert(staged.uri, "pdf", "txt")
    follower = asyncio.create_task(handle.await_(60))
    await asyncio.sleep(0)
    await handle.acancel()
    with pytest.raises(ConversionCancelled):
        await follower
    return [event.state async for event in handle.aevents()]


@pytest.mark.parametrize("is_closed", [True, False])
def test_loops_one_after_the_other_share_one_conveyor(conveyor, is_closed):
    async def main():
        states = await use(conveyor)
        if is_closed:
            await conveyor.aclose()
        return states

    for _ in range(3):
        assert asyncio.run(main()) == ["queued", "cancelled"]


def test_async_with_closes_in_each_loop(conveyor):
    async def main():
        async with conveyor as same:
            assert same is conveyor
            return await use(conveyor)

    for _ in range(2):
        assert asyncio.run(main()) == ["queued", "cancelled"]


def test_one_loop_closes_while_another_is_in_the_middle_of_its_calls(conveyor):
    over = threading.Event()
    states = []

    async def beside():
        while not over.is_set():
            states.append(await use(conveyor))

    async def closing():
        await use(conveyor)
        await conveyor.aclose()

    thread = threading.Thread(target=lambda: asyncio.run(beside()))
    thread.start()
    try:
        for _ in range(10):
            asyncio.run(closing())
    finally:
        over.set()
        thread.join()

    assert states
    assert all(each == ["queued", "cancelled"] for each in states)


def test_closing_twice_is_harmless(conveyor):
    conveyor.convert(SOURCE, "pdf")
    conveyor.close()
    conveyor.close()

    assert conveyor.convert(SOURCE, "pdf").state == "queued"
    asyncio.run(use(conveyor))


def test_closing_what_was_never_used_connects_to_nothing(tmp_path):
    conveyor = Conveyor(broker_url="redis://127.0.0.1:1", storage_url=str(tmp_path))

    conveyor.close()
    asyncio.run(conveyor.aclose())


def test_closing_closes_the_connections_to_redis(conveyor, client):
    before = len(client.client_list())
    asyncio.run(use(conveyor))
    conveyor.convert(SOURCE, "pdf")
    assert len(client.client_list()) > before

    conveyor.close()

    assert len(client.client_list()) == before


def test_closing_leaves_the_applications_app_as_it_is(redis_url, tmp_path):
    app = Celery("shop", broker=redis_url, backend=redis_url, set_as_current=False)
    with Conveyor(redis_url=redis_url, storage_url=str(tmp_path), celery_app=app) as conveyor:
        conveyor.signature(SOURCE, to="pdf").delay()
        pool = app.pool

    assert app.pool is pool


def test_a_cancelled_wait_leaves_the_loop_to_others(conveyor):
    async def main():
        handle = await conveyor.aconvert(SOURCE, "pdf")
        waits = [asyncio.create_task(handle.await_(60)) for _ in range(3)]
        await asyncio.sleep(0)
        waits[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits[0]
        await handle.acancel()
        return await asyncio.gather(*waits[1:], return_exceptions=True)

    assert [type(end) for end in asyncio.run(main())] == [ConversionCancelled] * 2


def test_a_cancelled_upload_leaves_nothing_and_the_next_one_works(conveyor, tmp_path):
    async def endless(begun):
        while True:
            yield b"x" * 2**20
            begun.set()
            await asyncio.sleep(0)

    async def main():
        begun = asyncio.Event()
        upload = asyncio.create_task(conveyor.astage("a.txt", endless(begun)))
        await begun.wait()
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
        assert [path for path in (tmp_path / "files" / "staged").rglob("*") if path.is_file()] == []
        return await use(conveyor)

    assert asyncio.run(main()) == ["queued", "cancelled"]


def test_an_upload_cancelled_as_it_begins_leaves_nothing(conveyor, tmp_path):
    async def main():
        upload = asyncio.create_task(conveyor.astage("a.txt", chunks(b"words")))
        await asyncio.sleep(0)
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload

    asyncio.run(main())

    assert [path for path in (tmp_path / "files" / "staged").rglob("*") if path.is_file()] == []
