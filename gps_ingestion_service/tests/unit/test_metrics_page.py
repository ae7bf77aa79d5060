"""``metrics.txt`` is what rules and dashboards may count on: it is the real page."""

from datetime import UTC, datetime
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families
from support.service import Service

CATALOGUE = Path(__file__).parents[2] / "metrics.txt"
# How a client's samples of a family are called.
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}


def catalogue() -> dict[str, tuple[str, frozenset[str], tuple[str, ...]]]:
    """Type, labels and upper bounds of each family in the file."""
    families = {}
    for line in CATALOGUE.read_text().splitlines():
        if line and not line.startswith("#"):
            name, kind, *words = line.split()
            bounds = [word.removeprefix("le=") for word in words if "le=" in word]
            labels = frozenset(word for word in words if "le=" not in word)
            upper = tuple(bounds[0].split(",")) if bounds else ()
            families[name] = (kind, labels, upper)
    return families


async def page(service: Service) -> str:
    """What Prometheus reads after some traffic."""
    headers = await service.provision("METRICS-1")
    now = datetime.now(UTC).isoformat()
    good = {"latitude": 18.5, "longitude": 73.8, "timestamp": now}
    await service.post([good, {**good, "latitude": 91}], headers)
    await service.post([], {"Authorization": "Bearer wrong"})
    return await service.metrics()


async def test_the_file_lists_exactly_the_families_of_the_page(
    service: Service,
) -> None:
    families = text_string_to_metric_families(await page(service))
    found = {
        family.name: family.type
        for family in families
        if not family.name.endswith("_created")
    }
    assert found == {name: kind for name, (kind, _, _) in catalogue().items()}


async def test_samples_have_the_names_labels_and_bounds_of_the_file(
    service: Service,
) -> None:
    known = catalogue()
    sampled = 0
    for family in text_string_to_metric_families(await page(service)):
        if family.name.endswith("_created"):
            continue
        kind, labels, bounds = known[family.name]
        for sample in family.samples:
            assert sample.name.removeprefix(family.name) in SUFFIXES.get(kind, ("",))
            assert set(sample.labels) - {"le"} == labels, sample.name
            if "le" in sample.labels:
                assert sample.labels["le"] in bounds
        sampled += family.name.startswith("gps_") and bool(family.samples)
    assert sampled > 15


async def test_labels_of_what_has_no_sample_yet_are_those_of_the_file(
    service: Service,
) -> None:
    known = catalogue()
    families = [
        metric
        for metric in vars(service.state.metrics).values()
        if isinstance(metric, MetricWrapperBase)
    ]
    for metric in families:
        (described,) = metric.describe()
        assert frozenset(metric._labelnames) == known[described.name][1]
    assert len(families) == sum(name.startswith("gps_") for name in known)


async def test_the_first_row_that_the_database_refuses_is_an_increase(
    service: Service,
) -> None:
    """Prometheus sees none in a counter that is not there before it."""
    before = 'gps_fixes_rejected_total{code="not_storable"} 0.0'
    assert before in await service.metrics()
