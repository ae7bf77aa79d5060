"""Settings from the environment and from files, and what is said of wrong ones."""

import os
from pathlib import Path

import pytest

from gps_ingestion_service.settings import (
    DatabaseSettings,
    Settings,
    SettingsError,
    load,
)

URL = "postgresql://gps:hunter2@db/gps"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting from outside."""
    for name in list(os.environ):
        if name.startswith("GPS_"):
            monkeypatch.delenv(name)


def put(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"GPS_{name}", value)


def test_the_environment_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, DATABASE_URL=URL, ADMIN_TOKEN="a", PUSH_INTERVAL_S="3.5")
    settings = load(Settings)
    assert settings.database_url.get_secret_value() == URL
    assert settings.push_interval_s == 3.5
    assert settings.ingest_token is None
    assert settings.odoo_url == ""


def test_ports_of_trackers_are_named_by_their_format(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(monkeypatch, DATABASE_URL=URL, ADMIN_TOKEN="a", TELTONIKA_PORT="5027")
    assert load(Settings).ports == {"teltonika": 5027}
    put(monkeypatch, TRACKER_PORTS="gt06:5023, teltonika:5027,")
    assert load(Settings).ports == {"teltonika": 5027, "gt06": 5023}
    put(monkeypatch, TRACKER_PORTS="", TELTONIKA_PORT="")
    assert load(Settings).ports == {}


def test_secrets_may_come_from_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "gps_database_url").write_text(f"{URL}\n")
    (tmp_path / "gps_admin_token").write_text("from-file\n")
    put(monkeypatch, SECRETS_DIR=str(tmp_path))
    settings = load(Settings)
    assert settings.admin_token.get_secret_value() == "from-file"
    assert settings.database_url.get_secret_value() == URL


def test_the_environment_comes_before_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "gps_admin_token").write_text("from-file")
    put(monkeypatch, SECRETS_DIR=str(tmp_path), DATABASE_URL=URL, ADMIN_TOKEN="env")
    assert load(Settings).admin_token.get_secret_value() == "env"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ADMIN_TOKEN": "a"}, "GPS_DATABASE_URL: is not set"),
        ({"DATABASE_URL": URL}, "GPS_ADMIN_TOKEN: is not set"),
        ({"DATABASE_URL": URL, "ADMIN_TOKEN": ""}, "GPS_ADMIN_TOKEN: is not set"),
        ({"DATABASE_URL": "mysql://x:hunter2@y", "ADMIN_TOKEN": "a"}, "postgresql://"),
        (
            {"DATABASE_URL": URL, "ADMIN_TOKEN": "a", "ODOO_URL": "odoo:8069"},
            "GPS_ODOO_URL: must start with http",
        ),
        (
            {"DATABASE_URL": URL, "ADMIN_TOKEN": "a", "ODOO_URL": "http://odoo"},
            "GPS_ODOO_HMAC_SECRET must be set",
        ),
        (
            {
                "DATABASE_URL": URL,
                "ADMIN_TOKEN": "a",
                "ODOO_URL": "http://odoo",
                "ODOO_HMAC_SECRET": "",
            },
            "GPS_ODOO_HMAC_SECRET must be set",
        ),
        (
            {"DATABASE_URL": URL, "ADMIN_TOKEN": "a", "PUSH_INTERVAL_S": "soon"},
            "GPS_PUSH_INTERVAL_S",
        ),
        (
            {"DATABASE_URL": URL, "ADMIN_TOKEN": "a", "QUEUE_MAX_ROWS": "10"},
            "GPS_QUEUE_MAX_ROWS must not be below",
        ),
        *(
            (
                {"DATABASE_URL": URL, "ADMIN_TOKEN": "a", "TRACKER_PORTS": ports},
                "GPS_TRACKER_PORTS: must be pairs such as teltonika:5027",
            )
            for ports in ("5027", "other:5027", "gt06:", "gt06:70000", "gt06:1:2")
        ),
        (
            {
                "DATABASE_URL": URL,
                "ADMIN_TOKEN": "a",
                "TRACKER_PORTS": "gt06:1,gt06:2",
            },
            "GPS_TRACKER_PORTS: must name each format once",
        ),
        (
            {
                "DATABASE_URL": URL,
                "ADMIN_TOKEN": "a",
                "TRACKER_PORTS": "gt06:1",
                "GT06_PORT": "2",
            },
            "GPS_TRACKER_PORTS and GPS_GT06_PORT name different ports",
        ),
        ({"SECRETS_DIR": "/nowhere"}, "GPS_SECRETS_DIR: /nowhere is not a folder"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line_without_its_value(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], message: str
) -> None:
    put(monkeypatch, **values)
    with pytest.raises(SettingsError) as caught:
        load(Settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_migrating_needs_the_database_only(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, DATABASE_URL=URL)
    assert "hunter2" not in repr(load(DatabaseSettings))
