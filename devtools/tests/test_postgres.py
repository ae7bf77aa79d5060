"""PostgreSQL from the wheel: durable, private, restarted after a crash."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from devtools import postgres
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.ports import Ports
from devtools.postgres import Cluster, find_binaries, quote, unprivileged
from devtools.processes import ProcessIdentity


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    binaries = find_binaries(Layout.discover().venv("gps"))
    port = Ports.free().postgres
    folder = tmp_path / "a folder"
    folder.mkdir()
    cluster = Cluster(binaries, folder / "data", port, folder / "log", "it's secret")
    cluster.initialise()
    return cluster


@pytest.fixture
def server(cluster: Cluster) -> Iterator[ProcessIdentity]:
    process = cluster.start()
    yield process
    cluster.stop(process)


def test_a_server_asks_for_a_password_and_reaches_the_disk(
    cluster: Cluster, server: ProcessIdentity
) -> None:
    assert cluster.initialised
    assert cluster.query("SHOW fsync; SHOW synchronous_commit") == ["on", "on"]
    assert cluster.query("SHOW listen_addresses") == ["127.0.0.1"]
    assert not replace(cluster, password="guess").accepts_connections()


def test_only_what_can_be_thrown_away_runs_without_fsync(cluster: Cluster) -> None:
    disposable = replace(cluster, durable=False)
    process = disposable.start()
    try:
        assert disposable.query("SHOW fsync") == ["off"]
    finally:
        assert disposable.stop(process)
    disposable.sync()


def test_it_comes_back_with_its_data_after_a_kill(
    cluster: Cluster, server: ProcessIdentity
) -> None:
    cluster.query("CREATE TABLE fix (at int); INSERT INTO fix VALUES (1)")
    server.send(signal.SIGKILL)
    assert server.gone_within(10)
    again = cluster.start()
    try:
        assert cluster.query("SELECT at FROM fix") == ["1"]
    finally:
        cluster.stop(again)


def test_a_refused_statement_is_told(cluster: Cluster, server: ProcessIdentity) -> None:
    with pytest.raises(DevtoolsError, match="refused a statement") as refused:
        cluster.query("SELECT nothing")
    assert 'column "nothing" does not exist' in refused.value.details[0]
    assert cluster.query(f"SELECT {quote('it' + chr(39) + 's')}") == ["it's"]


def test_a_folder_that_cannot_be_initialised_is_told(cluster: Cluster) -> None:
    (cluster.data / "PG_VERSION").unlink()
    for path in sorted(cluster.data.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    cluster.data.rmdir()
    broken = replace(cluster, binaries=cluster.binaries / ".." / "lib")
    with pytest.raises((DevtoolsError, OSError)):
        broken.initialise()


def test_a_server_that_cannot_start_shows_its_log(cluster: Cluster) -> None:
    (cluster.data / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(DevtoolsError, match="did not start") as failed:
        cluster.start()
    assert any("no_such_setting" in line for line in failed.value.details)


def test_a_virtualenv_without_the_wheel_is_told(tmp_path: Path) -> None:
    with pytest.raises(DevtoolsError, match="no PostgreSQL in .*make setup"):
        find_binaries(tmp_path)


def test_an_ordinary_user_needs_no_disguise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert unprivileged(tmp_path) == ()


def test_root_without_namespaces_becomes_nobody_who_owns_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners: list[tuple[str, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgres, "_namespaces_permitted", lambda: False)
    monkeypatch.setattr(
        os, "chown", lambda path, uid, gid, **_: owners.append((path.name, uid))
    )
    results = iter([0, 1])
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda *args, **kwargs: SimpleNamespace(returncode=next(results)),
    )
    data = tmp_path / "data"
    (data / "base").mkdir(parents=True)
    assert unprivileged(data)[0] == "setpriv"
    assert owners == [("data", 65534), ("base", 65534)]
    with pytest.raises(DevtoolsError, match="nobody may not enter"):
        unprivileged(data)


def test_a_machine_without_unshare_has_no_namespaces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres, "_NAMESPACE", ("no-such-program",))
    postgres._namespaces_permitted.cache_clear()
    assert not postgres._namespaces_permitted()
    postgres._namespaces_permitted.cache_clear()
