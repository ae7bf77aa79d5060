"""A mixed fleet under load: every transport, each device with its own pace and memory.

A device keeps what is not acknowledged and sends it again, as devices do. With a
``mangler`` it also sends things twice, out of order, in pieces, damaged and cut off.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random, randrange
from typing import Any

import asyncpg
import httpx
from support.ledger import Ledger, key
from support.service import GATEWAY, ServiceProcess, eventually, http_client
from support.sockets import Link, Mailbox, linked, mailbox
from support.trackers import (
    Record,
    datagram,
    frame,
    framed,
    gt06,
    gt06_login,
    gt06_position,
    login,
    records,
)

# Who knocks all the time would keep a small machine from starting anything.
RETRY_S = 0.2
UDP_PATIENCE_S = 3
MANGLED_WINDOW = 4
Batch = Sequence[datetime]


class Sender(ABC):
    """One device. It sends ``size`` fixes at a time, ``step`` apart."""

    size = 10
    step = timedelta(milliseconds=20)
    can_be_told = True

    def __init__(self, load: "Load", device_id: str) -> None:
        self.load = load
        self.device_id = device_id
        self.successes = self.failures = 0
        self._next = load.start

    async def run(self) -> None:
        """Send until the load is stopped."""
        async with AsyncExitStack() as stack:
            await self.open(stack)
            while not self.load.stopped:
                for batch in self._batches():
                    await self._deliver(batch)

    def _batches(self) -> list[Batch]:
        """The next ones, out of order where the load is mangled."""
        mangler = self.load.mangler
        batches = [self._batch() for _ in range(MANGLED_WINDOW if mangler else 1)]
        if mangler:
            mangler.shuffle(batches)
            for batch in batches:
                mangler.shuffle(batch)
        return list(batches)

    def _batch(self) -> list[datetime]:
        times = [self._next + number * self.step for number in range(self.size)]
        self._next += self.size * self.step
        return times

    async def _deliver(self, batch: Batch) -> None:
        keys = [key(self.device_id, time) for time in batch]
        ledger = self.load.ledger
        ledger.sent.update(keys)
        while not self.load.stopped:
            try:
                if await self.send(batch):
                    ledger.acknowledge(keys)
                    self.successes += 1
                    await asyncio.sleep(self.load.pause_s)
                    return
                ledger.refused += 1
                self.failures += 1
            except (OSError, httpx.TransportError, EOFError):
                ledger.broken += 1
                self.failures += not self.can_be_told
                await self.reset()
            await asyncio.sleep(RETRY_S)

    def mangled(self, *ways: str) -> str:
        """How to send this time."""
        mangler = self.load.mangler
        return mangler.choice(["plain", *ways]) if mangler else "plain"

    async def open(self, stack: AsyncExitStack) -> None:
        """Prepare what is needed as long as the sender runs."""

    @abstractmethod
    async def send(self, batch: Batch) -> bool:
        """Send it once: whether it is acknowledged.

        Raises:
            OSError, EOFError, httpx.TransportError: there was no answer.
        """

    async def reset(self) -> None:
        """The connection is of no use any more."""


class HttpSender(Sender):
    """A gateway that posts native rows; the verdict of each is checked."""

    size = 20

    async def open(self, stack: AsyncExitStack) -> None:
        """One client, with connections that are kept."""
        client = http_client(self.load.process.url, timeout_s=60)
        self._client = await stack.enter_async_context(client)

    async def send(self, batch: Batch) -> bool:
        """Post it: in one piece, twice at once, or after a post that is cut off."""
        rows = [
            {
                "device_id": self.device_id,
                "latitude": 18.5,
                "longitude": 73.8,
                "timestamp": time.isoformat(),
                "speed": 30.0 if time.second % 2 else 0.0,
            }
            for time in batch
        ]
        way = self.mangled("twice", "cut")
        if way == "cut":
            await self._post_half(rows)
        posts = [self._post(rows, batch) for _ in range(2 if way == "twice" else 1)]
        return all(await asyncio.gather(*posts))

    async def _post(self, rows: list[dict[str, Any]], batch: Batch) -> bool:
        response = await self._client.post("/v1/positions", json=rows, headers=GATEWAY)
        if response.status_code == 503:
            assert response.headers["retry-after"]
            return False
        assert response.status_code == 200, response.text
        body = response.json()
        assert body["rejected"] == 0, body
        self.load.ledger.accept(
            key(self.device_id, batch[result["index"]])
            for result in body["results"]
            if result["status"] == "accepted"
        )
        return True

    async def _post_half(self, rows: list[dict[str, Any]]) -> None:
        whole = self._client.build_request(
            "POST", "/v1/positions", json=rows, headers=GATEWAY
        )
        head = "".join(f"{name}: {value}\r\n" for name, value in whole.headers.items())
        body = whole.content
        async with linked(self.load.http_port) as link:
            await link.send(f"POST /v1/positions HTTP/1.1\r\n{head}\r\n".encode())
            await link.send(body[: len(body) // 2])


class TcpSender(Sender):
    """A tracker on a connection that it keeps."""

    port = 0
    _link: Link | None = None

    async def link(self) -> Link:
        """The connection, made and logged in where there is none."""
        if self._link is None:
            self._context = linked(self.port)
            link = await self._context.__aenter__()
            self._link = link
            await self.log_in(link)
        return self._link

    async def reset(self) -> None:
        """Hang up."""
        if self._link is not None:
            self._link = None
            await self._context.__aexit__(None, None, None)

    async def open(self, stack: AsyncExitStack) -> None:
        """Hang up at the end."""
        stack.push_async_callback(self.reset)

    @abstractmethod
    async def log_in(self, link: Link) -> None:
        """Say who it is.

        Raises:
            EOFError: it is not let in.
        """

    async def ask(self, data: bytes, count: int, way: str) -> bytes:
        """Send a frame in that way and return the answer, of ``count`` bytes.

        Raises:
            EOFError: the service hung up.
        """
        link = await self.link()
        third = len(data) // 3
        if way == "cut":
            await link.send(data[:third])
            raise EOFError
        if way == "pieces":
            for piece in (data[:third], data[third : 2 * third]):
                await link.send(piece)
                await asyncio.sleep(0)
            data = data[2 * third :]
        if way == "twice":
            data, count = 2 * data, 2 * count
        answer = await link.ask(data, count)
        if len(answer) < count:
            raise EOFError
        if way == "twice":
            # Zero for one of both: it is sent again.
            return min(answer[: count // 2], answer[count // 2 :])
        return answer


class TeltonikaSender(TcpSender):
    """Codec 8 over TCP; it is told how many records are stored."""

    def __init__(self, load: "Load", device_id: str) -> None:
        super().__init__(load, device_id)
        self.port = load.teltonika_port

    async def log_in(self, link: Link) -> None:
        """Send the IMEI."""
        if await link.ask(login(self.device_id), 1) != b"\x01":
            raise EOFError

    async def send(self, batch: Batch) -> bool:
        """Send a frame."""
        items = teltonika_records(batch)
        way = self.mangled("twice", "cut", "pieces", "damaged")
        if way == "damaged":
            wrong = framed(records(0x08, items), 0xFFFF)
            assert await self.ask(wrong, 4, "plain") == bytes(4)
        answer = await self.ask(frame(*items), 4, way)
        assert answer in (bytes(4), len(batch).to_bytes(4)), answer
        return answer != bytes(4)


class DatagramSender(Sender):
    """Codec 8 over UDP; each datagram is answered by its number."""

    size = 5

    async def open(self, stack: AsyncExitStack) -> None:
        """One socket."""
        self._box: Mailbox = await stack.enter_async_context(
            mailbox(self.load.teltonika_port)
        )
        self._packet = 0

    async def send(self, batch: Batch) -> bool:
        """Send a datagram, and take the answer that has its number."""
        self._packet = self._packet % 65_535 + 1
        data = datagram(
            *teltonika_records(batch), imei=self.device_id, packet=self._packet
        )
        if self.mangled("twice") == "twice":
            self._box.send(data)
        try:
            async with asyncio.timeout(UDP_PATIENCE_S):
                answer = await self._box.ask(data)
                while answer[2:4] != self._packet.to_bytes(2):
                    answer = await self._box.receive()
        except TimeoutError:
            # UDP promises nothing, and nobody answers while the service is down.
            raise EOFError from None
        assert answer[-1] in (0, len(batch)), answer
        return answer[-1] != 0


class Gt06Sender(TcpSender):
    """One position a packet, in whole seconds; silence says that it is not stored."""

    size = 1
    step = timedelta(seconds=1)
    can_be_told = False
    _serial = 0

    def __init__(self, load: "Load", device_id: str) -> None:
        super().__init__(load, device_id)
        self.port = load.gt06_port

    async def log_in(self, link: Link) -> None:
        """Send the IMEI."""
        if not await link.ask(gt06_login(self.device_id), 10):
            raise EOFError

    async def send(self, batch: Batch) -> bool:
        """Send a position."""
        self._serial = (self._serial + 1) % 65_536
        packet = gt06(0x12, gt06_position(batch[0]), self._serial)
        way = self.mangled("twice", "cut", "pieces")
        answer = await self.ask(packet, 10, way)
        assert answer == gt06(0x12, b"", self._serial), answer
        return True


def teltonika_records(batch: Batch) -> list[Record]:
    """A record for each time."""
    return [Record(key("", time)[1]) for time in batch]


KINDS: tuple[type[Sender], ...] = (
    *(HttpSender,) * 3,
    *(TeltonikaSender,) * 3,
    DatagramSender,
    Gt06Sender,
)


class Load:
    """The fleet, and its ledger."""

    def __init__(
        self,
        process: ServiceProcess,
        *,
        pause_s: float = 0.0,
        mangler: Random | None = None,
        kinds: Sequence[type[Sender]] = KINDS,
    ) -> None:
        settings = process.settings
        self.process = process
        self.pause_s = pause_s
        self.mangler = mangler
        self.http_port = int(process.url.rpartition(":")[2])
        self.teltonika_port = settings.teltonika_port or 0
        self.gt06_port = settings.gt06_port or 0
        # Of yesterday: whatever the length of the load, no fix is of the future.
        self.start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=20)
        self.ledger = Ledger()
        self.stopped = False
        fleet = randrange(10**12)
        self.senders = [
            kind(self, f"{fleet:012d}{number:03d}") for number, kind in enumerate(kinds)
        ]

    def repeat(self, other: "Load") -> None:
        """Be the same devices as those of another load, with the very same fixes."""
        self.start, self.ledger = other.start, other.ledger
        self.senders = [
            type(sender)(self, sender.device_id) for sender in other.senders
        ]

    @property
    def url(self) -> str:
        """The database of the service."""
        return self.process.settings.database_url.get_secret_value()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The fleet sends until the block ends."""
        devices = [sender.device_id for sender in self.senders]
        await register(self.url, devices)
        async with asyncio.TaskGroup() as group:
            for sender in self.senders:
                group.create_task(sender.run())
            try:
                yield
            finally:
                self.stopped = True

    async def goes_on(self, fixes: int, seconds: float = 0.0) -> None:
        """Return once that many more fixes are acknowledged, some of every device, and
        no sooner than after that many seconds."""
        goal = len(self.ledger.acknowledged) + fixes
        before = {sender: sender.successes for sender in self.senders}
        await asyncio.sleep(seconds)

        async def reached() -> bool:
            return len(self.ledger.acknowledged) >= goal and all(
                sender.successes > successes for sender, successes in before.items()
            )

        await eventually(reached, f"{fixes} more fixes are acknowledged")

    async def is_refused(self) -> None:
        """Return once each device was told to keep its data twice, or hung up on where
        it cannot be told."""
        goals = {sender: sender.failures + 2 for sender in self.senders}

        async def reached() -> bool:
            return all(sender.failures >= goal for sender, goal in goals.items())

        await eventually(reached, "every sender is told to keep its data")


async def register(url: str, devices: Sequence[str]) -> None:
    """Put devices into the table, each in a vehicle of its own, as if provisioned."""
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        await connection.executemany(
            "INSERT INTO device (device_id, vehicle_identifier, enabled, version) "
            "VALUES ($1, $1, true, 1) ON CONFLICT DO NOTHING",
            [(device,) for device in devices],
        )
        for device in devices:
            await connection.execute("SELECT pg_notify('gps_device', $1)", device)
    await connection.close()
