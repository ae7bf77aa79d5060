"""A provider that answers over Terraform's own protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator

import grpc
import pytest
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc

from delivery.infrastructure.generated import Module
from delivery.infrastructure.schema import ProviderSchema
from delivery.infrastructure.stub import PROTOCOL, serve

from .samples import BUCKET, PROVIDER


@pytest.fixture(params=[False, True], ids=["blocks", "nested attributes"])
def provider(request: pytest.FixtureRequest) -> Iterator[rpc.ProviderStub]:
    """What Terraform talks to, with a bucket as resource and as data source."""
    bucket = Module(BUCKET, nested_attributes=request.param).block()
    schema = ProviderSchema(
        "acme/cloud",
        "1.2.3",
        Module(PROVIDER).block(),
        {"cloud_bucket": bucket},
        {"cloud_bucket": bucket},
    )
    with serve([schema]) as environment:
        attached = json.loads(environment["TF_REATTACH_PROVIDERS"])["acme/cloud"]
        assert (attached["Protocol"], attached["ProtocolVersion"]) == ("grpc", PROTOCOL)
        address = f"unix://{attached['Addr']['String']}"
        with grpc.insecure_channel(address) as channel:
            yield rpc.ProviderStub(channel)


def test_the_schema_is_what_was_read(provider: rpc.ProviderStub) -> None:
    schema = provider.GetProviderSchema(pb.GetProviderSchema.Request(), timeout=10)
    bucket = schema.resource_schemas["cloud_bucket"].block
    attributes = {attribute.name: attribute for attribute in bucket.attributes}
    assert attributes["name"].required and attributes["arn"].computed
    assert json.loads(attributes["labels"].type) == ["set", "string"]
    if "rule" in attributes:
        nested = attributes["rule"].nested_type.attributes
        assert [attribute.name for attribute in nested] == ["days"]
    else:
        (rule,) = bucket.block_types
        assert (rule.type_name, rule.min_items, rule.max_items) == ("rule", 1, 1)
    assert "cloud_bucket" in schema.data_source_schemas
    assert schema.provider.block.attributes[0].name == "region"


def test_whatever_fits_the_schema_is_fine(provider: rpc.ProviderStub) -> None:
    answers = [
        provider.ValidateProviderConfig(pb.ValidateProviderConfig.Request()),
        provider.ValidateResourceConfig(pb.ValidateResourceConfig.Request()),
        provider.ValidateDataResourceConfig(pb.ValidateDataResourceConfig.Request()),
    ]
    assert not [answer for answer in answers if answer.diagnostics]
    assert provider.StopProvider(pb.StopProvider.Request()).Error == ""
