"""S3 as moto serves it, over a real socket."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import boto3
import httpx
import pytest
from support.service import NO_CERTIFICATES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "tms-test-archive"
URL = f"s3://{BUCKET}/gps"
_REGION: Final = "ap-south-1"


@dataclass(frozen=True)
class S3:
    """An S3, as it is found by the environment, and a client of it."""

    client: "S3Client"
    url: str

    def begin(self, environment: pytest.MonkeyPatch) -> None:
        """Forget what it keeps, and be what boto3 finds."""
        reset = httpx.post(f"{self.url}/moto-api/reset", verify=NO_CERTIFICATES)
        reset.raise_for_status()
        for name, value in {
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_REGION": _REGION,
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_ACCESS_KEY_ID": "moto",
            "AWS_SECRET_ACCESS_KEY": "moto",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            environment.setenv(name, value)


@contextmanager
def serving_s3() -> Iterator[S3]:
    """Serve it on 127.0.0.1 until the block ends."""
    # Here, because moto takes longer to import than all of the service.
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.Session("moto", "moto", region_name=_REGION).client(
        "s3", endpoint_url=url
    )
    try:
        yield S3(client, url)
    finally:
        client.close()
        server.stop()


def make_bucket(client: "S3Client") -> None:
    """The archive's bucket, which keeps old versions as the real one does."""
    client.create_bucket(
        Bucket=BUCKET,
        CreateBucketConfiguration={"LocationConstraint": _REGION},
    )
    client.put_bucket_versioning(
        Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"}
    )


def versions(client: "S3Client") -> list[str]:
    """The keys of all that was ever put, old versions included."""
    found = client.list_object_versions(Bucket=BUCKET).get("Versions", [])
    return [version["Key"] for version in found]


def content(client: "S3Client", key: str) -> bytes:
    """What an object holds."""
    return client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
