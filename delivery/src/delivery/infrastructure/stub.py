"""Providers that know their schemas and nothing else.

Terraform's plugin protocol is gRPC on a Unix socket. Terraform starts providers
itself, or attaches to ones that run (``TF_REATTACH_PROVIDERS``), and for those it asks
no registry. They answer what `validate` and `test` with mocked providers ask: the
schema, and that every configuration which fits it is fine.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc

from delivery.infrastructure.schema import (
    Attribute,
    Block,
    NestedBlock,
    Nesting,
    ProviderSchema,
)

PROTOCOL = 6
#: Schemas of a cloud are larger than gRPC's default of 4 MiB.
_LARGEST_MESSAGE = 256 << 20


class Provider(rpc.ProviderServicer):
    """Answers Terraform's questions about one provider."""

    def __init__(self, schema: ProviderSchema) -> None:
        """Make the answer once: Terraform asks for it in each run."""
        self._schema = pb.GetProviderSchema.Response(
            provider=_message(schema.provider),
            server_capabilities=pb.ServerCapabilities(
                get_provider_schema_optional=False
            ),
        )
        for name, block in schema.resources.items():
            self._schema.resource_schemas[name].CopyFrom(_message(block))
        for name, block in schema.data_sources.items():
            self._schema.data_source_schemas[name].CopyFrom(_message(block))

    def GetProviderSchema(  # noqa: N802
        self, request: pb.GetProviderSchema.Request, context: grpc.ServicerContext
    ) -> pb.GetProviderSchema.Response:
        """The schema."""
        return self._schema

    def ValidateProviderConfig(  # noqa: N802
        self, request: pb.ValidateProviderConfig.Request, context: grpc.ServicerContext
    ) -> pb.ValidateProviderConfig.Response:
        """Any configuration that fits the schema is fine."""
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(  # noqa: N802
        self, request: pb.ValidateResourceConfig.Request, context: grpc.ServicerContext
    ) -> pb.ValidateResourceConfig.Response:
        """Any configuration that fits the schema is fine."""
        return pb.ValidateResourceConfig.Response()

    def ValidateDataResourceConfig(  # noqa: N802
        self,
        request: pb.ValidateDataResourceConfig.Request,
        context: grpc.ServicerContext,
    ) -> pb.ValidateDataResourceConfig.Response:
        """Any configuration that fits the schema is fine."""
        return pb.ValidateDataResourceConfig.Response()

    def StopProvider(  # noqa: N802
        self, request: pb.StopProvider.Request, context: grpc.ServicerContext
    ) -> pb.StopProvider.Response:
        """Nothing runs that could be stopped."""
        return pb.StopProvider.Response()


def _message(block: Block) -> pb.Schema:
    return pb.Schema(version=0, block=_block(block))


def _block(block: Block) -> pb.Schema.Block:
    message = pb.Schema.Block(version=0)
    message.attributes.extend(
        _attribute(name, attribute) for name, attribute in block.attributes.items()
    )
    message.block_types.extend(
        _nested_block(name, nested) for name, nested in block.blocks.items()
    )
    return message


def _attribute(name: str, attribute: Attribute) -> pb.Schema.Attribute:
    presence = attribute.presence
    message = pb.Schema.Attribute(
        name=name,
        required=presence.required,
        optional=presence.optional,
        computed=presence.computed,
    )
    if attribute.nested is None:
        message.type = json.dumps(attribute.type).encode()
        return message
    message.nested_type.nesting = int(attribute.nesting)
    message.nested_type.attributes.extend(
        _attribute(inner, value) for inner, value in attribute.nested.attributes.items()
    )
    return message


def _nested_block(name: str, nested: NestedBlock) -> pb.Schema.NestedBlock:
    many = nested.nesting in (Nesting.LIST, Nesting.SET)
    return pb.Schema.NestedBlock(
        type_name=name,
        block=_block(nested.block),
        nesting=int(nested.nesting),
        min_items=int(nested.required and many),
        max_items=nested.most,
    )


@contextmanager
def serve(schemas: Iterable[ProviderSchema]) -> Iterator[dict[str, str]]:
    """Serve providers while the context lasts; gives Terraform's environment."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tf-")))
        attached = {}
        for number, schema in enumerate(schemas):
            socket = folder / f"{number}.sock"
            server = grpc.server(
                ThreadPoolExecutor(4),
                options=[("grpc.max_send_message_length", _LARGEST_MESSAGE)],
            )
            rpc.add_ProviderServicer_to_server(Provider(schema), server)
            server.add_insecure_port(f"unix://{socket}")
            server.start()
            stack.callback(_stop, server)
            attached[schema.address] = {
                "Protocol": "grpc",
                "ProtocolVersion": PROTOCOL,
                "Pid": os.getpid(),
                "Test": True,
                "Addr": {"Network": "unix", "String": str(socket)},
            }
        yield {"TF_REATTACH_PROVIDERS": json.dumps(attached)}


def _stop(server: grpc.Server) -> None:
    server.stop(grace=None).wait()
