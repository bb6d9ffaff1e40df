"""A web application that uses the library while it is loaded, and then in each request.

gunicorn's ``--preload`` loads it before it forks its workers.
"""

from __future__ import annotations

import asyncio
import json
import os

from conveyor import Conveyor

conveyor = Conveyor.from_env()
to_pdf = conveyor.signature(to="pdf")
loaded_in = os.getpid()


async def chunks_of(body):
    yield body


async def converted(body):
    """A document on its way there and back, as an asynchronous view does it."""
    staged = await conveyor.astage("a.md", chunks_of(body))
    handle = await conveyor.aconvert(staged.uri, "pdf")
    conversion = await handle.await_(60)
    size = len(b"".join(conveyor.storage.read(conversion.files[0].uri)))
    return answer(conversion, size)


def answer(conversion, size):
    told = {"name": conversion.files[0].name, "size": size, "is_child": os.getpid() != loaded_in}
    return json.dumps(told).encode()


def wsgi(environ, start_response):
    body = environ["wsgi.input"].read()
    if environ["PATH_INFO"] == "/in-a-loop":
        content = asyncio.run(converted(body))
    else:
        conversion = conveyor.convert(conveyor.stage("a.md", [body]).uri, "pdf").wait(60)
        size = len(b"".join(conveyor.storage.read(conversion.files[0].uri)))
        content = answer(conversion, size)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [content]


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    body, more = b"", True
    while more:
        event = await receive()
        body, more = body + event.get("body", b""), event.get("more_body", False)
    content = await converted(body)
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
    return None


async def lifespan(receive, send):
    while True:
        event = await receive()
        if event["type"] == "lifespan.shutdown":
            await conveyor.aclose()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return


# Used before the fork, in each way: threads, sockets and an event loop's connection.
asyncio.run(converted(b"# Loaded\n"))
conveyor.convert(conveyor.stage("a.md", [b"# Loaded\n"]).uri, "pdf").cancel()
