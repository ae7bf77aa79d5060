"""A format that is added as its guide says has all that the others have."""

import re
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import cast

import pytest
from support.listening import codes, has_ended, stored
from support.service import in_process, settings_for
from support.sockets import linked
from support.trackers import IMEI

from gps_ingestion_service.cli import main
from gps_ingestion_service.database import Connection
from gps_ingestion_service.formats import TRACKER_FORMATS, TrackerFormat

GUIDE = Path(__file__).parents[2] / "docs" / "adding-a-format.md"
LOGIN = IMEI.encode() + b"\n"


def line(latitude: float) -> bytes:
    """A position of now, with more digits than a binary format has a header."""
    return b"%d,%.60f,73.8,54\n" % (time.time(), latitude)


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrackerFormat:
    """The one of the guide, in the table."""
    found = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found is not None
    path = tmp_path / "lines.py"
    path.write_text(found[1])
    spec = spec_from_file_location("lines", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(TRACKER_FORMATS, "lines", module.FORMAT)
    return cast(TrackerFormat, module.FORMAT)


@pytest.mark.usefixtures("example")
async def test_it_has_a_port_and_is_answered_after_commit(
    migrated_url: str, db: Connection
) -> None:
    settings = settings_for(migrated_url, tracker_ports="lines:0")
    async with in_process(settings) as service:
        await service.state.registry.load()
        await service.provision(IMEI)
        assert set(service.state.listeners.ports) == {"lines"}
        async with linked(service.state.listeners.ports["lines"]) as link:
            assert await link.ask(LOGIN, 8) == b"welcome\n"
            assert await link.ask(line(18.5), 2) == b"1\n"
            assert await stored(db) == 1
            assert await link.ask(line(95), 2) == b"1\n"
            assert await link.ask(b"hello,\n", 2) == b"0\n"
            assert await codes(db) == ["out_of_range", "invalid_frame"]
            assert await link.ask(b"9" * 300, 1) == b""
        assert has_ended(service, "frame_too_large", "lines")


@pytest.mark.usefixtures("example")
def test_people_decode_it_at_a_shell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gps_ingestion_service.cli.PROTOCOLS", ["lines"])
    assert main(["decode", "lines", (LOGIN + line(18.5)).hex()]) == 0
    assert f'"device_id":"{IMEI}"' in capsys.readouterr().out
