"""A histogram that takes a batch at once is the histogram it is made from."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from gps_ingestion_service.observability.metrics import BulkHistogram

BUCKETS = (0.5, 1, 60, 3600)
# Of binary fractions a sum is exact in any order.
ages = st.lists(st.integers(0, 40_000).map(lambda number: number / 8))


@given(ages)
def test_a_batch_is_observed_like_its_values_one_by_one(values: list[float]) -> None:
    at_once, one_by_one = CollectorRegistry(), CollectorRegistry()
    BulkHistogram("age", "", buckets=BUCKETS, registry=at_once).observe_all(values)
    histogram = Histogram("age", "", buckets=BUCKETS, registry=one_by_one)
    for value in values:
        histogram.observe(value)
    assert _samples(at_once) == _samples(one_by_one)


def _samples(registry: CollectorRegistry) -> list[str]:
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if "_created" not in line]
