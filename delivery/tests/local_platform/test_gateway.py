"""The gateway between a real ECR emulation and a registry that takes anything."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import boto3
import pytest
from aiohttp import web
from moto import mock_aws

from delivery.platform import gateway as module
from delivery.platform.gateway import Gateway, Reference, parse_path

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient

TOKEN = base64.b64encode(b"AWS:token").decode()
LOGIN = {"Authorization": f"Basic {TOKEN}"}
KIND = "application/vnd.docker.distribution.manifest.v2+json"


def manifest(layer: str) -> bytes:
    """A manifest as docker pushes it, different for every layer."""
    config = {
        "mediaType": "application/json",
        "size": 2,
        "digest": "sha256:" + "0" * 64,
    }
    digest = f"sha256:{hashlib.sha256(layer.encode()).hexdigest()}"
    layers = [{"mediaType": "x", "size": 1, "digest": digest}]
    body = {"schemaVersion": 2, "mediaType": KIND, "config": config, "layers": layers}
    return json.dumps(body).encode()


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


class PlainRegistry:
    """Keeps what it is given and overwrites tags without a word."""

    def __init__(self) -> None:
        self.manifests: dict[str, dict[str, bytes]] = {}
        self.blobs: dict[str, bytes] = {}
        self.seen: list[web.Request] = []

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v2/", self.ping)
        app.router.add_get("/v2/_catalog", self.catalog)
        app.router.add_get("/v2/{name:.+}/tags/list", self.tags)
        app.router.add_put("/v2/{name:.+}/manifests/{tag}", self.put)
        app.router.add_get("/v2/{name:.+}/manifests/{tag}", self.get)
        app.router.add_patch("/v2/{name:.+}/blobs/uploads/{id}", self.upload)
        return app

    async def ping(self, request: web.Request) -> web.Response:
        self.seen.append(request)
        return web.json_response({})

    async def catalog(self, _request: web.Request) -> web.Response:
        return web.json_response({"repositories": list(self.manifests)})

    async def tags(self, request: web.Request) -> web.Response:
        found = self.manifests[request.match_info["name"]]
        return web.json_response({"tags": list(found) or None})

    async def put(self, request: web.Request) -> web.Response:
        info = request.match_info
        body = await request.read()
        self.manifests.setdefault(info["name"], {})[info["tag"]] = body
        return web.Response(status=201)

    async def get(self, request: web.Request) -> web.Response:
        info = request.match_info
        body = self.manifests.get(info["name"], {}).get(info["tag"])
        if body is None:
            return web.Response(status=404)
        headers = {"Docker-Content-Digest": digest_of(body)}
        return web.Response(body=body, headers=headers, content_type=KIND)

    async def upload(self, request: web.Request) -> web.Response:
        self.blobs[request.match_info["id"]] = await request.read()
        return web.Response(status=202, headers={"Range": "0-1"})


class Client:
    """Speaks to a gateway as docker does."""

    def __init__(self, session: aiohttp.ClientSession, plain: PlainRegistry) -> None:
        self.session = session
        self.plain = plain

    async def push(self, name: str, tag: str, body: bytes) -> tuple[int, str]:
        path = f"/v2/{name}/manifests/{tag}"
        headers = {"Content-Type": KIND}
        async with self.session.put(path, data=body, headers=headers) as response:
            return response.status, await response.text()


@pytest.fixture
def ecr(monkeypatch: pytest.MonkeyPatch) -> Iterator[ECRClient]:
    """ECR with one repository of immutable tags and one of mutable ones."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("ecr", region_name="eu-central-1")
        client.create_repository(
            repositoryName="tms-odoo", imageTagMutability="IMMUTABLE"
        )
        client.create_repository(repositoryName="cache", imageTagMutability="MUTABLE")
        yield client


@asynccontextmanager
async def open_gateway(ecr: ECRClient, plain: PlainRegistry) -> AsyncIterator[Client]:
    upstream = web.AppRunner(plain.application(), shutdown_timeout=0.1)
    await upstream.setup()
    await web.TCPSite(upstream, "127.0.0.1", 0).start()
    address = f"127.0.0.1:{upstream.addresses[0][1]}"
    front = web.AppRunner(
        module.application(Gateway(address, ecr, TOKEN)), shutdown_timeout=0.1
    )
    await front.setup()
    await web.TCPSite(front, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{front.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession(url, headers=LOGIN) as session:
            yield Client(session, plain)
    finally:
        await front.cleanup()
        await upstream.cleanup()


Scenario = Callable[[Client], Awaitable[None]]


@pytest.fixture
def play(ecr: ECRClient) -> Callable[..., None]:
    """Run a scenario against a gateway, over a registry that may hold something."""

    def run(scenario: Scenario, plain: PlainRegistry | None = None) -> None:
        async def body() -> None:
            async with open_gateway(ecr, plain or PlainRegistry()) as client:
                await scenario(client)

        asyncio.run(body())

    return run


Play = Callable[..., None]


@pytest.mark.parametrize(
    ("path", "reference"),
    [
        ("/v2/a/b/manifests/v1", Reference("a/b", "manifests", "v1")),
        ("/v2/a/blobs/uploads/7", Reference("a", "blobs", "uploads/7")),
        ("/v2/a/tags/list", Reference("a", "tags", "list")),
        ("/v2/", None),
        ("/v2/_catalog", None),
    ],
)
def test_a_path_says_what_a_request_is_about(
    path: str, reference: Reference | None
) -> None:
    assert parse_path(path) == reference


def test_a_digest_is_no_tag() -> None:
    assert Reference("a", "manifests", "sha256:00").tag is None
    assert Reference("a", "manifests", "v1").tag == "v1"


@pytest.mark.parametrize("login", ["", "Basic d3Jvbmc6d3Jvbmc="])
def test_without_the_token_nothing_is_answered(play: Play, login: str) -> None:
    async def scenario(client: Client) -> None:
        headers = {"Authorization": login}
        async with client.session.get("/v2/", headers=headers) as response:
            assert response.status == 401
            assert response.headers["WWW-Authenticate"].startswith("Basic")
        assert client.plain.seen == []

    play(scenario)


def test_the_login_stays_at_the_gateway(play: Play) -> None:
    async def scenario(client: Client) -> None:
        async with client.session.get("/v2/") as response:
            assert response.status == 200
        assert "Authorization" not in client.plain.seen[0].headers

    play(scenario)


def test_a_repository_that_ecr_does_not_know_is_refused(play: Play) -> None:
    async def scenario(client: Client) -> None:
        status, text = await client.push("unknown", "v1", manifest("a"))
        assert (status, "NAME_UNKNOWN" in text) == (404, True)
        assert client.plain.manifests == {}

    play(scenario)


def test_a_pushed_image_is_known_to_ecr_by_its_digest(
    play: Play, ecr: ECRClient
) -> None:
    async def scenario(client: Client) -> None:
        assert (await client.push("tms-odoo", "v1", manifest("a")))[0] == 201

    play(scenario)
    (image,) = ecr.describe_images(repositoryName="tms-odoo")["imageDetails"]
    assert image["imageDigest"] == digest_of(manifest("a"))
    assert image["imageTags"] == ["v1"]


def test_an_immutable_tag_cannot_be_moved(play: Play) -> None:
    async def scenario(client: Client) -> None:
        await client.push("tms-odoo", "v1", manifest("a"))
        status, text = await client.push("tms-odoo", "v1", manifest("b"))
        assert (status, "TAG_INVALID" in text) == (400, True)
        assert client.plain.manifests["tms-odoo"]["v1"] == manifest("a")

    play(scenario)


def test_pushing_the_same_image_again_is_no_move(play: Play) -> None:
    async def scenario(client: Client) -> None:
        for _ in range(2):
            assert (await client.push("tms-odoo", "v1", manifest("a")))[0] == 201

    play(scenario)


def test_a_second_tag_for_the_same_image_is_fine(play: Play, ecr: ECRClient) -> None:
    async def scenario(client: Client) -> None:
        for tag in ("0123abc", "v1.0.0"):
            assert (await client.push("tms-odoo", tag, manifest("a")))[0] == 201

    play(scenario)
    (image,) = ecr.describe_images(repositoryName="tms-odoo")["imageDetails"]
    assert sorted(image["imageTags"]) == ["0123abc", "v1.0.0"]


def test_a_mutable_tag_can_be_moved(play: Play) -> None:
    async def scenario(client: Client) -> None:
        await client.push("cache", "main", manifest("a"))
        assert (await client.push("cache", "main", manifest("b")))[0] == 201

    play(scenario)


def test_blobs_are_passed_through(play: Play) -> None:
    async def scenario(client: Client) -> None:
        path = "/v2/tms-odoo/blobs/uploads/7"
        blob = b"layer" * 200_000

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(blob), 65536):
                yield blob[start : start + 65536]

        async with client.session.patch(path, data=chunks()) as response:
            assert response.status == 202
            assert response.headers["Range"] == "0-1"
        assert client.plain.blobs["7"] == blob

    play(scenario)


def test_a_manifest_can_be_asked_for_without_its_body(play: Play) -> None:
    async def scenario(client: Client) -> None:
        await client.push("cache", "main", manifest("a"))
        path = "/v2/cache/manifests/main"
        async with client.session.head(path) as response:
            assert response.status == 200
            digest = response.headers["Docker-Content-Digest"]
            assert digest == digest_of(manifest("a"))
        async with client.session.get(path) as response:
            assert await response.read() == manifest("a")

    play(scenario)


def test_images_of_an_earlier_run_are_made_known_at_the_start(
    play: Play, ecr: ECRClient
) -> None:
    plain = PlainRegistry()
    plain.manifests = {
        "tms-odoo": {"v1": manifest("a")},
        "cache": {},
        "unknown": {"v1": manifest("b")},
    }

    async def scenario(client: Client) -> None:
        assert client.plain is plain

    play(scenario, plain)
    (image,) = ecr.describe_images(repositoryName="tms-odoo")["imageDetails"]
    assert image["imageDigest"] == digest_of(manifest("a"))


def test_a_gateway_that_is_not_open_says_so(ecr: ECRClient) -> None:
    with pytest.raises(RuntimeError, match="not open"):
        asyncio.run(Gateway("127.0.0.1:1", ecr, TOKEN).mirror())


def test_the_token_comes_from_ecr(
    ecr: ECRClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Gateway, list[str]]] = []

    async def serve(gateway: Gateway, addresses: list[str]) -> None:
        seen.append((gateway, addresses))

    monkeypatch.setattr(module, "serve", serve)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    command = ["--listen", "127.0.0.1:1", "--listen", "127.0.0.2:1"]
    assert module.main([*command, "--upstream", "127.0.0.1:2"]) == 0
    ((gateway, addresses),) = seen
    data = ecr.get_authorization_token()["authorizationData"][0]
    assert gateway.token == data["authorizationToken"]
    assert addresses == ["127.0.0.1:1", "127.0.0.2:1"]
