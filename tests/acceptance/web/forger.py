"""Calls webhooks with forged signatures at a steady rate; prints what was answered, as JSON.

A process of its own, so that it takes no time from whoever measures: `forger.py PORT RATE SECONDS`.
The conversion that is aimed at comes on standard input.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from collections import Counter

CONNECTIONS = 20
# A service that has stopped answering must not keep this alive.
PATIENCE_S = 180.0


def request(conversion_id: str, number: int) -> bytes:
    """A forged call, in the words of either dialect by turns."""
    path = f"/webhooks/{conversion_id}/{secrets.token_urlsafe(32)}"
    if number % 2:
        return (
            f"GET {path}?JobId={secrets.token_hex(16)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        )
    body = json.dumps({"JobId": secrets.token_hex(16)})
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, content: bytes) -> int:
    """Send a request on a connection that stays open; returns the status."""
    writer.write(content)
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length or 0))  # 204 has none
    return int(head.split(b" ", 2)[1])


async def forge(port: int, conversion_id: str, due: list[float], begun: float) -> Counter[int]:
    """Make the calls of one connection, each at its time, or at once where that is over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    statuses: Counter[int] = Counter()
    for number, at in enumerate(due):
        await asyncio.sleep(max(begun + at - time.monotonic(), 0))
        statuses[await call(reader, writer, request(conversion_id, number))] += 1
    writer.close()
    await writer.wait_closed()
    return statuses


async def main(port: int, rate: int, seconds: int) -> None:
    """Make all of them."""
    conversion_id = sys.stdin.readline().strip()
    due = [number / rate for number in range(rate * seconds)]
    begun = time.monotonic()
    shares = [due[first::CONNECTIONS] for first in range(CONNECTIONS)]
    async with asyncio.timeout(PATIENCE_S):
        counts = await asyncio.gather(
            *(forge(port, conversion_id, share, begun) for share in shares)
        )
    took_s = time.monotonic() - begun
    statuses = sum(counts, Counter())
    sys.stdout.write(json.dumps({"statuses": statuses, "seconds": took_s}))


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
