"""A small repository with one alert and one dashboard."""

from __future__ import annotations

from pathlib import Path

from delivery.watch.check import EXPORTED, RUNBOOK, Watch
from delivery.watch.dashboards import text

RULES = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: app}
spec:
  groups:
    - name: app
      rules:
        - record: namespace:app:ratio
          expr: sum by (namespace) (app_queue) / 100
        - alert: AppQueueFull
          expr: namespace:app:ratio > 0.5
          for: 2m
          labels: {severity: page}
          annotations:
            summary: The queue is full.
            runbook: docs/runbooks/alerts.md#appqueuefull
"""
TESTS = """\
rule_files: [app.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: app_queue{namespace="x"}
        values: 10 60 60 60 60
    alert_rule_test:
      - {alertname: AppQueueFull, eval_time: 1m, exp_alerts: []}
      - alertname: AppQueueFull
        eval_time: 4m
        exp_alerts:
          - exp_labels: {namespace: x, severity: page}
            exp_annotations:
              summary: The queue is full.
              runbook: docs/runbooks/alerts.md#appqueuefull
"""
DASHBOARD = """\
uid: app
title: App
sections:
  freshness: [{title: Age, unit: s, queries: {age: time() - app_queue}}]
  latency: [{title: Wait, unit: s, limit: 1, queries: {wait: app_queue, p: app_queue}}]
  errors: [{title: Ratio, unit: percentunit, queries: {ratio: "namespace:app:ratio"}}]
  saturation: [{title: Queue, unit: short, queries: {rows: app_queue}}]
"""
FILES = {
    "monitoring/base/rules/app.yaml": RULES,
    "monitoring/tests/app.yaml": TESTS,
    "monitoring/base/dashboards/app.yaml": DASHBOARD,
    RUNBOOK: "# Alerts\n\n### AppQueueFull\n\nWait.\n",
    EXPORTED[0]: "app_queue gauge\n",
    EXPORTED[1]: "up gauge\n",
}


def repository(folder: Path) -> Path:
    """A repository in which all is well."""
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    for dashboard in Watch.read(folder).dashboards:
        dashboard.rendered.write_text(text(dashboard))
    return folder


def change(root: Path, name: str, old: str, new: str) -> None:
    """Replace a text that must be in the file."""
    path = root / name
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new))
