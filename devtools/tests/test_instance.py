"""An instance: made from the template, started, hurt, stopped and deleted."""

from __future__ import annotations

import os
import signal
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from devtools.blueprint import DriveOptions
from devtools.errors import DevtoolsError
from devtools.instance import SERVICES, Instance, sweep
from devtools.layout import Layout
from devtools.ports import is_busy
from devtools.waiting import wait_until
from devtools.web import answers


def calls(instance: Instance) -> list[str]:
    """What the stand-in for Odoo was told."""
    return (instance.folder / "odoo" / "odoo.calls").read_text().splitlines()


def test_a_start_makes_the_instance_and_brings_every_service_up(
    instance: Instance,
) -> None:
    instance.start(drive=DriveOptions())
    assert [name for name in SERVICES if instance.is_healthy(name)] == list(SERVICES)
    assert answers(instance.urls.gps + "/readyz")
    assert answers(instance.urls.odoo + "/web/login")
    assert "driving 4 vehicles" in wait_until(
        lambda: instance.log("simulator").read_text(), what="a log", timeout_s=10
    )


def test_trackers_are_published_and_each_device_gets_its_token(
    instance: Instance,
) -> None:
    instance.start()
    assert not instance.is_running("simulator")
    assert instance.device_tokens() == {
        f"tracker-{number}": f"secret of tracker-{number}" for number in range(1, 5)
    }
    assert "call ir.cron.method_direct_trigger" in calls(instance)
    assert set(instance.gps_client().devices()) == set(instance.device_tokens())
    assert len(instance.gps_client().last_positions()) == 4


def test_nothing_secret_is_readable_by_others(instance: Instance) -> None:
    instance.start()
    open_files = [
        path
        for path in instance.folder.rglob("*")
        if path.is_file()
        and "logs" not in path.parts
        and stat.S_IMODE(path.stat().st_mode) & 0o077
        and any(
            secret in path.read_text(errors="replace")
            for secret in (instance.secrets.gps_hmac, *instance.passwords.values())
        )
    ]
    assert open_files == []
    assert stat.S_IMODE((instance.folder / "secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(instance.folder.stat().st_mode) == 0o700


def test_the_logins_get_passwords_and_every_other_user_loses_his(
    instance: Instance,
) -> None:
    instance.start()
    cluster = instance._blueprint().cluster
    rows = cluster.query("SELECT login, password FROM res_users", "tms")
    hashes = dict(row.split("|") for row in rows)
    assert hashes.pop("demo") == ""
    assert set(hashes) == set(instance.passwords)
    assert all(text.startswith("$pbkdf2-sha512$600000$") for text in hashes.values())
    assert instance.database_urls["gps"].startswith("postgresql://gps:")


def test_a_killed_service_can_be_started_again(instance: Instance) -> None:
    instance.start()
    for name in ("gps", "odoo", "postgres"):
        instance.kill(name)
        assert not instance.is_running(name)
        instance.start_service(name)
        assert instance.is_healthy(name)
    instance.restart("gps")
    assert instance.is_healthy("gps")
    with pytest.raises(DevtoolsError, match="simulator is not running"):
        instance.kill("simulator")


def test_starting_a_running_service_changes_nothing(instance: Instance) -> None:
    instance.start()
    before = instance.process("gps")
    instance.start_service("gps")
    assert instance.process("gps") == before


def test_stopping_ends_all_and_keeps_the_data(instance: Instance) -> None:
    instance.start(drive=DriveOptions())
    processes = [instance.process(name) for name in SERVICES]
    tokens, passwords = instance.device_tokens(), instance.passwords
    instance.stop()
    assert not any(process and process.alive for process in processes)
    assert "database system is shut down" in instance.log("postgres").read_text()
    instance.start()
    assert instance.passwords == passwords
    # The stand-in forgets its devices, so that each is given a token again.
    assert instance.device_tokens() == tokens


def test_a_busy_port_is_named_with_its_holder_and_variable(instance: Instance) -> None:
    instance.start()
    other = Instance("other", layout=instance.layout, ports=instance.ports)
    with pytest.raises(DevtoolsError) as refused:
        other.start()
    assert f"port {instance.ports.postgres} for postgres" in str(refused.value)
    assert f"pid {os.getpid()}" not in str(refused.value)
    assert "TMS_PG_PORT" in str(refused.value)
    assert not other.folder.exists()


def test_a_changed_addon_updates_the_database_at_the_next_start(
    instance: Instance,
) -> None:
    instance.start()
    instance.stop()
    (instance.layout.addon / "models" / "trip.py").write_text("STATES = ()\n")
    instance.start()
    assert "install tms_management" in calls(instance)
    instance.stop()
    (instance.folder / "odoo" / "odoo.calls").unlink()
    instance.start()
    assert "install tms_management" not in calls(instance)


def test_a_start_that_fails_ends_what_it_started(instance: Instance) -> None:
    instance.start()
    instance.stop()
    (instance.folder / "broken-schema").touch()
    with pytest.raises(DevtoolsError, match="schema of the GPS service") as failed:
        instance.start()
    assert failed.value.details[-1] == "no such revision"
    assert not any(instance.is_running(name) for name in SERVICES)
    assert not is_busy(instance.ports.postgres)


def test_a_service_that_ends_at_once_is_reported_with_its_log(
    instance: Instance,
) -> None:
    instance.start()
    (instance.folder / "secrets" / "gps_admin_token").unlink()
    with pytest.raises(DevtoolsError, match="gps ended at once|schema") as failed:
        instance.restart("gps")
    assert any("gps_admin_token" in line for line in failed.value.details)


def test_data_of_another_series_is_not_touched(
    instance: Instance, tmp_path: Path
) -> None:
    instance.start()
    instance.stop()
    tree = replace(instance.tree, series="18.0")
    other = Instance(
        instance.name, layout=instance.layout, ports=instance.ports, tree=tree
    )
    with pytest.raises(DevtoolsError, match="the data is of Odoo 19.0"):
        other.start()


def test_demo_data_without_the_logins_makes_no_instance(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "devtools.state.LOGINS", ("admin", "dispatcher", "nobody-of-that-name")
    )
    with pytest.raises(DevtoolsError, match="lacks the users nobody-of-that-name"):
        instance.start()
    assert not instance.exists
    assert not list(instance.layout.run.iterdir())


def test_the_logs_of_a_temporary_instance_outlive_it(layout: Layout) -> None:
    with Instance.temporary("kept", layout=layout, durable=False) as instance:
        instance.start()
    assert not instance.folder.exists()
    reports = layout.root / "reports" / instance.name
    assert (reports / "odoo.log").is_file()


def test_what_a_killed_test_left_is_swept(instance: Instance) -> None:
    instance.start()
    postgres = instance.process("postgres")
    assert postgres is not None
    state = instance.state
    assert state is not None and state.owner is not None
    gone = replace(state.owner, started=state.owner.started - 1)
    replace(state, owner=gone).save(instance.folder / "state.json")
    leftover = instance.layout.run / ".new-test-x-99999999"
    leftover.mkdir()
    assert sweep(instance.layout) == [instance.name]
    assert not postgres.alive
    assert not instance.folder.exists()
    assert not leftover.exists()


def test_an_instance_that_does_not_exist_has_no_secrets(layout: Layout) -> None:
    nothing = Instance("nothing", layout=layout)
    with pytest.raises(DevtoolsError, match="does not exist yet"):
        nothing.passwords
    with pytest.raises(DevtoolsError, match="holds no fleet"):
        nothing.device_tokens()
    nothing.stop()
    nothing.delete()


def test_health_is_false_when_it_cannot_be_asked(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    instance.start()
    monkeypatch.setenv("TMS_VENV_GPS", str(tmp_path))
    assert not instance.is_healthy("postgres")


def test_without_setup_there_is_no_odoo_to_run(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ODOO_HOME")
    with pytest.raises(DevtoolsError, match="run `make setup`"):
        Instance("early", layout=layout).start()


def test_a_signal_that_does_not_kill_leaves_the_process(instance: Instance) -> None:
    instance.start()
    instance.kill("gps", signal.SIGCONT)
    assert instance.is_running("gps")
