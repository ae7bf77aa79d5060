"""What a pod waits for, and what a deployment asks before it replaces anything."""

import json
from collections.abc import Iterator

import asyncpg
import pytest
from support.postgres import PostgresServer, create_database, free_port

from gps_ingestion_service import schema
from gps_ingestion_service.cli import main
from gps_ingestion_service.schema_state import State, judge, wait

Output = pytest.CaptureFixture[str]


@pytest.fixture
def head() -> str:
    return schema.head_revision()


def test_the_programs_own_revision_is_current(head: str) -> None:
    assert judge(head) is State.CURRENT


def test_a_database_without_a_revision_is_missing_its_schema() -> None:
    assert judge(None) is State.MISSING


def test_an_unknown_revision_comes_from_a_newer_program() -> None:
    assert judge("of-a-newer-program") is State.AHEAD


def test_an_older_revision_is_behind(
    head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "head_revision", lambda: f"{head}-and-more")
    assert judge(head) is State.BEHIND


@pytest.mark.parametrize(
    ("state", "serves"),
    [
        (State.MISSING, False),
        (State.BEHIND, False),
        (State.CURRENT, True),
        (State.AHEAD, True),
    ],
)
def test_a_pod_starts_on_its_own_schema_or_a_newer_one(
    state: State, serves: bool
) -> None:
    assert state.serves is serves


async def test_waits_for_the_database_and_for_its_migration(head: str) -> None:
    answers: Iterator[str | None | Exception] = iter(
        [OSError("refused"), None, asyncpg.CannotConnectNowError("starting"), head]
    )

    async def read() -> str | None:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert await wait(read, 30, poll_s=0) == head


async def test_a_schema_that_does_not_come_is_a_timeout() -> None:
    async def read() -> str | None:
        return None

    with pytest.raises(TimeoutError):
        await wait(read, 0, poll_s=0)


async def test_a_mistake_is_not_waited_out() -> None:
    async def read() -> str | None:
        raise KeyError("mistake")

    with pytest.raises(KeyError):
        await wait(read, 30, poll_s=0)


@pytest.fixture
async def empty_url(postgres: PostgresServer) -> str:
    """A database without a schema."""
    return await create_database(postgres, "schema_state")


def test_says_what_the_database_has(
    empty_url: str, head: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("GPS_DATABASE_URL", empty_url)
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "image": head,
        "database": None,
        "state": "missing",
    }
    assert main(["migrate"]) == 0
    capsys.readouterr()
    assert main(["schema", "--wait-s", "30"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "current"


def test_a_database_that_is_away_is_an_error_with_advice(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    url = f"postgresql://gps@127.0.0.1:{free_port()}/gps"
    monkeypatch.setenv("GPS_DATABASE_URL", url)
    assert main(["schema"]) == 1
    assert "check that PostgreSQL runs" in capsys.readouterr().err
