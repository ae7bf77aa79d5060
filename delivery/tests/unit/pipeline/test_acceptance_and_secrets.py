"""NOT CHECKED stops everything on GitHub; secrets are never quoted."""

from __future__ import annotations

import json

import pytest

from delivery.pipeline.acceptance import settle
from delivery.pipeline.errors import StepError
from delivery.pipeline.secrets import select
from delivery.verdict import Outcome

NOT_CHECKED = Outcome.NOT_CHECKED.value
LOCAL = {"ACT": "true", "ACCEPT_UNCHECKED": "dependencies, image"}


@pytest.mark.parametrize("gate", ["dependencies", "image"])
def test_a_local_run_may_go_on_unchecked_by_name(gate: str) -> None:
    code, line = settle(gate, NOT_CHECKED, LOCAL)
    assert code == 0
    assert line == f"::warning::{gate} NOT CHECKED, accepted for this run"


@pytest.mark.parametrize(
    ("environment", "hint"),
    [
        ({"ACT": "true"}, "--accept-unchecked=image"),
        (
            {"ACT": "true", "ACCEPT_UNCHECKED": "dependencies"},
            "--accept-unchecked=image",
        ),
        ({"ACCEPT_UNCHECKED": "image"}, "on GitHub nothing goes on unchecked"),
    ],
)
def test_else_not_checked_stops(environment: dict[str, str], hint: str) -> None:
    code, line = settle("image", NOT_CHECKED, environment)
    assert code == NOT_CHECKED
    assert hint in line


@pytest.mark.parametrize("code", [0, 1, 2])
def test_every_other_end_stays_what_it_is(code: int) -> None:
    assert settle("image", code, LOCAL) == (code, "")


SECRET = json.dumps({"gps_admin_token": "hunter2\n", "empty": " ", "two": "a\nb"})


def test_a_key_becomes_a_variable() -> None:
    values = select(SECRET, ["gps_admin_token=GPS_ADMIN_TOKEN"])
    assert values == {"GPS_ADMIN_TOKEN": "hunter2"}


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        (SECRET, "gps_admin_token"),
        (SECRET, "gps_admin_token=lower"),
        (SECRET, "absent=X"),
        (SECRET, "empty=X"),
        (SECRET, "two=X"),
        ("hunter2", "gps_admin_token=X"),
        ('["hunter2"]', "gps_admin_token=X"),
    ],
)
def test_an_entry_that_does_not_fit_is_refused_unquoted(text: str, pair: str) -> None:
    with pytest.raises(StepError, match="secret-entry") as caught:
        select(text, [pair])
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
