"""``python -m simulator`` is the command line."""

from __future__ import annotations

import runpy
import sys

import pytest


def test_the_module_is_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["simulator", "--help"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("simulator", run_name="__main__")
    assert stop.value.code == 0
    assert "drive" in capsys.readouterr().out
