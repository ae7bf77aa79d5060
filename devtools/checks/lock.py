"""Compiles the locks: each ``.in`` file to the ``.txt`` beside it."""

from __future__ import annotations

import json
import re
from graphlib import TopologicalSorter
from pathlib import Path

from devtools.checks.repository import Repository
from devtools.commands import run
from devtools.environment import clean_environment
from devtools.layout import Layout

# Hashes for every package; nothing of the machine that compiled it.
OPTIONS = (
    "--quiet",
    "--generate-hashes",
    "--strip-extras",
    "--allow-unsafe",
    "--no-header",
    "--no-emit-index-url",
    "--no-emit-trusted-host",
    "--no-emit-find-links",
)
# Packages of which only data files are used are locked without what they depend on.
DATA_ONLY = "-data.in"
_NAMED = re.compile(r"^-[rc]\s+(\S+)", re.MULTILINE)


def compile_locks(layout: Layout, upgrade: bool) -> None:
    """Compile every lock, those that others build on first.

    :param upgrade: take the newest permitted versions; otherwise a version stays as
        long as its requirement permits it.
    :raises DevtoolsError: when a set of requirements cannot be met.
    """
    repository = Repository(layout.root)
    sources = [path for path in repository.files if path.suffix == ".in"]
    program = str(layout.venv("delivery") / "bin" / "pip-compile")
    for source in ordered(layout.root, sources):
        print(f"{source}: compiling", flush=True)
        if source.name.endswith(DATA_ONLY):
            _lock_data(layout, source)
            continue
        argv = [program, *OPTIONS, *(["--upgrade"] if upgrade else [])]
        run(
            [*argv, "--output-file", source.with_suffix(".txt").name, source.name],
            log=layout.logs / "lock.log",
            what=f"locking {source}",
            cwd=(layout.root / source).parent,
            env=clean_environment(),
        )


def _lock_data(layout: Layout, source: Path) -> None:
    """Lock packages without their dependencies, which pip-compile cannot."""
    python = str(layout.python("delivery"))
    pip = [python, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps"]
    output = run(
        [
            *pip,
            "--ignore-installed",
            "--only-binary=:all:",
            "--report=-",
            "-r",
            source.name,
        ],
        log=layout.logs / "lock.log",
        what=f"locking {source}",
        cwd=(layout.root / source).parent,
        env=clean_environment(),
    )
    lines = []
    for package in json.loads(output)["install"]:
        about, archive = package["metadata"], package["download_info"]["archive_info"]
        lines.append(
            f"{about['name']}=={about['version']} \\\n"
            f"    --hash=sha256:{archive['hashes']['sha256']}\n"
            f"    # via -r {source.name}, the wheel; always with --no-deps\n"
        )
    lock = layout.root / source.with_suffix(".txt")
    lock.write_text("".join(lines), encoding="utf-8")


def ordered(root: Path, sources: list[Path]) -> list[Path]:
    """Sources in an order in which each comes after the locks that it names."""
    known = {(root / source).resolve(): source for source in sources}
    graph: dict[Path, list[Path]] = {}
    for path, source in known.items():
        named = _NAMED.findall(path.read_text(encoding="utf-8"))
        targets = [(path.parent / name).with_suffix(".in").resolve() for name in named]
        graph[source] = [known[target] for target in targets if target in known]
    return list(TopologicalSorter(graph).static_order())
