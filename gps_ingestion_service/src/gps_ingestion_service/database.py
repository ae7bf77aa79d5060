"""The connection pool, and what a PostgreSQL error means for a fix."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any, TypeAlias

import asyncpg

from gps_ingestion_service.errors import StorageUnavailable
from gps_ingestion_service.settings import DatabaseSettings

# Quoted, because asyncpg's classes are generic in their type stubs only.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
# What a query needs: a pooled connection behind asyncpg's proxy is one too.
Executor: TypeAlias = "Connection | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"


class Failure(Enum):
    """What to do after a failed write."""

    REFUSED = "the data can never be stored; find the row and refuse it alone"
    CONFLICT = "two transactions got in each other's way; try again at once"
    UNAVAILABLE = "the database cannot write now; the sender keeps the data"


# Integrity and data errors are of the row; so is a value beyond a program limit.
_REFUSED = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    UnicodeEncodeError,
)
_UNAVAILABLE = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


def classify(error: BaseException) -> Failure | None:
    """What ``error`` means, or None where it is a mistake of this program."""
    if isinstance(error, asyncpg.CheckViolationError) and not _constraint(error):
        return Failure.CONFLICT
    if isinstance(error, _REFUSED):
        return Failure.REFUSED
    # asyncpg refuses an argument it cannot encode before it asks the server.
    if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
        return Failure.REFUSED
    if isinstance(error, asyncpg.TransactionRollbackError):
        return Failure.CONFLICT
    if isinstance(error, _UNAVAILABLE):
        return Failure.UNAVAILABLE
    return None


def _constraint(error: asyncpg.CheckViolationError) -> str | None:
    """The violated constraint; none where it is the bound of a partition.

    A row was on its way to the default partition when the one of its day was attached.
    """
    name: str | None = getattr(error, "constraint_name", None)
    return name


def is_outage(error: BaseException) -> bool:
    """Whether a background task should wait and try again after ``error``."""
    return isinstance(error, StorageUnavailable) or classify(error) is not None


def connect_arguments(settings: DatabaseSettings) -> dict[str, Any]:
    """Arguments of every connection that the service opens.

    ``synchronous_commit`` is set here because an acknowledgement is a promise: a
    role or database default of ``off`` would turn it into a lie.
    """
    timeout_s = settings.statement_timeout_s
    return {
        "dsn": settings.dsn,
        "timeout": settings.connect_timeout_s,
        # The server's limit comes first; this one is for a server that hangs.
        "command_timeout": timeout_s + 5,
        "server_settings": {
            "application_name": "gps_ingestion_service",
            "statement_timeout": str(int(timeout_s * 1000)),
            "idle_in_transaction_session_timeout": "60000",
            # A machine that dies says no goodbye. PostgreSQL asks after two hours by
            # default, and so long nobody else could have a lock that a session holds.
            "tcp_keepalives_idle": "20",
            "tcp_keepalives_interval": "10",
            "tcp_keepalives_count": "3",
            "tcp_user_timeout": "50000",
            "synchronous_commit": "on",
            "timezone": "UTC",
        },
    }


async def _keep_session(_connection: Connection) -> None:
    """Reset nothing when a connection goes back to the pool.

    No query changes its session, and asyncpg's own reset would cost every commit a
    second round trip.
    """


class Database:
    """The pool. It opens connections when they are needed, so the service starts,
    and says so in ``/readyz``, while the database is still down."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._pool: Pool | None = None

    @property
    def pool(self) -> Pool:
        """The open pool."""
        if self._pool is None:
            raise RuntimeError("the database pool is not open")
        return self._pool

    async def open(self) -> None:
        """Make the pool; no connection is attempted yet."""
        self._pool = await asyncpg.create_pool(
            min_size=0,
            max_size=self._settings.pool_size,
            reset=_keep_session,
            **connect_arguments(self._settings),
        )

    async def close(self, patience_s: float = 10.0) -> None:
        """Close every connection, by force where one does not answer for that long."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                async with asyncio.timeout(patience_s):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    async def connect(self) -> Connection:
        """A connection outside the pool, for what lives as long as the service."""
        connection: Connection = await asyncpg.connect(
            **connect_arguments(self._settings)
        )
        return connection

    @asynccontextmanager
    async def query(self) -> AsyncIterator[Executor]:
        """A pooled connection for one request.

        Raises:
            StorageUnavailable: where the database cannot be used.
        """
        try:
            async with self.pool.acquire(
                timeout=self._settings.connect_timeout_s
            ) as connection:
                yield connection
        except Exception as error:
            if classify(error) in (Failure.UNAVAILABLE, Failure.CONFLICT):
                raise StorageUnavailable() from error
            raise
