"""Grafana dashboards, made from a description that people can read and compare."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from delivery.errors import DeliveryError

#: What a dashboard answers, in this order.
SECTIONS = ("freshness", "latency", "errors", "saturation")
SCHEMA_VERSION = 39
COLUMNS, WIDTH, HEIGHT = 24, 8, 8
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True)
class Panel:
    """One graph.

    :param unit: as Grafana names it: ``s``, ``percentunit``, ``bytes``, ``short``.
    :param limit: drawn as a line: what the value must stay below.
    :param queries: PromQL by legend.
    """

    title: str
    unit: str
    queries: dict[str, str]
    limit: float | None = None
    about: str = ""


@dataclass(frozen=True)
class Dashboard:
    """The graphs of one component, by section."""

    path: Path
    uid: str
    title: str
    sections: dict[str, list[Panel]]

    @property
    def rendered(self) -> Path:
        """Where the JSON is that Grafana reads."""
        return self.path.with_suffix(".json")

    @property
    def panels(self) -> list[Panel]:
        """All graphs."""
        return [panel for panels in self.sections.values() for panel in panels]

    @property
    def queries(self) -> dict[str, str]:
        """All queries, by where they are."""
        return {
            f"{self.path.stem}: {panel.title}: {legend}": query
            for panel in self.panels
            for legend, query in panel.queries.items()
        }


def read_dashboards(folder: Path) -> list[Dashboard]:
    """Every description of a folder.

    :raises DeliveryError: a description lacks something.
    """
    return [_read(path) for path in sorted(folder.glob("*.yaml"))]


def _read(path: Path) -> Dashboard:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        sections = {
            name: [Panel(**panel) for panel in panels]
            for name, panels in found["sections"].items()
        }
        return Dashboard(path, found["uid"], found["title"], sections)
    except (KeyError, TypeError, AttributeError) as error:
        raise DeliveryError(f"{path}: is no description of a dashboard: {error}") from (
            error
        )


def dashboard_problems(dashboards: list[Dashboard]) -> Iterator[str]:
    """What a description must not be, and files that are not made from it."""
    uids = Counter(dashboard.uid for dashboard in dashboards)
    for dashboard in dashboards:
        about = dashboard.path.stem
        if uids[dashboard.uid] > 1:
            yield f"{about}: another dashboard has the uid {dashboard.uid}"
        if tuple(dashboard.sections) != SECTIONS:
            yield f"{about}: its sections must be {', '.join(SECTIONS)}"
        titles = Counter(panel.title for panel in dashboard.panels)
        for title in (title for title, count in titles.items() if count > 1):
            yield f"{about}: two panels are called {title}"
        for section in (name for name, all_ in dashboard.sections.items() if not all_):
            yield f"{about}: nothing shows its {section}"
        made = dashboard.rendered
        if not made.is_file() or made.read_text(encoding="utf-8") != text(dashboard):
            yield f"{made.name}: is not what {dashboard.path.name} says; write it anew"


def text(dashboard: Dashboard) -> str:
    """The dashboard as a file for Grafana."""
    return json.dumps(render(dashboard), indent=1, ensure_ascii=False) + "\n"


def render(dashboard: Dashboard) -> dict[str, Any]:
    """The dashboard in Grafana's model."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["tms"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "timezone": "utc",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": list(_panels(dashboard)),
    }


def _variables() -> list[dict[str, Any]]:
    namespaces = "label_values(kube_deployment_spec_replicas, namespace)"
    return [
        {"name": "datasource", "type": "datasource", "query": "prometheus"},
        {
            "name": "namespace",
            "type": "query",
            "datasource": _SOURCE,
            "query": {"query": namespaces, "refId": "namespaces"},
            "regex": "tms-.*",
            "refresh": 1,
        },
    ]


def _panels(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    number, top = 0, 0
    for section, panels in dashboard.sections.items():
        number += 1
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": top}
        yield {
            "id": number,
            "type": "row",
            "title": section.capitalize(),
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        top += 1
        for index, panel in enumerate(panels):
            number += 1
            row, column = divmod(index * WIDTH, COLUMNS)
            place = {"h": HEIGHT, "w": WIDTH, "x": column, "y": top + row * HEIGHT}
            yield {"id": number, "gridPos": place, **_graph(panel)}
        top += HEIGHT * -(-len(panels) * WIDTH // COLUMNS)


def _graph(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.limit is not None:
        steps = [
            {"color": "green", "value": None},
            {"color": "red", "value": panel.limit},
        ]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
        defaults["custom"] = {"thresholdsStyle": {"mode": "line"}}
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _SOURCE,
                "expr": query.strip(),
                "legendFormat": legend,
            }
            for index, (legend, query) in enumerate(panel.queries.items())
        ],
    }
