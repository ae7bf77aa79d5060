"""What the OpenAPI document promises holds for whatever anybody sends."""

import asyncio
import sys
from pathlib import Path

from support.service import ADMIN, over_http, settings_for, unmeasured

from gps_ingestion_service.database import Connection

_CONFIG = Path(__file__).with_name("schemathesis.toml")
# With the document it makes the requests: each run sends the same.
_SEED = "20261123"


async def test_no_request_breaks_what_the_document_promises(
    migrated_url: str, db: Connection, tmp_path: Path
) -> None:
    settings = settings_for(
        migrated_url,
        # One token that opens every route, and wrong ones are never too many.
        ingest_token="the-admin-token",
        signing_key="a-signing-key-of-32-characters-or-more",
        failures_per_s=0,
    )
    async with over_http(settings) as (service, url):
        await service.state.registry.load()
        await service.provision("one", "MH1")
        # Made at the first request, which a busy machine takes long for.
        await service.client.get("/openapi.json")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "schemathesis.cli",
            "--config-file", str(_CONFIG), "--no-color",
            "run", f"{url}/openapi.json", "--seed", _SEED, "--max-examples", "10",
            "--phases", "examples,coverage,fuzzing", "--generation-database", "none",
            "--header", f"Authorization: {ADMIN['Authorization']}",
            # It keeps what failed in a folder there.
            cwd=tmp_path, env=unmeasured(),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert " generated, " in output.decode()
