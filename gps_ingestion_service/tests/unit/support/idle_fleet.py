"""Teltonika trackers that log in and then say nothing, in a process of their own: each
end of a connection takes a file descriptor, and a process may have only so many.

    python idle_fleet.py PORT FIRST_IMEI COUNT

prints ``ready`` once all are logged in. A line on standard input makes each send one
record; then it prints, as JSON, the time in milliseconds that was sent and the IMEIs
whose record was acknowledged.
"""

import asyncio
import json
import resource
import sys
import time

from support.sockets import Link
from support.trackers import Record, frame, login

_AT_ONCE = 50


async def main(port: int, first: int, count: int) -> None:
    """Connect, wait, send, tell."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def enter(number: int) -> tuple[str, Link]:
        imei = f"{first + number:015d}"
        async with turn:
            link = Link(*await asyncio.open_connection("127.0.0.1", port))
            while await link.ask(login(imei), 1) != b"\x01":
                # The service has not heard of it yet.
                await link.close()
                link = Link(*await asyncio.open_connection("127.0.0.1", port))
        return imei, link

    async def send(imei: str, link: Link, time_ms: int) -> str | None:
        async with turn:
            answer = await link.ask(frame(Record(time_ms)))
        return imei if answer == (1).to_bytes(4) else None

    links = await asyncio.gather(*(enter(number) for number in range(count)))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    time_ms = int(time.time()) * 1000
    answers = await asyncio.gather(*(send(*link, time_ms) for link in links))
    stored = [imei for imei in answers if imei is not None]
    print(json.dumps({"time_ms": time_ms, "acknowledged": stored}), flush=True)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(*map(int, sys.argv[1:])))
