"""Schemas are read from generated modules as Terraform needs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.infrastructure.bindings import (
    BindingsError,
    TypeName,
    read_schema,
    read_schemas,
    used_types,
)
from delivery.infrastructure.generated import Module, source_of
from delivery.infrastructure.schema import Nesting, Presence

from .samples import BUCKET, PROVIDER, compiled, write_wheel


def test_an_argument_has_its_type_and_says_who_sets_it() -> None:
    attributes = Module(BUCKET).block().attributes
    assert attributes["name"].type == "string"
    assert attributes["name"].presence == Presence(required=True)
    assert attributes["labels"].type == ["set", "string"]
    assert attributes["labels"].presence == Presence(optional=True, computed=True)


def test_what_only_the_provider_sets_can_be_read_with_its_type() -> None:
    attributes = Module(BUCKET).block().attributes
    assert attributes["arn"].presence == Presence(computed=True)
    assert attributes["owner"].type == ["list", ["object", {"login": "string"}]]


def test_a_block_knows_how_often_it_may_stand_and_what_is_in_it() -> None:
    block = Module(BUCKET).block().blocks["rule"]
    assert (block.nesting, block.required, block.most) == (Nesting.LIST, True, 1)
    assert block.block.attributes["days"].presence.required


def test_a_provider_of_protocol_6_has_attributes_where_others_have_blocks() -> None:
    block = Module(BUCKET, nested_attributes=True).block()
    assert "rule" not in block.blocks
    nested = block.attributes["rule"].nested
    assert nested is not None and "days" in nested.attributes


def test_the_type_of_a_module_is_known() -> None:
    assert Module(BUCKET).type_name == "cloud_bucket"


@pytest.mark.parametrize(
    ("type_", "folder"),
    [
        (TypeName("cloud_big_bucket"), "big-bucket"),
        (TypeName("cloud_region", data=True), "data-cloud-region"),
        (TypeName("http", data=True), "data-http"),
    ],
)
def test_a_type_has_its_folder_also_where_it_is_named_as_its_provider(
    type_: TypeName, folder: str
) -> None:
    assert type_.folder == folder


def test_the_source_is_found_in_the_compiled_module() -> None:
    assert source_of([compiled(BUCKET)]) == BUCKET


def test_a_module_without_its_source_is_refused() -> None:
    with pytest.raises(ValueError, match="no source map"):
        source_of(["exports.nothing = 1;"])


def test_a_module_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no main class"):
        Module("export class Helper extends cdktf.ComplexObject {\n}").block()


def test_types_are_found_in_the_code(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        'resource "cloud_bucket" "a" {\n}\n\ndata "cloud_zone" "b" {\n}\n'
    )
    hidden = tmp_path / ".terraform" / "x.tf"
    hidden.parent.mkdir()
    hidden.write_text('resource "cloud_other" "a" {\n}\n')
    assert used_types(tmp_path) == {
        TypeName("cloud_bucket"),
        TypeName("cloud_zone", data=True),
    }
    assert TypeName("cloud_zone", data=True).folder == "data-cloud-zone"


def test_a_package_gives_the_schema_of_what_is_used(tmp_path: Path) -> None:
    write_wheel(tmp_path, {"provider/index.js": PROVIDER, "bucket/index.js": BUCKET})
    (tmp_path / "main.tf").write_text(
        'resource "cloud_bucket" "a" {\n}\nresource "terraform_data" "b" {\n}\n'
        'resource "cloud_typo" "c" {\n}\n'
    )
    (schema,) = read_schemas(tmp_path, tmp_path)
    assert (schema.address, schema.version) == ("acme/cloud", "1.2.3")
    assert list(schema.resources) == ["cloud_bucket"]
    assert "region" in schema.provider.attributes


def test_a_large_module_is_read_from_its_parts(tmp_path: Path) -> None:
    main = BUCKET.index("export class CloudBucket extends")
    write_wheel(
        tmp_path,
        {
            "provider/index.js": PROVIDER,
            "bucket/index.js": BUCKET[main:],
            "bucket/index-structs/structs0.js": BUCKET[:main],
        },
    )
    schema = read_schema(tmp_path, "cloud", [TypeName("cloud_bucket")])
    assert "days" in schema.resources["cloud_bucket"].blocks["rule"].block.attributes


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(BindingsError, match="provider cloud"):
        read_schema(tmp_path, "cloud", [])


def test_another_package_is_refused(tmp_path: Path) -> None:
    write_wheel(tmp_path, {"bucket/index.js": BUCKET}, about={"name": "other"})
    with pytest.raises(BindingsError, match="no package of provider bindings"):
        read_schema(tmp_path, "cloud", [])


def test_a_module_that_cannot_be_understood_is_named(tmp_path: Path) -> None:
    write_wheel(tmp_path, {"provider/index.js": "export class Nothing {\n}"})
    with pytest.raises(BindingsError, match="cloud/provider"):
        read_schema(tmp_path, "cloud", [])
