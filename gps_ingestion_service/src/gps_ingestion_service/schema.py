"""The schema's revision: brought up to date, and compared."""

from pkgutil import iter_modules

from gps_ingestion_service.database import Executor
from gps_ingestion_service.migrations import versions
from gps_ingestion_service.settings import DatabaseSettings


def known_revisions() -> frozenset[str]:
    """Every revision this program can bring a database to.

    They are the names of the migrations, ``r0001_devices_and_fixes`` is 0001: Alembic
    would tell as well, for a third of the time that the service takes to start.
    """
    names = (module.name for module in iter_modules(versions.__path__))
    return frozenset(name[1:].partition("_")[0] for name in names)


def head_revision() -> str:
    """The revision this program was written for."""
    return max(known_revisions())


async def migrate(settings: DatabaseSettings) -> str:
    """Bring the schema to this program's revision and return it.

    Safe to run in several replicas at once, and on a schema that is up to date.
    """
    # Here, because no other command needs Alembic.
    from gps_ingestion_service.migrations.runner import upgrade

    await upgrade(settings)
    return head_revision()


async def current_revision(connection: Executor) -> str | None:
    """The revision of the database, or None where no migration ever ran."""
    exists = await connection.fetchval("SELECT to_regclass('alembic_version')")
    if exists is None:
        return None
    revision: str | None = await connection.fetchval(
        "SELECT version_num FROM alembic_version"
    )
    return revision
