"""What must not be in any file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from devtools.checks import hygiene, registry_hosts
from devtools.checks.check import Status
from devtools.checks.hygiene import HygieneCheck
from devtools.tests.checks.conftest import MakeRepository

AWS_KEY = "AKIA" + "ABCDEFGHIJKLMNOP"


def test_a_file_that_is_too_long_is_found(make_repository: MakeRepository) -> None:
    repository = make_repository(
        {
            "long.py": "x = 1\n" * 501,
            "fine.py": "x = 1\n" * 500,
            "lock.txt": "a\n" * 900,
        }
    )

    assert list(hygiene.long_files(repository)) == ["long.py: 501 lines"]


def test_ignored_and_binary_files_are_not_looked_at(
    make_repository: MakeRepository,
) -> None:
    repository = make_repository(
        {".gitignore": "/build/\n", "build/long.py": "x\n" * 600, "a.md": "\0[a](b)"}
    )

    assert list(hygiene.long_files(repository)) == []
    assert list(hygiene.dead_links(repository)) == []


@pytest.mark.parametrize(
    "link",
    [
        "[a](other.md)",
        "[a](other.md#part)",
        "![a](../image%20one.png)",
        "[a](/docs/other.md 'title')",
        "[a](https://example.org/none)",
        "[a](mailto:nobody@example.org)",
        "[a](#part)",
        "```\n[a](none.md)\n```",
    ],
)
def test_links_that_lead_somewhere(make_repository: MakeRepository, link: str) -> None:
    files = {"docs/page.md": link, "docs/other.md": "", "image one.png": ""}

    assert list(hygiene.dead_links(make_repository(files))) == []


@pytest.mark.parametrize("link", ["[a](none.md)", "![a](none.png)", "[a](/none.md)"])
def test_a_link_that_leads_nowhere_is_found(
    make_repository: MakeRepository, link: str
) -> None:
    (finding,) = hygiene.dead_links(make_repository({"docs/page.md": f"see {link}"}))

    assert finding.startswith("docs/page.md: ")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"key = '{AWS_KEY}'", "an AWS access key"),
        ("-----BEGIN " + "RSA PRIVATE KEY-----", "a private key"),
        ("ghp_" + "a" * 36, "a GitHub token"),
        ("xoxb-" + "1234567890-abc", "a Slack token"),
        ("postgresql://odoo:" + "hunter2hunter2@db/odoo", "a password in a URL"),
    ],
)
def test_a_secret_is_found_and_not_repeated(
    make_repository: MakeRepository, text: str, what: str
) -> None:
    repository = make_repository({"settings.py": f"\n{text}\n"})

    assert list(hygiene.secrets(repository)) == [f"settings.py:2: {what}"]


@pytest.mark.parametrize(
    "text",
    ["postgresql://{role}:{password}@db/odoo", "http://127.0.0.1:8069/a@b", "AKIA"],
)
def test_what_only_looks_like_a_secret_is_not_found(
    make_repository: MakeRepository, text: str
) -> None:
    assert list(hygiene.secrets(make_repository({"settings.py": text}))) == []


def test_a_registry_is_found_by_its_hash(
    make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(b"registry.example.org").hexdigest()
    monkeypatch.setattr(hygiene, "well_known_hashes", lambda: frozenset({digest}))
    monkeypatch.setattr(hygiene, "configured_hosts", lambda: {"mirror.example.org"})
    repository = make_repository(
        {
            "lock.json": '"resolved": "https://Registry.example.org/a.tgz"\n',
            "sources.list": "\ndeb https://mirror.example.org/debian sid main\n",
            "README.md": "example.org has a page\n",
        }
    )

    assert sorted(hygiene.registry_hosts(repository)) == [
        "lock.json:1: registry.example.org",
        "sources.list:2: mirror.example.org",
    ]


def test_the_hosts_of_this_machines_clients_are_known() -> None:
    """Not which, but that every client was asked: each has at least its default."""
    assert len(registry_hosts.configured_hosts()) >= 1
    assert all(len(digest) == 64 for digest in registry_hosts.well_known_hashes())


def test_a_client_that_is_not_there_has_no_hosts() -> None:
    assert registry_hosts._output_of(("no-such-client",)) == ""


def test_findings_fail_and_are_in_the_log(
    make_repository: MakeRepository, tmp_path: Path
) -> None:
    log = tmp_path / "check.log"
    repository = make_repository({"long.py": "x = 1\n" * 501})

    outcome = HygieneCheck(repository, hygiene.long_files, "split them")(log)

    assert (outcome.status, outcome.note) == (Status.FAILED, "1 found; split them")
    assert log.read_text() == "long.py: 501 lines\n"
    assert HygieneCheck(repository, hygiene.dead_links, "")(log).note == ""


def test_shell_files_are_known_by_ending_or_first_line(
    make_repository: MakeRepository,
) -> None:
    repository = make_repository(
        {
            "a.sh": "",
            "run": "#!/usr/bin/env bash\n",
            "b": "#!/bin/sh\n",
            "c.py": "#!/usr/bin/env python3\n",
            "d": "bash\n",
        }
    )

    assert {str(path) for path in repository.shell_files()} == {"a.sh", "run", "b"}
