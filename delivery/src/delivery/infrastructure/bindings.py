"""Provider schemas from pinned packages, so that no registry of Terraform is needed.

The packages are CDK for Terraform's prebuilt bindings. Each is for one exact version of
a provider, which it names; the Terraform code must ask for that version.
"""

from __future__ import annotations

import json
import re
import tarfile
import zipfile
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from delivery.errors import DeliveryError
from delivery.infrastructure.generated import Module, source_of
from delivery.infrastructure.schema import Block, ProviderSchema

_HOST = re.compile(r"^[^/]+\.[^/]+/")
#: Providers of protocol 6, which can put objects where others have blocks.
_NESTED_ATTRIBUTES = ("helm",)
_MODULE = re.compile(r"package/lib/([^/]+)/(?:index|index-structs/structs\d+)\.js")


class BindingsError(DeliveryError):
    """A package of bindings is not there, or is not what it is taken for."""


@dataclass(frozen=True)
class TypeName:
    """A type that Terraform code uses, such as the data source ``aws_region``."""

    name: str
    data: bool = False

    @property
    def provider(self) -> str:
        """The provider's short name, which every type begins with."""
        return self.name.partition("_")[0]

    @property
    def folder(self) -> str:
        """Its folder in the bindings; a type may be named as its provider alone."""
        name = self.name.replace("_", "-")
        return f"data-{name}" if self.data else name.partition("-")[2]


#: Types that Terraform brings itself.
BUILT_IN = frozenset(
    {TypeName("terraform_data"), TypeName("terraform_remote_state", data=True)}
)
_DECLARED = re.compile(r'^(resource|data) "(\w+)"', re.M)


def used_types(folder: Path) -> frozenset[TypeName]:
    """Types that the Terraform code below a folder declares."""
    return frozenset(
        TypeName(name, data=kind == "data")
        for path in folder.rglob("*.tf")
        if ".terraform" not in path.parts
        for kind, name in _DECLARED.findall(path.read_text(encoding="utf-8"))
    )


def read_schema(
    wheels: Path, provider: str, types: Iterable[TypeName]
) -> ProviderSchema:
    """Read one provider's schema.

    :param wheels: folder with the packages, as `pip download` leaves them.
    :param types: the types that are wanted; one that the provider has not is left
        out, and Terraform says so wherever it is used.
    :raises BindingsError: the package is not there, or cannot be understood.
    """
    types = list(types)
    modules, about = _extract(_wheel(wheels, provider), types)
    blocks: dict[str, Block] = {}
    for folder, sources in modules.items():
        try:
            module = Module(source_of(sources), provider in _NESTED_ATTRIBUTES)
            blocks[folder] = module.block()
        except (ValueError, KeyError) as error:
            raise BindingsError(f"{provider}/{folder}: {error}") from error
    wanted = [type_ for type_ in types if type_.folder in blocks]
    return ProviderSchema(
        address=_HOST.sub("", about["name"]),
        version=about["version"],
        provider=blocks["provider"],
        resources={t.name: blocks[t.folder] for t in wanted if not t.data},
        data_sources={t.name: blocks[t.folder] for t in wanted if t.data},
    )


def read_schemas(wheels: Path, code: Path) -> list[ProviderSchema]:
    """Read the schemas of all providers that Terraform code uses.

    :raises BindingsError: see :func:`read_schema`.
    """
    types = sorted(used_types(code) - BUILT_IN, key=lambda type_: type_.name)
    return [
        read_schema(wheels, provider, (t for t in types if t.provider == provider))
        for provider in sorted({type_.provider for type_ in types})
    ]


def _wheel(wheels: Path, provider: str) -> Path:
    found = sorted(wheels.glob(f"cdktf_cdktf_provider_{provider}-*.whl"))
    if len(found) != 1:
        raise BindingsError(
            f"{wheels} holds {len(found)} packages of bindings for the provider "
            f"{provider}, not one: see requirements/infrastructure-data.in"
        )
    return found[0]


def _extract(
    wheel: Path, types: Iterable[TypeName]
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Compiled modules by folder, and the provider's name and version."""
    folders = {"provider", *(type_.folder for type_ in types)}
    sources: dict[str, list[str]] = {}
    about: dict[str, str] = {}
    for name, text in _files(wheel, folders):
        found = _MODULE.fullmatch(name)
        if found is not None:
            sources.setdefault(found[1], []).append(text)
        else:
            about = json.loads(text).get("cdktf", {}).get("provider", {})
    if not about or "provider" not in sources:
        raise BindingsError(f"{wheel} is no package of provider bindings")
    return sources, about


def _files(wheel: Path, folders: Container[str]) -> Iterator[tuple[str, str]]:
    """The archive in the wheel: its description, and modules in these folders."""
    with zipfile.ZipFile(wheel) as package:
        inner = [name for name in package.namelist() if name.endswith(".jsii.tgz")]
        if len(inner) != 1:
            raise BindingsError(f"{wheel} is no package of provider bindings")
        with package.open(inner[0]) as packed:
            with tarfile.open(fileobj=packed, mode="r|gz") as files:
                for member in files:
                    found = _MODULE.fullmatch(member.name)
                    wanted = found is not None and found[1] in folders
                    content = files.extractfile(member)
                    if content and (wanted or member.name == "package/package.json"):
                        yield member.name, content.read().decode()
