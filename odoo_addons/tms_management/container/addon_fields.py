"""Which stored fields the addon's sources declare, read without Odoo.

Odoo drops the column of a field that is gone from the code it updates from. Two images
of one version are therefore told apart by their fields, not by their commits.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from launch_settings import LaunchError

# "tms.trip.vehicle_id" -> "Many2one fleet.vehicle"
Fields = Mapping[str, str]

# Rows of a TransientModel are not kept.
KEPT_MODELS = ("Model", "AbstractModel")
RELATIONS = ("Many2one", "Many2many")
NAMED_AT_MOST = 5


def stored_fields(addon: Path) -> dict[str, str]:
    """Type, and model pointed at, of each field that the addon in this folder stores.

    Left out is what has no data to lose: computed and related fields without ``store``,
    One2many, transient models. A ``store`` that only Odoo can evaluate counts as one.

    :raises LaunchError: a class does not say in plain text which model it is
    """
    found = {}
    for path in _sources(addon):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and _is_kept(node):
                model = _model(node, path)
                found.update(
                    {f"{model}.{name}": kind for name, kind in _declared(node)}
                )
    return dict(sorted(found.items()))


def lacking(image: Fields, database: Fields) -> list[str]:
    """Fields of the database that the image has not, or has with another type."""
    return [
        f"{name} ({kind})"
        for name, kind in sorted(database.items())
        if image.get(name) != kind
    ]


def named(fields: list[str]) -> str:
    """The first few of them, and how many there are beside."""
    more = len(fields) - NAMED_AT_MOST
    return ", ".join(fields[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _sources(addon: Path) -> Iterator[Path]:
    """The addon's modules, and those of its packages but for the tests."""
    yield from sorted(addon.glob("*.py"))
    for package in sorted(addon.glob("*/__init__.py")):
        if package.parent.name != "tests":
            yield from sorted(package.parent.rglob("*.py"))


def _attributes(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value


def _is_kept(node: ast.ClassDef) -> bool:
    """Whether the class is a model with rows of its own, rather than a query's."""
    query = any(
        name == "_auto" and isinstance(value, ast.Constant) and value.value is False
        for name, value in _attributes(node)
    )
    return not query and any(
        isinstance(base, ast.Attribute)
        and isinstance(base.value, ast.Name)
        and (base.value.id, base.attr) in {("models", kind) for kind in KEPT_MODELS}
        for base in node.bases
    )


def _model(node: ast.ClassDef, path: Path) -> str:
    """The model that a class makes, or extends where it has no name of its own."""
    attributes = dict(_attributes(node))
    match attributes.get("_name", attributes.get("_inherit")):
        case ast.Constant(value=str(model)):
            return model
        case ast.List(elts=[ast.Constant(value=str(model))]):
            return model
    raise LaunchError(
        f"{path.name}: write the _name of the class {node.name} as plain text"
    )


def _declared(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Name and kind of each stored field of a class."""
    for name, value in _attributes(node):
        match value:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="fields"), attr=kind),
                args=arguments,
                keywords=keywords,
            ):
                options = {option.arg: option.value for option in keywords}
                if _is_stored(kind, options):
                    first = arguments[0] if arguments else None
                    target = options.get("comodel_name", first)
                    yield name, _with_target(kind, target)


def _is_stored(kind: str, options: Mapping[str | None, ast.expr]) -> bool:
    if kind == "One2many":
        return False
    match options.get("store"):
        case ast.Constant(value=store):
            return bool(store)
        case None:
            return "compute" not in options and "related" not in options
    return True


def _with_target(kind: str, target: ast.expr | None) -> str:
    match target:
        case ast.Constant(value=str(model)) if kind in RELATIONS:
            return f"{kind} {model}"
    return kind
