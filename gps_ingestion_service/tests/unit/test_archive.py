"""Files that go to S3, and what is certain of them afterwards."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.archive import BUCKET, URL, content, make_bucket, versions
from support.postgres import free_port

from gps_ingestion_service.archive import Archive
from gps_ingestion_service.retention import ArchiveError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def s3(empty_s3: "S3Client") -> "S3Client":
    """S3 with the archive's bucket."""
    make_bucket(empty_s3)
    return empty_s3


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The export of a small day."""
    path = tmp_path / "fix_20261123.csv.gz"
    path.write_bytes(b"positions")
    return path


def key_of(file: Path) -> str:
    return f"gps/{file.name}"


async def test_a_file_is_an_object_of_its_name(s3: "S3Client", file: Path) -> None:
    await Archive(URL).keep(file)
    assert versions(s3) == [key_of(file)]
    assert content(s3, key_of(file)) == b"positions"


async def test_a_large_file_goes_in_parts(s3: "S3Client", file: Path) -> None:
    file.write_bytes(os.urandom(33 * 1024 * 1024))
    await Archive(URL).keep(file)
    assert content(s3, key_of(file)) == file.read_bytes()
    assert s3.head_object(Bucket=BUCKET, Key=key_of(file))["ETag"].endswith('-3"')


@pytest.mark.parametrize("url", [f"s3://{BUCKET}", f"s3://{BUCKET}/"])
async def test_a_bucket_without_a_prefix_will_do(
    s3: "S3Client", file: Path, url: str
) -> None:
    await Archive(url).keep(file)
    assert versions(s3) == [key_of(file).removeprefix("gps/")]


async def test_what_is_there_is_not_put_again(s3: "S3Client", file: Path) -> None:
    await Archive(URL).keep(file)
    await Archive(URL).keep(file)
    assert versions(s3) == [key_of(file)]


async def test_something_else_under_its_key_is_put_right(
    s3: "S3Client", file: Path
) -> None:
    s3.put_object(Bucket=BUCKET, Key=key_of(file), Body=b"qositions")
    await Archive(URL).keep(file)
    assert content(s3, key_of(file)) == b"positions"


async def test_an_object_that_is_not_what_was_put_is_an_error(
    s3: "S3Client", file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Here, as in support.archive.
    from moto.s3.models import FakeMultipart

    complete = FakeMultipart.complete

    def shortened(self: Any, *arguments: Any) -> Any:
        value, *others = complete(self, *arguments)
        return value[:-1], *others

    monkeypatch.setattr(FakeMultipart, "complete", shortened)
    with pytest.raises(ArchiveError, match="another than was put"):
        await Archive(URL).keep(file)


async def test_a_failed_upload_leaves_nothing(
    s3: "S3Client", file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.s3.exceptions import InvalidPart
    from moto.s3.models import S3Backend

    def refused(*_: Any, **__: Any) -> None:
        raise InvalidPart

    monkeypatch.setattr(S3Backend, "upload_part", refused)
    with pytest.raises(ArchiveError, match="InvalidPart"):
        await Archive(URL).keep(file)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)
    assert versions(s3) == []


async def test_an_archive_that_nothing_answers_for_is_an_error(
    s3: "S3Client", file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ArchiveError, match=f"s3://{BUCKET}: .*onnect"):
        await Archive(URL).keep(file)


async def test_a_pod_without_credentials_is_told_so(
    s3: "S3Client", file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "missing"))
    with pytest.raises(ArchiveError, match="credentials"):
        await Archive(URL).keep(file)
