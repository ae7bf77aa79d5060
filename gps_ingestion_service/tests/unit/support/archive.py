"""S3 as moto serves it, over a real socket."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
import httpx
import pytest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "tms-test-archive"
URL = f"s3://{BUCKET}/gps"


@contextmanager
def serving_s3(environment: pytest.MonkeyPatch) -> Iterator["S3Client"]:
    """A client of an empty S3, which boto3 finds by its environment."""
    # Here, because moto takes longer to import than all of the service.
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    # What moto keeps outlives its servers.
    httpx.post(f"{url}/moto-api/reset").raise_for_status()
    for name, value in {
        "AWS_ENDPOINT_URL_S3": url,
        "AWS_REGION": "ap-south-1",
        "AWS_DEFAULT_REGION": "ap-south-1",
        "AWS_ACCESS_KEY_ID": "moto",
        "AWS_SECRET_ACCESS_KEY": "moto",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        environment.setenv(name, value)
    client = boto3.Session().client("s3")
    try:
        yield client
    finally:
        client.close()
        server.stop()


def make_bucket(client: "S3Client") -> None:
    """The archive's bucket, which keeps old versions as the real one does."""
    client.create_bucket(
        Bucket=BUCKET,
        CreateBucketConfiguration={"LocationConstraint": "ap-south-1"},
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
