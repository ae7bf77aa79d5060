"""An alert on what nobody exports never fires, so it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.errors import DeliveryError
from delivery.watch.exported import read_exported
from delivery.watch.promql import selectors, unknown

EXPORTED = """\
# a comment

app_requests counter route status
app_seconds histogram outcome le=0.5,1.0,+Inf
app_queue gauge
"""


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "metrics.txt"
    path.write_text(EXPORTED)
    return path


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("app_queue > 1e3", ["app_queue"]),
        ("sum by (route, le) (rate(app_requests_total[5m]))", ["app_requests_total"]),
        ("max without(pod) (app_queue) offset 5m", ["app_queue"]),
        (
            "a_total / on (pod) group_left (x) b_total unless c == 0",
            ["a_total", "b_total", "c"],
        ),
        ('app{x="by (y)", z=~"[0-9]{2}"}', ["app"]),
        ("time() - max(ns:late:ratio_rate5m) # or nothing", ["ns:late:ratio_rate5m"]),
        ("histogram_quantile(0.99, app_seconds_bucket)", ["app_seconds_bucket"]),
    ],
)
def test_series_are_told_from_functions_labels_and_numbers(
    expression: str, names: list[str]
) -> None:
    assert [selector.name for selector in selectors(expression)] == names


@pytest.mark.parametrize(
    "expression",
    [
        'rate(app_requests_total{status=~"5..", namespace="x"}[5m])',
        'app_seconds_bucket{le="1.0", outcome!="x"}',
        "app_seconds_count + app_seconds_sum + app_queue",
        "sum(ns:app:ratio)",
    ],
)
def test_what_is_exported_or_recorded_may_be_asked_for(
    listed: Path, expression: str
) -> None:
    assert not list(unknown(expression, read_exported([listed]), {"ns:app:ratio"}))


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("app_requests", "nobody exports app_requests"),
        ("sum(rate(app_request_total[5m]))", "nobody exports app_request_total"),
        ("ns:other:ratio > 1", "nobody exports ns:other:ratio"),
        ('app_queue{route="/"}', "app_queue has no label route"),
        ('app_seconds_bucket{le="10.0"}', "app_seconds_bucket has no bucket le=10.0"),
        ('app_seconds_count{le="1.0"}', "app_seconds_count has no label le"),
    ],
)
def test_what_nobody_exports_is_named(listed: Path, expression: str, says: str) -> None:
    exported = read_exported([listed])
    assert list(unknown(expression, exported, {"ns:app:ratio"})) == [says]


@pytest.mark.parametrize("line", ["app_queue", "app_queue gauges"])
def test_a_list_that_says_no_type_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "metrics.txt"
    path.write_text(line + "\n")
    with pytest.raises(DeliveryError, match="names no type"):
        read_exported([path])
