"""What leaves the cluster as a log holds no secret; the script runs in LuaJIT."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from typing import Any

import pytest
from lupa.luajit21 import LuaRuntime

ROOT = Path(__file__).resolve().parents[4]
LOGS = ROOT / "monitoring" / "logs"
NAME = "tms-production"


def shipped(record: dict[str, Any]) -> dict[str, Any]:
    """What becomes of a record."""
    lua = LuaRuntime(unpack_returned_tuples=True)
    lua.execute((LOGS / "redact.lua").read_text())
    status, timestamp, made = lua.globals().redact(
        "application.x", 12.5, lua.table_from(record, recursive=True)
    )
    assert (status, timestamp) == (2, 12.5), "changed, at the time that it had"
    return _plain(made)


def _plain(table: Any) -> dict[str, Any]:
    return {
        key: _plain(value) if hasattr(value, "items") else value
        for key, value in table.items()
    }


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            "cannot connect to postgresql://gps:hunter2@gps-db:5432/gps",
            "cannot connect to postgresql://[redacted]@gps-db:5432/gps",
        ),
        (
            'headers: {"Authorization": "Bearer hunter2"}',
            'headers: {"Authorization": "Bearer [redacted]"}',
        ),
        ("Authorization: Basic aHVudGVyMg==", "Authorization: Basic [redacted]"),
        (
            "GET /v1/osmand?id=7&token=hunter2&lat=1",
            "GET /v1/osmand?id=7&token=[redacted]&lat=1",
        ),
        ("dsn: host=odoo-db password=hunter2", "dsn: host=odoo-db password=[redacted]"),
        ("{'password': 'hunter2', 'x': 1}", "{'password': '[redacted]', 'x': 1}"),
    ],
)
def test_secrets_in_a_text_are_hidden(text: str, left: str) -> None:
    assert shipped({"log": text}) == {"log": left}


def test_fields_whose_name_says_so_are_hidden_at_any_depth() -> None:
    event = {"Token": "hunter2", "device": "D1", "request": {"cookie": "hunter2"}}
    assert shipped({"event": event, "stream": "stderr"}) == {
        "event": {
            "Token": "[redacted]",
            "device": "D1",
            "request": {"cookie": "[redacted]"},
        },
        "stream": "stderr",
    }


def test_what_is_no_secret_is_left_as_it_is() -> None:
    record = {
        "event": {"status": 401, "path": "/v1/positions", "message": "invalid_token"},
        "log": "http://tms-odoo:8069/web/login took 0.2 s, user a@b.example",
    }
    assert shipped(record) == record


def settings(file: str) -> dict[str, str]:
    """What a part of Fluent Bit's configuration says, the last word of each key."""
    text = (LOGS / file).read_text()
    return dict(re.findall(r"^ +(\S+) +(\S.*)$", text, re.M))


def test_only_the_logs_of_our_pods_are_taken() -> None:
    path = settings("inputs.conf")["Path"]
    folder = "/var/log/containers"
    assert fnmatch.fnmatch(f"{folder}/tms-odoo-7c9-x1_{NAME}_odoo-1f.log", path)
    assert not fnmatch.fnmatch(f"{folder}/coredns-1_kube-system_coredns-2e.log", path)


def test_every_record_is_cleaned_before_it_leaves() -> None:
    filtered = settings("filters.conf")
    assert (filtered["Name"], filtered["call"]) == ("lua", "redact")
    assert filtered["script"] == "/fluent-bit/scripts/redact.lua"
    tag = settings("inputs.conf")["Tag"]
    assert filtered["Match"] == settings("outputs.conf")["Match"] == tag


def test_fluent_bit_has_what_its_configuration_names() -> None:
    """The chart mounts scripts in one folder; Terraform sets the variables."""
    module = (ROOT / "terraform/modules/watch/logs.tf").read_text()
    for name in re.findall(r"\$\{(\w+)\}", (LOGS / "outputs.conf").read_text()):
        assert f'{{ name = "{name}", ' in module
    assert '"redact.lua" = file(' in module
    mounted = re.findall(r'mountPath = "([^"]+)"', module)
    assert any(settings("inputs.conf")["DB"].startswith(path) for path in mounted)
