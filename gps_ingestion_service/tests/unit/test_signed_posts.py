"""POST /v1/positions signed by its device, with a secret that no table holds."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from support.service import ADMIN, Service, in_process, row, settings_for

from gps_ingestion_service.database import Connection
from gps_ingestion_service.devices.signing import SigningKeys
from gps_ingestion_service.push.signing import signature

KEY = "an-old-signing-key-of-32-characters-or-more"
NEW_KEY = "a-new-signing-key-of-32-characters-or-more"


@pytest.fixture
async def signing(migrated_url: str, db: Connection) -> AsyncIterator[Service]:
    """A service with a key, and the device ``one``."""
    async with in_process(settings_for(migrated_url, signing_key=KEY)) as running:
        await running.state.registry.load()
        await running.provision("one")
        yield running


async def issue(service: Service, device_id: str = "one") -> httpx.Response:
    return await service.client.post(
        f"/v1/devices/{device_id}/signing-secret", headers=ADMIN
    )


async def secret_of(service: Service) -> str:
    response = await issue(service)
    assert response.status_code == 200, response.text
    secret: str = response.json()["secret"]
    return secret


async def send(
    service: Service,
    secret: str,
    body: bytes,
    *,
    device_id: str = "one",
    timestamp: int | None = None,
    **headers: str,
) -> httpx.Response:
    now = int(time.time()) if timestamp is None else timestamp
    return await service.client.post(
        "/v1/positions",
        content=body,
        headers={
            "Content-Type": "application/json",
            "X-TMS-Device": device_id,
            "X-TMS-Timestamp": str(now),
            "X-TMS-Signature": signature(secret, now, body),
            **headers,
        },
    )


def batch(*ages: float, **values: Any) -> bytes:
    return json.dumps([row(age, **values) for age in ages]).encode()


def code(response: httpx.Response) -> str:
    assert response.status_code == 401, response.text
    refused: str = response.json()["error"]["code"]
    return refused


async def test_a_signed_batch_is_stored_and_sent_again_it_is_a_duplicate(
    signing: Service,
) -> None:
    secret, body = await secret_of(signing), batch(2, 1)
    assert (await send(signing, secret, body)).json()["accepted"] == 2
    assert (await send(signing, secret, body)).json()["duplicates"] == 2


async def test_a_signature_speaks_for_its_device_only(signing: Service) -> None:
    secret = await secret_of(signing)
    response = await send(signing, secret, batch(1, device_id="two"))
    assert response.json()["results"][0]["code"] == "device_mismatch"
    await signing.provision("two", "MH2")
    await issue(signing, "two")
    response = await send(signing, secret, batch(1), device_id="two")
    assert code(response) == "bad_signature"


async def test_a_body_that_was_changed_is_refused(
    signing: Service, db: Connection
) -> None:
    secret, body = await secret_of(signing), batch(1)
    now = int(time.time())
    forged = {"X-TMS-Signature": signature(secret, now, batch(2))}
    response = await send(signing, secret, body, timestamp=now, **forged)
    assert code(response) == "bad_signature"
    assert response.headers["WWW-Authenticate"]
    assert await db.fetchval("SELECT count(*) FROM fix") == 0


@pytest.mark.parametrize("off_s", [-400, 400])
async def test_a_time_outside_the_window_is_refused(
    signing: Service, off_s: int
) -> None:
    secret = await secret_of(signing)
    then = int(time.time()) + off_s
    response = await send(signing, secret, batch(1), timestamp=then)
    assert code(response) == "stale_timestamp"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-TMS-Timestamp": ""},
        {"X-TMS-Timestamp": "now"},
        {"X-TMS-Timestamp": "9" * 16},
        {"X-TMS-Device": "nobody"},
        {"X-TMS-Device": ""},
        {"X-TMS-Signature": "v1="},
        {"X-TMS-Signature": "v1=\u00fc"},
    ],
)
async def test_headers_that_say_anything_else_are_refused(
    signing: Service, headers: dict[str, str]
) -> None:
    secret = await secret_of(signing)
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    response = await send(signing, secret, batch(1), **raw)  # type: ignore[arg-type]
    assert code(response) == "bad_signature"


async def test_a_device_without_a_secret_signs_nothing(signing: Service) -> None:
    assert code(await send(signing, "", batch(1))) == "bad_signature"


async def test_a_disabled_device_is_refused_once_it_proved_who_it_is(
    signing: Service,
) -> None:
    await signing.provision("off", "MH2", enabled=False)
    secret = (await issue(signing, "off")).json()["secret"]
    response = await send(signing, secret, batch(1), device_id="off")
    assert response.status_code == 403
    response = await send(signing, "guessed", batch(1), device_id="off")
    assert code(response) == "bad_signature"


async def test_a_new_secret_voids_the_one_before_and_no_token(
    signing: Service,
) -> None:
    token = await signing.provision("two", "MH2")
    old = (await issue(signing, "two")).json()["secret"]
    new = (await issue(signing, "two")).json()["secret"]
    assert code(await send(signing, old, batch(1), device_id="two")) == "bad_signature"
    response = await send(signing, new, batch(1), device_id="two")
    assert response.json()["accepted"] == 1
    assert (await signing.post([row(0)], token)).status_code == 200


async def test_the_secret_is_shown_once_and_lies_in_no_table(
    signing: Service, db: Connection
) -> None:
    response = await issue(signing)
    assert response.headers["Cache-Control"] == "no-store"
    kept = str(dict(await db.fetchrow("SELECT * FROM device") or {}))
    assert response.json()["secret"] not in kept
    (view,) = (await signing.client.get("/v1/devices", headers=ADMIN)).json()["devices"]
    assert view["has_signing_secret"] is True
    assert "secret" not in view


async def test_what_a_signer_sends_that_cannot_be_read_is_kept_as_its_own(
    signing: Service, db: Connection
) -> None:
    response = await send(signing, await secret_of(signing), b"{broken")
    assert response.status_code == 400
    assert await db.fetchval("SELECT allowance FROM quarantine") == "one"


async def test_a_secret_is_issued_for_a_known_device_by_a_service_with_a_key(
    signing: Service, service: Service
) -> None:
    assert (await issue(signing, "nobody")).status_code == 404
    response = await issue(service)
    assert response.status_code == 409
    assert "GPS_SIGNING_KEY" in response.json()["error"]["message"]


def test_the_key_before_is_accepted_during_a_rotation() -> None:
    salt = b"salt"
    before = SigningKeys(SecretStr(KEY)).secret("one", salt)
    during = SigningKeys(SecretStr(NEW_KEY), SecretStr(KEY))
    assert SigningKeys(SecretStr(KEY)).secret("two", salt) != before
    assert during.secret("one", salt) == SigningKeys(SecretStr(NEW_KEY)).secret(
        "one", salt
    )
    assert during.secret("one", salt) != before


async def test_devices_change_over_one_by_one_during_a_rotation(
    signing: Service, migrated_url: str
) -> None:
    old = await secret_of(signing)
    settings = settings_for(migrated_url, signing_key=NEW_KEY, signing_key_previous=KEY)
    async with in_process(settings) as rotating:
        await rotating.state.registry.load()
        assert (await send(rotating, old, batch(2))).json()["accepted"] == 1
        new = await secret_of(rotating)
        assert (await send(rotating, new, batch(1))).json()["accepted"] == 1
        assert code(await send(rotating, old, batch(0))) == "bad_signature"
