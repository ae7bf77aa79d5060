"""The checks of the Terraform code, each of which answers what it found wrong."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from delivery.errors import DeliveryError
from delivery.infrastructure.schema import ProviderSchema
from delivery.infrastructure.terraform import Terraform

#: What is applied by itself, in this order, each with a state of its own.
ROOTS = ("bootstrap", "envs/staging", "envs/production", "github")
CHECKOV_SETTINGS = ".checkov.yaml"

#: What AWS and GitHub refuse, or undo, unless something that it does not name is there
#: first: the folder, what comes later, and what comes before it.
ORDERS = (
    (
        "modules/actions",
        "terraform_data.action_pinning",
        "github_actions_repository_permissions.this",
    ),
    ("modules/cluster", "aws_eks_cluster.this", "aws_iam_role_policy.cluster_key"),
    (
        "modules/cluster",
        "aws_eks_addon.before_nodes",
        "module.network_role.aws_iam_role_policy_attachment.this",
    ),
    (
        "modules/cluster",
        "aws_eks_addon.on_nodes",
        "module.volumes_role.aws_iam_role_policy_attachment.this",
    ),
    (
        "modules/storage",
        "aws_datasync_location_s3.attachments",
        "aws_iam_role_policy.copy",
    ),
)

_REQUIRED_VERSION = re.compile(r'^\s*required_version = "([^"]*)"', re.M)
_PINNED = re.compile(r'source\s+= "([^"]+)"\s+version\s+= "([^"]+)"')
_EDGE = re.compile(r'"([^"]+)" -> "([^"]+)";')
_SUMMARY = re.compile(r"^(?:Success|Failure)! (\d+) passed, (\d+) failed", re.M)


@dataclass(frozen=True)
class Code:
    """The Terraform code of a repository."""

    root: Path

    @property
    def folders(self) -> list[Path]:
        """Every folder that is a module, what is applied first."""
        found = {path.parent for path in self.root.rglob("*.tf")}
        return sorted(found, key=lambda folder: (not self.is_root(folder), folder))

    def name(self, folder: Path) -> str:
        """A folder as people write it."""
        return folder.relative_to(self.root).as_posix()

    def is_root(self, folder: Path) -> bool:
        """Whether it is applied by itself."""
        return self.name(folder) in ROOTS


def check_format(terraform: Terraform, code: Code) -> Iterator[str]:
    """Files that `terraform fmt` would write otherwise."""
    answer = terraform.run(code.root, "fmt", "-check", "-recursive", "-no-color")
    if answer.status != 0:
        named = [line for line in answer.text.splitlines() if line.endswith(".hcl")]
        named += [line for line in answer.text.splitlines() if line.endswith(".tf")]
        for line in named or [answer.problem]:
            yield f"{line}: not formatted; run `terraform fmt -recursive terraform`"


def check_pins(
    code: Code, schemas: Iterable[ProviderSchema], terraform_version: str
) -> Iterator[str]:
    """Versions that are not exactly those that the code is checked with."""
    checked_with = {schema.address: schema.version for schema in schemas}
    for folder in code.folders:
        versions = folder / "versions.tf"
        text = versions.read_text(encoding="utf-8") if versions.is_file() else ""
        name = code.name(folder)
        if _REQUIRED_VERSION.findall(text) != [terraform_version]:
            yield f"{name}: versions.tf must require Terraform {terraform_version}"
        for source, version in _PINNED.findall(text):
            if checked_with.get(source) != version:
                yield (
                    f"{name}: pins {source} {version}, but is checked with "
                    f"{checked_with.get(source)}: both must be the same version"
                )


def check_states(code: Code) -> Iterator[str]:
    """Roots whose state is not locked, encrypted and their own."""
    for name in ROOTS:
        versions = code.root / name / "versions.tf"
        text = versions.read_text(encoding="utf-8") if versions.is_file() else ""
        for wanted in (
            f'key = "{name}/terraform.tfstate"',
            "encrypt = true",
            "use_lockfile = true",
        ):
            if wanted not in re.sub(r" +=", " =", text):
                yield f"{name}: the backend in versions.tf must say {wanted}"


def check_schema(terraform: Terraform, code: Code, folder: Path) -> Iterator[str]:
    """What does not fit the providers' schemas, or Terraform's own rules."""
    for words in (("get",), ("validate", "-no-color")):
        answer = terraform.run(folder, *words)
        if answer.status != 0:
            yield f"{code.name(folder)}: {words[0]}: {answer.problem}"
            return


def check_order(terraform: Terraform, code: Code, folder: Path) -> Iterator[str]:
    """What could be made before what it needs, by :data:`ORDERS`."""
    wanted = [order[1:] for order in ORDERS if order[0] == code.name(folder)]
    if not wanted:
        return
    answer = terraform.run(folder, "graph")
    if answer.status != 0:
        yield f"{code.name(folder)}: graph: {answer.problem}"
        return
    needs: dict[str, set[str]] = {}
    for later, earlier in _EDGE.findall(answer.text):
        needs.setdefault(later, set()).add(earlier)
    for later, earlier in wanted:
        if earlier not in _reached(needs, later):
            yield f"{code.name(folder)}: {later} must come after {earlier}"


def _reached(needs: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    open_ = [start]
    while open_:
        new = needs.get(open_.pop(), set()) - found
        found |= new
        open_ += new
    return found


@dataclass(frozen=True)
class TestRun:
    """How the tests of a folder ended."""

    passed: int
    problems: tuple[str, ...] = ()


def run_tests(terraform: Terraform, code: Code, folder: Path) -> TestRun:
    """Run the tests of a folder, with mocked providers."""
    name = code.name(folder)
    if not any(folder.rglob("*.tftest.hcl")):
        missing = f"{name}: has no tests"
        return TestRun(0, (missing,) if code.is_root(folder) else ())
    answer = terraform.run(folder, "test", "-no-color")
    counted = _SUMMARY.search(answer.text)
    passed, failed = (int(counted[1]), int(counted[2])) if counted else (0, 0)
    if answer.status != 0 or failed:
        return TestRun(passed, tuple(_failures(name, answer.text, answer.problem)))
    if not passed:
        return TestRun(0, (f"{name}: no test ran",))
    return TestRun(passed)


def _failures(name: str, text: str, problem: str) -> Iterator[str]:
    broken = re.findall(r'^\s*run "(\w+)"\.\.\. fail$', text, re.M)
    for run in broken:
        yield f"{name}: {run} failed"
    yield f"{name}: {problem}"


def check_policies(checkov: Sequence[str], code: Code, folder: str = ".") -> list[str]:
    """What checkov finds.

    :param checkov: how it is called.
    :raises DeliveryError: it broke down.
    """
    done = subprocess.run(
        [
            *checkov,
            f"--directory={folder}",
            f"--config-file={code.root / CHECKOV_SETTINGS}",
        ],
        cwd=code.root,
        env={**os.environ, "LOG_LEVEL": "ERROR"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1) or "terraform scan results" not in done.stdout:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise DeliveryError(f"checkov broke down: {' '.join(said)}")
    found = re.findall(
        r"^Check: (.*)$\n\s*FAILED for resource: (\S+)", done.stdout, re.M
    )
    problems = [f"{resource}: {check}" for check, resource in found]
    if done.returncode and not problems:
        raise DeliveryError("checkov failed without saying what it found")
    return problems
