"""Schemas of Terraform types, as far as `terraform validate` looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

#: A type as Terraform's protocol writes it in JSON: "string", ["list", "string"], ...
CtyType = str | list["CtyType | dict[str, CtyType]"]


class Nesting(IntEnum):
    """How often a block may stand; the numbers are the protocol's."""

    SINGLE = 1
    LIST = 2
    SET = 3
    MAP = 4


@dataclass(frozen=True)
class Presence:
    """Who sets a value: the configuration must, may, or the provider does."""

    required: bool = False
    optional: bool = False
    computed: bool = False


@dataclass(frozen=True)
class Attribute:
    """A value of a block.

    :param nested: attributes of the object that it holds, None for a plain value.
    :param nesting: what holds those objects; only with ``nested``.
    """

    type: CtyType
    presence: Presence
    nested: Block | None = None
    nesting: Nesting = Nesting.SINGLE


@dataclass(frozen=True)
class NestedBlock:
    """A block inside a block.

    :param most: how many there may be, 0 for any number.
    """

    block: Block
    nesting: Nesting
    required: bool = False
    most: int = 0


@dataclass(frozen=True)
class Block:
    """The content of a resource, a data source or a block."""

    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    blocks: Mapping[str, NestedBlock] = field(default_factory=dict)

    @property
    def has_dynamic_types(self) -> bool:
        """Whether a type below is open, which Terraform forbids inside a set."""
        return any(
            "dynamic" in str(attribute.type) for attribute in self.attributes.values()
        ) or any(nested.block.has_dynamic_types for nested in self.blocks.values())


@dataclass(frozen=True)
class ProviderSchema:
    """What a provider offers, limited to the types that are used."""

    address: str
    version: str
    provider: Block
    resources: Mapping[str, Block]
    data_sources: Mapping[str, Block]
