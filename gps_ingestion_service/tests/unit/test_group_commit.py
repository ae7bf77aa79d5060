"""The group commit by itself, with a store that the tests hold in their hands."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from msgspec import structs

from gps_ingestion_service.errors import QueueFull, StorageUnavailable
from gps_ingestion_service.fix import Fix, Status
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.positions.group_commit import Entry, GroupCommit

Key = tuple[int, datetime]
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def entry(second: int, latitude: float = 1.0) -> Entry:
    time = NOW + timedelta(seconds=second)
    return Entry(1, Fix(fix_time=time, latitude=latitude, longitude=2.0), NOW)


class Table:
    """Commits what it is given, once ``gate`` is open; poison is latitude 66."""

    def __init__(self) -> None:
        self.rows: set[Key] = set()
        self.groups: list[int] = []
        self.alarms: list[tuple[Key, str | None]] = []
        self.errors: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()

    async def store(self, entries: Sequence[Entry]) -> dict[Key, Status]:
        self.entered.set()
        await self.gate.wait()
        self.groups.append(len(entries))
        if self.errors:
            raise self.errors.pop(0)
        if any(item.fix.latitude == 66 for item in entries):
            raise asyncpg.NotNullViolationError("poison")
        keys = {item.key for item in entries}
        known = keys & self.rows
        self.rows |= keys
        return dict.fromkeys(known, Status.DUPLICATE)

    async def add_alarms(self, entries: Sequence[Entry]) -> None:
        self.alarms += [(item.key, item.fix.alarm) for item in entries]


@asynccontextmanager
async def committing(
    table: Table, queue_max_rows: int = 100, commit_max_rows: int = 10
) -> AsyncIterator[GroupCommit]:
    group_commit = GroupCommit(
        table.store, table.add_alarms, Metrics(), queue_max_rows, commit_max_rows
    )
    task = asyncio.create_task(group_commit.run())
    yield group_commit
    group_commit.close()
    await task


def submit(group_commit: GroupCommit, *entries: Entry) -> "asyncio.Task[list[Status]]":
    return asyncio.create_task(group_commit.submit(entries))


async def started(table: Table, group_commit: GroupCommit) -> "asyncio.Task[object]":
    """A first commit that is under way and waits at the gate."""
    table.gate.clear()
    task = submit(group_commit, entry(0))
    await table.entered.wait()
    return task


async def test_requests_that_come_during_a_commit_share_the_next() -> None:
    table = Table()
    async with committing(table) as group_commit:
        first = await started(table, group_commit)
        others = [submit(group_commit, entry(second)) for second in (1, 2, 3)]
        await asyncio.sleep(0)
        assert not first.done()
        table.gate.set()
        for task in (first, *others):
            assert await task == [Status.ACCEPTED]
    assert table.groups == [1, 3]


async def test_a_group_is_not_larger_than_its_limit() -> None:
    table = Table()
    async with committing(table, commit_max_rows=4) as group_commit:
        await started(table, group_commit)
        tasks = [
            submit(group_commit, *(entry(10 * number + row) for row in range(3)))
            for number in (1, 2)
        ]
        await asyncio.sleep(0)
        table.gate.set()
        await asyncio.gather(*tasks)
    assert table.groups == [1, 3, 3]


async def test_the_same_fix_in_two_requests_is_accepted_once() -> None:
    table = Table()
    async with committing(table) as group_commit:
        await started(table, group_commit)
        tasks = [submit(group_commit, entry(5)) for _ in range(2)]
        await asyncio.sleep(0)
        table.gate.set()
        answers = await asyncio.gather(*tasks)
    assert sorted(status for answer in answers for status in answer) == [
        Status.ACCEPTED,
        Status.DUPLICATE,
    ]


async def test_a_full_queue_refuses_and_keeps_its_rows() -> None:
    table = Table()
    async with committing(table, queue_max_rows=3) as group_commit:
        await started(table, group_commit)
        waiting = submit(group_commit, entry(1), entry(2))
        await asyncio.sleep(0)
        with pytest.raises(QueueFull):
            await group_commit.submit([entry(3)])
        table.gate.set()
        assert await waiting == [Status.ACCEPTED] * 2
        assert await group_commit.submit([entry(3)]) == [Status.ACCEPTED]


async def test_a_poisoned_row_is_found_and_refused_alone() -> None:
    table = Table()
    async with committing(table) as group_commit:
        await started(table, group_commit)
        good = submit(group_commit, entry(1), entry(2))
        mixed = submit(group_commit, entry(3), entry(4, latitude=66), entry(5))
        await asyncio.sleep(0)
        table.gate.set()
        assert await good == [Status.ACCEPTED] * 2
        assert await mixed == [Status.ACCEPTED, Status.REJECTED, Status.ACCEPTED]
    assert len(table.rows) == 5


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ConnectionDoesNotExistError("gone"),
        asyncpg.QueryCanceledError("statement timeout"),
        asyncpg.DiskFullError("full"),
        asyncpg.InterfaceError("closed"),
        ConnectionRefusedError("down"),
        TimeoutError(),
        ZeroDivisionError("a mistake of ours"),
    ],
)
async def test_a_failed_commit_is_refused_and_the_next_one_works(
    error: Exception,
) -> None:
    table = Table()
    table.errors.append(error)
    async with committing(table) as group_commit:
        with pytest.raises(StorageUnavailable):
            await group_commit.submit([entry(1)])
        assert await group_commit.submit([entry(1)]) == [Status.ACCEPTED]


async def test_a_deadlock_is_tried_again() -> None:
    table = Table()
    table.errors += [asyncpg.DeadlockDetectedError("again")] * 3
    async with committing(table) as group_commit:
        assert await group_commit.submit([entry(1)]) == [Status.ACCEPTED]
    assert len(table.groups) == 4


async def test_deadlocks_without_end_are_an_outage() -> None:
    table = Table()
    table.errors += [asyncpg.DeadlockDetectedError("again")] * 6
    async with committing(table) as group_commit:
        with pytest.raises(StorageUnavailable):
            await group_commit.submit([entry(1)])


async def test_a_sender_that_left_does_not_disturb_the_others() -> None:
    table = Table()
    async with committing(table) as group_commit:
        await started(table, group_commit)
        leaving = submit(group_commit, entry(1))
        staying = submit(group_commit, entry(2))
        await asyncio.sleep(0)
        leaving.cancel()
        table.gate.set()
        assert await staying == [Status.ACCEPTED]


async def test_a_sender_that_left_before_a_failure_does_not_disturb_either() -> None:
    table = Table()
    async with committing(table) as group_commit:
        leaving = await started(table, group_commit)
        leaving.cancel()
        table.errors.append(OSError("down"))
        table.gate.set()
        assert await group_commit.submit([entry(2)]) == [Status.ACCEPTED]


async def test_closing_commits_what_was_taken_and_takes_no_more() -> None:
    table = Table()
    async with committing(table) as group_commit:
        first = await started(table, group_commit)
        waiting = submit(group_commit, entry(1))
        await asyncio.sleep(0)
        group_commit.close()
        with pytest.raises(QueueFull):
            await group_commit.submit([entry(2)])
        table.gate.set()
    assert first.done() and await waiting == [Status.ACCEPTED]


async def test_no_rows_need_no_commit() -> None:
    table = Table()
    async with committing(table) as group_commit:
        assert await group_commit.submit([]) == []
    assert table.groups == []


async def test_the_alarms_of_rows_that_repeat_a_fix_are_kept() -> None:
    table = Table()
    silent = entry(1)
    raised = Entry(1, structs.replace(silent.fix, attributes={"alarm": "sos"}), NOW)
    async with committing(table) as group_commit:
        together = await submit(group_commit, silent, raised)
        assert together == [Status.ACCEPTED, Status.DUPLICATE]
        assert await submit(group_commit, raised) == [Status.DUPLICATE]
    assert table.alarms == [(raised.key, "sos")] * 2
