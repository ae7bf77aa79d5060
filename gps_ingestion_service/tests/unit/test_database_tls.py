"""The database proves who it is, where the environment asks for it."""

import asyncio
import datetime
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from support.postgres import PostgresServer
from support.service import settings_for

from gps_ingestion_service.database import Connection, Database, is_outage
from gps_ingestion_service.settings import Settings

NAME = "localhost"
# SSLRequest of PostgreSQL's protocol: its length, and a number that is no version.
ASKS_FOR_TLS = bytes.fromhex("0000000804d2162f")


def certificate(folder: Path, stem: str) -> Path:
    """A certificate that signed itself, for the name alone, with its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, stem)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / f"{stem}.pem"
    pem.write_bytes(made.public_bytes(Encoding.PEM))
    private = folder / f"{stem}.key"
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return pem


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of the server and of somebody else."""
    made = tmp_path_factory.mktemp("tls")
    for stem in ("server", "other"):
        certificate(made, stem)
    return made


async def in_front_of(port: int, folder: Path) -> asyncio.Server:
    """TLS as PostgreSQL offers it: the server of the tests is built without."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        assert await reader.readexactly(len(ASKS_FOR_TLS)) == ASKS_FOR_TLS
        writer.write(b"S")
        with suppress(ssl.SSLError, ConnectionError):
            await writer.start_tls(context)
            behind, to_behind = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(pump(reader, to_behind), pump(behind, writer))

    return await asyncio.start_server(serve, "127.0.0.1", 0)


async def pump(reader: StreamReader, writer: StreamWriter) -> None:
    """Pass on what comes until it ends."""
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
async def settings(
    postgres: PostgresServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Settings]:
    """As on AWS: the URL's host is a name that the certificate does not have."""
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(folder / "server.pem"))
    server = await in_front_of(postgres.port, folder)
    port = server.sockets[0].getsockname()[1]
    url = postgres.url("postgres").replace(str(postgres.port), str(port))
    yield settings_for(url, database_host=NAME)
    server.close()


async def connect(settings: Settings) -> Connection:
    return await Database(settings).connect()


async def refused(settings: Settings) -> str:
    """Why there is no connection; what goes on meanwhile waits for the database."""
    with pytest.raises(Exception) as caught:
        await connect(settings)
    assert is_outage(caught.value)
    return str(caught.value)


async def test_the_name_of_the_certificate_takes_the_place_of_the_urls(
    settings: Settings,
) -> None:
    connection = await connect(settings)
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


async def test_a_certificate_for_another_name_is_refused(settings: Settings) -> None:
    by_address = settings.model_copy(update={"database_host": ""})
    assert "127.0.0.1" in await refused(by_address)


async def test_a_certificate_of_another_authority_is_refused(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", str(folder / "other.pem"))
    assert "CERTIFICATE_VERIFY_FAILED" in await refused(settings)


async def test_without_authorities_nobody_is_trusted(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", str(folder / "missing.pem"))
    assert "No such file" in await refused(settings)


@pytest.mark.parametrize(
    ("url", "dsn"),
    [
        ("postgresql://gps:p%40ss@gps-db:5433/gps", "gps:p%40ss@rds.example:5433/gps"),
        ("postgresql://gps-db/gps?sslmode=require", "rds.example/gps?sslmode=require"),
    ],
)
def test_only_the_host_is_another(url: str, dsn: str) -> None:
    settings = settings_for(url, database_host="rds.example")
    assert settings.dsn == f"postgresql://{dsn}"
    assert settings_for(url).dsn == url
