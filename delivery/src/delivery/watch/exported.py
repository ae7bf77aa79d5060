"""Which series exist: what components and exporters are known to export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from delivery.errors import DeliveryError

#: Names that a client gives to the series of a family of a type.
SERIES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum"),
}
#: Labels that Prometheus adds to every series of a target.
TARGET_LABELS = frozenset({"job", "instance", "namespace", "pod"})


@dataclass(frozen=True)
class Series:
    """What may be asked of a series.

    :param labels: by which it can be selected.
    :param bounds: the values of ``le``, of a histogram's buckets.
    """

    labels: frozenset[str]
    bounds: frozenset[str] = frozenset()


def read_exported(files: Iterable[Path]) -> Mapping[str, Series]:
    """Every series that the files list, by name.

    A line holds family, type, labels and, of a histogram, ``le=`` with its bounds.

    :raises DeliveryError: a line is not of that form.
    """
    return {
        name: series
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
        for name, series in _series(file, line)
    }


def _series(file: Path, line: str) -> Iterator[tuple[str, Series]]:
    family, *words = line.split()
    if not words or words[0] not in SERIES:
        raise DeliveryError(f"{file}: {line!r} names no type: {', '.join(SERIES)}")
    labels = frozenset(word for word in words[1:] if "=" not in word) | TARGET_LABELS
    bounds = [word.removeprefix("le=") for word in words if word.startswith("le=")]
    for suffix in SERIES[words[0]]:
        if suffix == "_bucket":
            upper = frozenset(bounds[0].split(",")) if bounds else frozenset()
            yield family + suffix, Series(labels | {"le"}, upper)
        else:
            yield family + suffix, Series(labels)
