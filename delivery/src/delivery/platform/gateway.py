"""A registry that behaves as Amazon ECR does, in front of a plain one.

    python -m delivery.platform.gateway --listen ADDRESS:PORT --upstream ADDRESS:PORT

A plain registry asks for no login, lets any tag be overwritten and tells no API
what it holds. Here: the login is ECR's token; a repository must exist in ECR; a
tag of an immutable repository is never moved; and every pushed manifest is made
known to the ECR API under its digest. Blobs are passed through unread.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import logging
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
import boto3
from aiohttp import web

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecr.type_defs import RepositoryTypeDef

LOG = logging.getLogger("gateway")
MANIFEST_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
#: Manifests are small (the specification asks registries to take 4 MiB).
LARGEST_MANIFEST = 4 * 1024 * 1024
CHUNK = 256 * 1024
#: Headers that belong to one connection (RFC 9110, 7.6.1), or to the login.
NOT_FORWARDED = frozenset(
    ("connection", "keep-alive", "transfer-encoding", "te", "upgrade", "host")
    + ("authorization", "expect", "proxy-authorization", "date", "server")
)
PATH = re.compile(r"/v2/(?P<repository>.+)/(?P<kind>manifests|blobs|tags)/(?P<rest>.+)")


@dataclass(frozen=True)
class Reference:
    """What a request of the registry protocol is about."""

    repository: str
    kind: str
    name: str

    @property
    def tag(self) -> str | None:
        """The tag, or None when a manifest is named by digest."""
        tagged = self.kind == "manifests" and ":" not in self.name
        return self.name if tagged else None


def parse_path(path: str) -> Reference | None:
    """Return what a path is about; None for `/v2/` and the catalog."""
    match = PATH.fullmatch(path)
    if match is None:
        return None
    return Reference(match["repository"], match["kind"], match["rest"])


def forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that are passed on."""
    return {
        name: value
        for name, value in headers.items()
        if name.lower() not in NOT_FORWARDED
    }


def refusal(status: int, code: str, message: str) -> web.Response:
    """Return an error in the form that registry clients read."""
    body = json.dumps({"errors": [{"code": code, "message": message}]})
    headers = {"WWW-Authenticate": 'Basic realm="ecr"'} if status == 401 else {}
    return web.Response(
        status=status, text=body, content_type="application/json", headers=headers
    )


class Gateway:
    """One registry behind, one ECR API beside."""

    def __init__(self, upstream: str, ecr: ECRClient, token: str) -> None:
        """`token` is the authorization token, user and password in base64."""
        self.upstream = f"http://{upstream}"
        self.ecr = ecr
        self.token = token
        self.session: aiohttp.ClientSession | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request of the registry protocol."""
        if request.headers.get("Authorization") != f"Basic {self.token}":
            return refusal(401, "UNAUTHORIZED", "log in with the token of ECR")
        reference = parse_path(request.path)
        if reference is None:
            return await self._pass_on(request, request.content)
        repository = await asyncio.to_thread(self._repository, reference.repository)
        if repository is None:
            message = f"the repository {reference.repository!r} does not exist"
            return refusal(404, "NAME_UNKNOWN", message)
        if request.method == "PUT" and reference.kind == "manifests":
            return await self._put_manifest(request, reference, repository)
        return await self._pass_on(request, request.content)

    async def mirror(self) -> int:
        """Tell the ECR API every tagged image that the registry holds already."""
        session = self._session()
        count = 0
        async with session.get(f"{self.upstream}/v2/_catalog?n=1000") as response:
            repositories = (await response.json())["repositories"]
        for name in repositories:
            if self._repository(name) is None:
                continue
            url = f"{self.upstream}/v2/{name}"
            async with session.get(f"{url}/tags/list") as response:
                tags = (await response.json()).get("tags") or []
            for tag in tags:
                accept = {"Accept": ", ".join(MANIFEST_TYPES)}
                async with session.get(
                    f"{url}/manifests/{tag}", headers=accept
                ) as response:
                    body = await response.read()
                    if response.status == 200:
                        self._record(name, tag, body, response.content_type)
                        count += 1
        return count

    async def open(self, _app: web.Application) -> None:
        """Open the connection pool and tell ECR what is there."""
        self.session = aiohttp.ClientSession(
            auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None)
        )
        LOG.info("%d images known", await self.mirror())

    async def close(self, _app: web.Application) -> None:
        """Close the connection pool."""
        await self._session().close()

    def _session(self) -> aiohttp.ClientSession:
        if self.session is None:
            raise RuntimeError("the gateway is not open")
        return self.session

    def _repository(self, name: str) -> RepositoryTypeDef | None:
        try:
            found = self.ecr.describe_repositories(repositoryNames=[name])
        except self.ecr.exceptions.RepositoryNotFoundException:
            return None
        return found["repositories"][0]

    async def _put_manifest(
        self, request: web.Request, reference: Reference, repository: RepositoryTypeDef
    ) -> web.StreamResponse:
        body = await request.read()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        immutable = repository.get("imageTagMutability", "").startswith("IMMUTABLE")
        if reference.tag and immutable:
            present = await self._digest_of(request.path)
            if present is not None and present != digest:
                return refusal(
                    400,
                    "TAG_INVALID",
                    f"The image tag '{reference.tag}' already exists in the"
                    f" '{reference.repository}' repository and cannot be overwritten"
                    " because the repository is immutable.",
                )
        response = await self._pass_on(request, body)
        if response.status == 201 and reference.tag:
            kind = request.content_type
            await asyncio.to_thread(
                self._record, reference.repository, reference.tag, body, kind
            )
        return response

    async def _digest_of(self, path: str) -> str | None:
        headers = {"Accept": ", ".join(MANIFEST_TYPES)}
        url = f"{self.upstream}{path}"
        async with self._session().head(url, headers=headers) as response:
            found = response.headers.get("Docker-Content-Digest")
            return found if response.status == 200 else None

    def _record(self, repository: str, tag: str, body: bytes, kind: str) -> None:
        try:
            self.ecr.put_image(
                repositoryName=repository,
                imageTag=tag,
                imageDigest=f"sha256:{hashlib.sha256(body).hexdigest()}",
                imageManifest=body.decode(),
                imageManifestMediaType=kind,
            )
        except self.ecr.exceptions.ImageAlreadyExistsException:
            LOG.info("%s:%s is known", repository, tag)

    async def _pass_on(
        self, request: web.Request, body: aiohttp.StreamReader | bytes
    ) -> web.StreamResponse:
        headers = forwarded(request.headers)
        has_body = isinstance(body, bytes) or request.body_exists
        async with self._session().request(
            request.method,
            f"{self.upstream}{request.path_qs}",
            headers=headers,
            data=body if has_body else None,
            allow_redirects=False,
        ) as answer:
            response = web.StreamResponse(
                status=answer.status, headers=forwarded(answer.headers)
            )
            await response.prepare(request)
            if request.method != "HEAD":
                async for chunk in answer.content.iter_chunked(CHUNK):
                    await response.write(chunk)
            await response.write_eof()
            return response


def application(gateway: Gateway) -> web.Application:
    """Return the web application of a gateway."""
    app = web.Application(client_max_size=LARGEST_MANIFEST)
    app.router.add_route("*", "/{path:.*}", gateway.handle)
    app.on_startup.append(gateway.open)
    app.on_cleanup.append(gateway.close)
    return app


async def serve(gateway: Gateway, addresses: list[str]) -> None:
    """Listen on every address until cancelled."""
    runner = web.AppRunner(application(gateway), access_log=None)
    await runner.setup()
    for address in addresses:
        host, _, port = address.rpartition(":")
        await web.TCPSite(runner, host, int(port)).start()
    await asyncio.Event().wait()


def main(argv: list[str]) -> int:
    """Read the command line and serve; the AWS variables name the ECR API."""
    parser = argparse.ArgumentParser(prog="python -m delivery.platform.gateway")
    parser.add_argument("--listen", action="append", required=True)
    parser.add_argument("--upstream", required=True)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO)
    ecr = boto3.client("ecr")
    data = ecr.get_authorization_token()["authorizationData"][0]
    gateway = Gateway(options.upstream, ecr, data["authorizationToken"])
    asyncio.run(serve(gateway, options.listen))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
