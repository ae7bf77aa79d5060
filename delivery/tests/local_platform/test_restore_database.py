"""A copy of a database is as closed and as safe as what it takes the place of.

Against the emulated RDS, through the AWS CLI, which refuses words that RDS has not.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from delivery.errors import DeliveryError
from delivery.infrastructure.restore_database import Rds, main, switch, unlike

REGION = "ap-south-1"
TAGS = [{"Key": "Environment", "Value": "production"}]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The emulation with one database; answers a client of it."""
    emulation = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    emulation.start()
    host, port = emulation.get_host_and_port()
    # Emulations in one process share what they hold.
    connection = http.client.HTTPConnection(host, port)
    connection.request("POST", "/moto-api/reset")
    assert connection.getresponse().status == 200
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    ec2, rds = boto3.client("ec2", REGION), boto3.client("rds", REGION)
    key = boto3.client("kms", REGION).create_key()["KeyMetadata"]["Arn"]
    network = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=network, CidrBlock="10.0.0.0/24")["Subnet"]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=network)
    rds.create_db_subnet_group(
        DBSubnetGroupName="tms-production-gps",
        DBSubnetGroupDescription="closed",
        SubnetIds=[subnet["SubnetId"]],
    )
    rds.create_db_parameter_group(
        DBParameterGroupName="tls-only",
        DBParameterGroupFamily="postgres16",
        Description="TLS only",
    )
    rds.create_db_instance(
        DBInstanceIdentifier="tms-production-gps",
        Engine="postgres",
        DBInstanceClass="db.m6g.large",
        AllocatedStorage=20,
        StorageType="gp3",
        MasterUsername="tms_administrator",
        ManageMasterUserPassword=True,
        MasterUserSecretKmsKeyId=key,
        MultiAZ=True,
        DBSubnetGroupName="tms-production-gps",
        DBParameterGroupName="tls-only",
        VpcSecurityGroupIds=[group["GroupId"]],
        PubliclyAccessible=False,
        DeletionProtection=True,
        CopyTagsToSnapshot=True,
        BackupRetentionPeriod=35,
        EnableCloudwatchLogsExports=["postgresql", "upgrade"],
        Tags=TAGS,
    )
    yield rds
    emulation.stop()


def instance(rds: Any, name: str) -> dict[str, Any]:
    """An instance as RDS describes it."""
    found: dict[str, Any] = rds.describe_db_instances(DBInstanceIdentifier=name)
    answer: dict[str, Any] = found["DBInstances"][0]
    return answer


GPS = "tms-production-gps"
COPY = "tms-production-gps-restored"


def test_a_copy_is_made_and_takes_its_sources_place(
    server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before = instance(server, GPS)
    assert main(["restore", GPS, COPY, "--at", "latest", "--region", REGION]) == 0
    made = instance(server, COPY)
    assert made["PubliclyAccessible"] is False and made["DeletionProtection"] is True
    assert (
        made["MasterUserSecret"]["SecretArn"] != before["MasterUserSecret"]["SecretArn"]
    )
    assert not unlike(before, made)
    assert main(["switch", GPS, COPY, "--region", REGION]) == 0
    assert instance(server, GPS)["DbiResourceId"] == made["DbiResourceId"]
    said = capsys.readouterr().out
    (old,) = {word.rstrip(".") for word in said.split() if "-until-" in word}
    assert instance(server, old)["DbiResourceId"] == before["DbiResourceId"]
    assert 'terraform state rm \'module.environment.module.database["gps"]' in said


def test_a_public_copy_stays_where_it_is(server: Any) -> None:
    """Whoever restored by hand, with the defaults, is told what is wrong with it."""
    server.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier=GPS,
        TargetDBInstanceIdentifier=COPY,
        UseLatestRestorableTime=True,
    )
    server.modify_db_instance(DBInstanceIdentifier=COPY, PubliclyAccessible=True)
    with pytest.raises(DeliveryError, match="PubliclyAccessible is True, not False"):
        switch(Rds(REGION, 0), GPS, COPY)
    assert instance(server, GPS)["DBInstanceStatus"] == "available"


def test_what_is_not_there_is_named(
    server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = "tms-staging-gps"
    assert main(["restore", gone, COPY, "--at", "latest", "--region", REGION]) == 1
    assert f"has no database {gone}" in capsys.readouterr().err
