"""The command line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from delivery.platform import cli
from delivery.platform.comparison import Difference
from delivery.platform.errors import PlatformError
from delivery.platform.local import LocalPlatform, Part
from delivery.platform.steps import Steps

Patch = pytest.MonkeyPatch
Output = pytest.CaptureFixture[str]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment with a platform's folder of its own."""
    return {"TMS_PLATFORM_DIR": str(tmp_path / "p")}


def test_up_and_sync_run_and_succeed(
    environ: dict[str, str], monkeypatch: Patch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(LocalPlatform, "up", lambda self: done.append("up"))
    monkeypatch.setattr(LocalPlatform, "sync_secrets", lambda self: done.append("s"))
    assert cli.main(["up"], environ) == 0
    assert cli.main(["sync-secrets"], environ) == 0
    assert done == ["up", "s"]


def test_a_failure_is_one_line(
    environ: dict[str, str], monkeypatch: Patch, capsys: Output
) -> None:
    def fail(self: LocalPlatform) -> None:
        raise PlatformError("no disk")

    monkeypatch.setattr(LocalPlatform, "up", fail)
    assert cli.main(["up"], environ) == 1
    assert capsys.readouterr().err == "platform up: no disk\n"


def test_an_interruption_says_how_to_go_on(
    environ: dict[str, str], monkeypatch: Patch, capsys: Output
) -> None:
    def interrupt(self: LocalPlatform) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalPlatform, "up", interrupt)
    assert cli.main(["up"], environ) == 130
    assert "`up` goes on from here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("left", "status"), [([], 0), ([Difference("mounts", "/x was added")], 1)]
)
def test_down_tells_whether_the_machine_is_as_before(
    environ: dict[str, str],
    monkeypatch: Patch,
    capsys: Output,
    left: list[Difference],
    status: int,
) -> None:
    monkeypatch.setattr(LocalPlatform, "down", lambda self: left)
    assert cli.main(["down"], environ) == status
    said = capsys.readouterr()
    assert ("as it was before" in said.out) == (status == 0)
    assert ("NOT AS BEFORE  mounts: /x was added" in said.err) == (status == 1)


@pytest.mark.parametrize(("up", "status"), [(True, 0), (False, cli.NOT_UP)])
def test_status_is_for_scripts_too(
    environ: dict[str, str], monkeypatch: Patch, capsys: Output, up: bool, status: int
) -> None:
    part = Part("engine", up, "unix:///x")
    monkeypatch.setattr(LocalPlatform, "status", lambda self: [part])
    assert cli.main(["status"], environ) == status
    assert "engine     unix:///x" in capsys.readouterr().out


def test_the_environment_is_printed_when_there_is_one(
    environ: dict[str, str], capsys: Output
) -> None:
    assert cli.main(["env"], environ) == 1
    assert "nothing is up" in capsys.readouterr().err
    file = Path(environ["TMS_PLATFORM_DIR"]) / "state/platform.env"
    file.parent.mkdir(parents=True)
    file.write_text("export A=b\n")
    own = f"{environ['TMS_PLATFORM_DIR']}/state/bin"
    for path in ("/usr/bin:/bin", f"/usr/bin:{own}:/bin"):
        assert cli.main(["env"], {**environ, "PATH": path}) == 0
        said = f"export A=b\nexport PATH={own}:/usr/bin:/bin\n"
        assert capsys.readouterr().out == said


def test_url_passes_names_on(
    environ: dict[str, str], monkeypatch: Patch, capsys: Output
) -> None:
    monkeypatch.setattr(
        LocalPlatform, "service_url", lambda self, *words: "/".join(map(str, words))
    )
    assert cli.main(["url", "tms-staging", "tms-odoo"], environ) == 0
    assert capsys.readouterr().out == "tms-staging/tms-odoo/None\n"


def test_the_image_of_odoo_is_named(
    environ: dict[str, str], monkeypatch: Patch, capsys: Output
) -> None:
    assert cli.main(["odoo-image", "/opt/odoo"], environ) == 1
    assert "no registry is up" in capsys.readouterr().err
    monkeypatch.setattr(LocalPlatform, "odoo_image", lambda self, home: f"of {home}")
    assert cli.main(["odoo-image", "/opt/odoo"], environ) == 0
    assert capsys.readouterr().out == "of /opt/odoo\n"


def test_steps_print_their_time() -> None:
    out = io.StringIO()
    ticks = iter([10.0, 12.5])
    steps = Steps(out, clock=lambda: next(ticks))
    with steps.step("cluster"):
        steps.note("a note")
    assert out.getvalue() == "... cluster\n          a note\n   2.5 s  cluster\n"
    assert steps.total_s == 2.5


def test_a_step_that_fails_is_not_counted() -> None:
    steps = Steps(io.StringIO())
    with pytest.raises(PlatformError), steps.step("cluster"):
        raise PlatformError("x")
    assert steps.taken == []
