"""Where exported days are kept: S3, which proves what it keeps by a checksum."""

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gps_ingestion_service.retention import ArchiveError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

# S3 takes 10,000 parts: days of up to 160 GB.
_PART_BYTES = 16 * 1024 * 1024
# Each request is bounded; a thread that is in one cannot be cancelled.
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 4},
)

log = structlog.stdlib.get_logger(__name__)


class _Upload(TypedDict):
    """What names an upload in S3's calls."""

    Bucket: str
    Key: str
    UploadId: str


@dataclass(frozen=True)
class _Digests:
    """A file's length in bytes, and the SHA-256 of its parts as S3 writes them."""

    size: int
    parts: list[str]
    of_parts: str


class Archive:
    """A prefix of a bucket; credentials and region come as boto3 finds them.

    Args:
        url: such as ``s3://bucket/prefix``.
    """

    def __init__(self, url: str) -> None:
        self._bucket, _, prefix = url.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    async def keep(self, file: Path) -> None:
        """Put a file, unless it is there already, and have S3 confirm it.

        Its key is its name, which tells it from every other file: what is there under
        that name and differs gets this as a later version.

        Raises:
            ArchiveError: it is not certain that S3 has the file as it is.
        """
        try:
            with closing(await asyncio.to_thread(_connect)) as client:
                await self._keep(client, file)
        except (BotoCoreError, ClientError) as error:
            raise ArchiveError(f"s3://{self._bucket}: {error}") from error

    async def _keep(self, client: "S3Client", file: Path) -> None:
        digests = await asyncio.to_thread(_digests, file)
        key = f"{self._prefix}{file.name}"
        if await asyncio.to_thread(self._has, client, key, digests):
            log.info("day_is_in_the_archive", key=key)
            return
        await self._put(client, key, file, digests)
        if not await asyncio.to_thread(self._has, client, key, digests):
            raise ArchiveError(f"s3://{self._bucket}/{key}: another than was put")
        log.info("day_archived", key=key, bytes=digests.size)

    def _has(self, client: "S3Client", key: str, digests: _Digests) -> bool:
        """Whether S3 has this content. Asked by a list at first: without the right to
        list the whole bucket, S3 answers for a missing object as for a forbidden one.
        """
        listed = client.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1)
        if not listed["KeyCount"]:
            return False
        found = client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        same_size = found["ContentLength"] == digests.size
        # Of an object in parts S3 gives the digest of their digests, and their number.
        digest = found.get("ChecksumSHA256", "").partition("-")[0]
        return same_size and digest == digests.of_parts

    async def _put(
        self, client: "S3Client", key: str, file: Path, digests: _Digests
    ) -> None:
        """Send part after part, so that one is in memory and a stop waits for one."""
        upload = await asyncio.to_thread(
            client.create_multipart_upload,
            Bucket=self._bucket,
            Key=key,
            ContentType="application/gzip",
            ChecksumAlgorithm="SHA256",
        )
        of: _Upload = {
            "Bucket": self._bucket,
            "Key": key,
            "UploadId": upload["UploadId"],
        }
        try:
            sent: list[CompletedPartTypeDef] = []
            with file.open("rb") as opened:
                for number, digest in enumerate(digests.parts, start=1):
                    part = await asyncio.to_thread(
                        client.upload_part,
                        **of,
                        PartNumber=number,
                        Body=await asyncio.to_thread(opened.read, _PART_BYTES),
                        ChecksumSHA256=digest,
                    )
                    sent.append(
                        {
                            "PartNumber": number,
                            "ETag": part["ETag"],
                            "ChecksumSHA256": digest,
                        }
                    )
            await asyncio.to_thread(
                client.complete_multipart_upload, **of, MultipartUpload={"Parts": sent}
            )
        except (BotoCoreError, ClientError):
            # Where this fails too, the bucket's rule for unfinished uploads does it.
            with suppress(BotoCoreError, ClientError):
                await asyncio.to_thread(client.abort_multipart_upload, **of)
            raise


def _connect() -> "S3Client":
    # A session that found no credentials once would have none for ever.
    return boto3.Session().client("s3", config=_CONFIG)


def _digests(file: Path) -> _Digests:
    parts, size = [], 0
    for part in _parts(file):
        size += len(part)
        parts.append(hashlib.sha256(part).digest())
    return _Digests(
        size,
        [_text(part) for part in parts],
        _text(hashlib.sha256(b"".join(parts)).digest()),
    )


def _parts(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while part := opened.read(_PART_BYTES):
            yield part


def _text(digest: bytes) -> str:
    return b64encode(digest).decode("ascii")
