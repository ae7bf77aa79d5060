"""Rules and dashboards in git are sound, and what is not is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from delivery.cli import main
from delivery.errors import DeliveryError
from delivery.watch.check import Watch
from delivery.watch.dashboards import SECTIONS, Dashboard, render

from .samples import change, repository

ROOT = Path(__file__).resolve().parents[4]
RULES = "monitoring/base/rules/app.yaml"
TESTS = "monitoring/tests/app.yaml"
BOARD = "monitoring/base/dashboards/app.yaml"
RUNBOOK = "docs/runbooks/alerts.md"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return repository(tmp_path)


def problems(root: Path) -> list[str]:
    return list(Watch.read(root).problems())


def test_what_is_in_git_is_sound() -> None:
    assert problems(ROOT) == []


def test_both_components_have_rules_tests_and_a_dashboard() -> None:
    watch = Watch.read(ROOT)
    components = ["gps-ingestion-service", "tms-odoo"]
    assert [file.name for file in watch.rules] == components
    assert [board.path.stem for board in watch.dashboards] == components
    assert set(components) <= {test.stem for test in watch.tests}


def test_the_sample_is_sound(root: Path) -> None:
    assert problems(root) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        (RULES, "severity: page", "severity: loud", "severity must be one of"),
        (RULES, "summary: The queue is full.", "about: x", "has no summary"),
        (RULES, "#appqueuefull", "#elsewhere", "runbook must be docs/runbooks/alerts"),
        (RUNBOOK, "### AppQueueFull", "### AppQueue", "has no section AppQueueFull"),
        (RUNBOOK, "Wait.", "Wait.\n\n### Gone\n", "Gone is no alert"),
        (RULES, "> 0.5", "> app_limit", "nobody exports app_limit"),
        (TESTS, "exp_alerts: []}", "exp_alerts: [{}]}", "does not fire"),
        (TESTS, "alertname: AppQueueFull\n", "alertname: App\n", "AppQueueFull fires"),
        (BOARD, "rows: app_queue", "rows: app_rows", "Queue: rows: nobody exports"),
        (RULES, "namespace:app:ratio > 0.5", "up == 0",
         "no panel shows what AppQueueFull watches"),
        (BOARD, "title: Queue", "title: Wait", "two panels are called Wait"),
        (BOARD, "  saturation:", "  load:", "its sections must be freshness, "),
        (BOARD, "[{title: Age, unit: s, queries: {age: time() - app_queue}}]", "[]",
         "nothing shows its freshness"),
        (BOARD, "title: App", "title: Other", "app.json: is not what app.yaml says"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    root: Path, file: str, old: str, new: str, says: str
) -> None:
    change(root, file, old, new)
    assert any(says in problem for problem in problems(root)), problems(root)


def test_two_dashboards_have_different_uids(root: Path) -> None:
    board = root / BOARD
    board.with_stem("other").write_text(board.read_text())
    assert "app: another dashboard has the uid app" in problems(root)


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        (RULES, "kind: ConfigMap\n", "must hold one PrometheusRule"),
        (BOARD, "title: App\n", "is no description of a dashboard"),
        (BOARD, "uid: a\ntitle: b\nsections: {latency: [{odd: 1}]}\n", "description"),
    ],
)
def test_a_file_of_another_kind_is_refused(
    root: Path, file: str, content: str, says: str
) -> None:
    (root / file).write_text(content)
    with pytest.raises(DeliveryError, match=says):
        Watch.read(root)


@pytest.mark.parametrize("board", Watch.read(ROOT).dashboards, ids=lambda b: b.uid)
def test_a_dashboard_is_one_that_grafana_can_show(board: Dashboard) -> None:
    made = render(board)
    ids = [panel["id"] for panel in made["panels"]]
    assert len(set(ids)) == len(ids)
    rows = [panel["title"] for panel in made["panels"] if panel["type"] == "row"]
    assert rows == [section.capitalize() for section in SECTIONS]
    taken: set[tuple[int, int]] = set()
    for panel in made["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies over another"
        taken |= cells
    graphs = [panel for panel in made["panels"] if panel["type"] == "timeseries"]
    assert len(graphs) == len(board.panels)
    for graph in graphs:
        assert all('namespace="$namespace"' in t["expr"] for t in graph["targets"])


def test_a_limit_is_drawn_as_a_line(root: Path) -> None:
    (board,) = Watch.read(root).dashboards
    wait = next(p for p in render(board)["panels"] if p["title"] == "Wait")
    defaults = wait["fieldConfig"]["defaults"]
    assert defaults["custom"] == {"thresholdsStyle": {"mode": "line"}}
    assert defaults["thresholds"]["steps"][-1] == {"color": "red", "value": 1}
    assert [target["refId"] for target in wait["targets"]] == ["A", "B"]


Script = Callable[[str], None]


@pytest.fixture
def promtool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """A program that says what it is told to, in place of promtool."""

    def install(script: str) -> None:
        program = tmp_path / "promtool"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PROMTOOL", str(program))

    return install


def test_the_command_is_clean_when_promtool_is_content(
    root: Path, promtool: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    promtool("exit 0")
    assert main(["watch", str(root)]) == 0
    said = capsys.readouterr().out
    assert "watch: CLEAN: 1 alerts, tested; 1 dashboards" in said


def test_promtool_gets_the_rules_as_prometheus_reads_them(
    root: Path, promtool: Script, tmp_path: Path
) -> None:
    promtool(f'shift 2; for file; do cp "$file" {tmp_path}; done')
    assert main(["watch", str(root)]) == 0
    assert (tmp_path / "app.yaml").read_text().startswith("groups:")
    queries = (tmp_path / "dashboards.yaml").read_text()
    assert queries.count("query:number:") == 5
    assert (tmp_path / "test-app.yaml").is_file()


def test_the_command_says_what_promtool_said_and_of_which_query(
    root: Path, promtool: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    promtool("""echo '  SUCCESS: 2 rules'; echo 'bad "query:number:4"' >&2; exit 1""")
    assert main(["watch", str(root)]) == 1
    said = capsys.readouterr().out
    assert "promtool: bad app: Queue: rows" in said
    assert "SUCCESS" not in said


def test_without_promtool_nothing_is_checked(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("PROMTOOL", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["watch", str(root)]) == 3
    assert "watch: NOT CHECKED: promtool" in capsys.readouterr().out


def test_the_command_writes_what_grafana_reads(root: Path) -> None:
    change(root, BOARD, "title: App", "title: Other")
    assert main(["watch", str(root), "--write"]) == 0
    assert json.loads((root / BOARD).with_suffix(".json").read_text())["title"] == (
        "Other"
    )
    assert problems(root) == []
