"""Reads a type's schema out of the TypeScript that was generated from it.

CDK for Terraform's bindings are generated from the providers' schemas, a module for
each type. Its compiled form carries the TypeScript in its source map. There, name, type
and kind of an argument stand in ``synthesizeHclAttributes``; who sets a value stands in
a comment in front of its accessor; what only the provider sets has a typed accessor.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from delivery.infrastructure.schema import (
    Attribute,
    Block,
    CtyType,
    NestedBlock,
    Nesting,
    Presence,
)

_SOURCE_MAP = re.compile(
    r"^//# sourceMappingURL=data:application/json;base64,(\S+)", re.M
)
_FUNCTION = re.compile(
    r"^export function (\w+ToHclTerraform)\(.*?\): any \{(.*?)^\}", re.M | re.S
)
_CLASS = re.compile(r"^export class (\w+) extends (\S+) \{(.*?)^\}", re.M | re.S)
_ARGUMENT = re.compile(
    r'^ +(\w+): \{\n +value: (.*?),\n +isBlock: (true|false),\n +type: "(\w+)",\n'
    r' +storageClassType: "(\w+)",',
    re.M | re.S,
)
_PRESENCE = re.compile(
    r"// (\w+) - computed: (true|false), optional: (true|false), required: (true|false)"
)
_GETTER = re.compile(r"this\.get(\w+)Attribute\('(\w+)'\)")
_MEMBER = re.compile(r'= new (\w+)\(this, "(\w+)"(?:, (true|false))?\)')
_WRITER = re.compile(r"\b(?!cdktf\b)(\w+ToHclTerraform)\b")
_TYPE_NAME = re.compile(r'tfResourceType = "(\w+)"')

_STORED: dict[str, CtyType] = {
    "string": "string",
    "boolean": "bool",
    "number": "number",
    "stringMap": ["map", "string"],
    "booleanMap": ["map", "bool"],
    "numberMap": ["map", "number"],
    "stringList": ["list", "string"],
    "numberList": ["list", "number"],
    "booleanList": ["list", "bool"],
    "stringListList": ["list", ["list", "string"]],
}
_READ: dict[str, CtyType] = {
    "String": "string",
    "Boolean": "bool",
    "Number": "number",
    "List": ["list", "string"],
    "NumberList": ["list", "number"],
    "StringMap": ["map", "string"],
    "NumberMap": ["map", "number"],
    "BooleanMap": ["map", "bool"],
}
_NESTINGS = {
    "struct": Nesting.SINGLE,
    "list": Nesting.LIST,
    "set": Nesting.SET,
    "map": Nesting.MAP,
}
_OUTPUT = "OutputReference"
#: Deeper computed objects are left open; no provider's are this deep.
_DEEPEST = 8


def source_of(compiled: Iterable[str]) -> str:
    """The TypeScript that compiled modules carry in their source maps.

    :raises ValueError: one of them carries none.
    """
    parts: list[str] = []
    for text in compiled:
        found = _SOURCE_MAP.search(text)
        if found is None:
            raise ValueError("a module carries no source map")
        parts += json.loads(base64.b64decode(found[1]))["sourcesContent"]
    return "\n".join(parts)


@dataclass(frozen=True)
class Module:
    """The TypeScript of one type.

    :param nested_attributes: the provider speaks protocol 6, so what looks like a
        block is an attribute with an object in it, except ``timeouts``.
    """

    text: str
    nested_attributes: bool = False

    @property
    def type_name(self) -> str:
        """Terraform's name of the type."""
        found = _TYPE_NAME.search(self.text)
        return found[1] if found else ""

    def block(self) -> Block:
        """The schema of the type.

        :raises ValueError: it is none of the generated modules.
        """
        functions = {name: body for name, body in _FUNCTION.findall(self.text)}
        found = _CLASS.findall(self.text)
        main = [body for _, of, body in found if of.startswith("cdktf.Terraform")]
        if len(main) != 1 or "synthesizeHclAttributes" not in main[0]:
            raise ValueError("no generated module: it has no main class")
        start = main[0].index("synthesizeHclAttributes")
        classes = {name: body for name, _, body in found}
        reader = _Reader(functions, classes, self.nested_attributes)
        return reader.block(main[0][start:], main[0])


@dataclass(frozen=True)
class _Reader:
    functions: Mapping[str, str]
    classes: Mapping[str, str]
    nested_attributes: bool

    def block(self, arguments: str, accessors: str) -> Block:
        """A block.

        :param arguments: code that writes the arguments out.
        :param accessors: code of the class that reads them, empty where there is none.
        """
        presences = _presences(accessors)
        attributes: dict[str, Attribute] = {}
        blocks: dict[str, NestedBlock] = {}
        for name, value, is_block, kind, stored in _ARGUMENT.findall(arguments):
            presence = presences.get(name, Presence(optional=True))
            writer = next(
                (found for found in _WRITER.findall(value) if found in self.functions),
                "",
            )
            if is_block == "false" or not writer:
                attributes[name] = Attribute(_stored_type(kind, stored), presence)
                continue
            body = self.classes.get(_output(writer), "")
            nested = self.block(self.functions[writer], body)
            if self.nested_attributes and name != "timeouts":
                nesting = _NESTINGS[kind]
                attributes[name] = Attribute("dynamic", presence, nested, nesting)
            else:
                blocks[name] = _nested(nested, kind, value, presence)
        for name, type_ in self._read_types(accessors).items():
            if name not in attributes and name not in blocks:
                attributes[name] = Attribute(type_, Presence(computed=True))
        return Block(attributes, blocks)

    def _read_types(self, accessors: str, depth: int = 0) -> dict[str, CtyType]:
        """Types of everything that can be read from a class, by Terraform's name."""
        types: dict[str, CtyType] = {
            name: _READ.get(kind, "dynamic")
            for kind, name in _GETTER.findall(accessors)
        }
        for class_name, name, is_set in _MEMBER.findall(accessors):
            item: CtyType = "dynamic"
            body = self.classes.get(class_name.removesuffix("List") + _OUTPUT)
            if class_name.endswith(_OUTPUT):
                body = self.classes.get(class_name)
            if body is not None and depth < _DEEPEST:
                item = ["object", dict(self._read_types(body, depth + 1))]
            if not class_name.endswith("List"):
                types[name] = item
            elif is_set == "true" and "dynamic" not in str(item):
                types[name] = ["set", item]
            else:
                types[name] = ["list", item]
        return types


def _presences(accessors: str) -> dict[str, Presence]:
    return {
        name: Presence(
            required=required == "true",
            optional=optional == "true",
            computed=computed == "true",
        )
        for name, computed, optional, required in _PRESENCE.findall(accessors)
    }


def _nested(block: Block, kind: str, value: str, presence: Presence) -> NestedBlock:
    nesting = _NESTINGS[kind]
    many = nesting in (Nesting.LIST, Nesting.SET)
    if nesting is Nesting.SET and block.has_dynamic_types:
        nesting = Nesting.LIST
    most = 1 if many and "Mapper" not in value else 0
    return NestedBlock(block, nesting, presence.required and many, most)


def _stored_type(kind: str, stored: str) -> CtyType:
    type_ = _STORED.get(stored, "dynamic")
    if kind == "set" and isinstance(type_, list):
        return ["set", *type_[1:]]
    return type_


def _output(function: str) -> str:
    name = function.removesuffix("ToHclTerraform")
    return f"{name[0].upper()}{name[1:]}{_OUTPUT}"
