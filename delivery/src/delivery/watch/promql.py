"""Which series a PromQL expression asks for, and whether they exist.

promtool knows the grammar; it cannot know what is exported, and an alert on a series
that nobody exports is an alert that never fires.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from delivery.watch.exported import Series

_COMMENT = re.compile(r"#[^\n]*")
_RANGE = re.compile(r"\[[^\]]*\]")
_GROUPING = re.compile(
    r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)"
)
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*(\(|\{[^}]*\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_NUMBER = re.compile(r"\b\d[\w.]*")
_KEYWORDS = frozenset({"and", "or", "unless", "bool", "offset", "inf", "nan"})
# Stand in front of a grouping, not of parentheses: sum by (x) (...).
_AGGREGATIONS = frozenset({"sum", "min", "max", "avg", "count", "topk", "quantile"})


@dataclass(frozen=True)
class Selector:
    """A series as an expression selects it, with its matchers: label, sign, value."""

    name: str
    matchers: tuple[tuple[str, str, str], ...] = ()


def selectors(expression: str) -> Iterator[Selector]:
    """Every series that an expression selects by name."""
    text = _COMMENT.sub(" ", expression)
    for pattern in (_RANGE, _GROUPING, _NUMBER):
        text = _outside_braces(pattern, text)
    for name, rest in _SELECTOR.findall(text):
        known = name in _AGGREGATIONS or name.lower() in _KEYWORDS
        if rest != "(" and not known:
            yield Selector(name, tuple(_MATCHER.findall(rest)))


def measured(expression: str, recorded: Mapping[str, str]) -> Iterator[str]:
    """Every exported series that an expression goes back to.

    :param recorded: the expressions of recording rules, by name.
    """
    for selector in selectors(expression):
        behind = recorded.get(selector.name)
        if behind is None:
            yield selector.name
        else:
            yield from measured(behind, recorded)


def _outside_braces(pattern: re.Pattern[str], text: str) -> str:
    parts = re.split(r"(\{[^}]*\})", text)
    parts[::2] = [pattern.sub(" ", part) for part in parts[::2]]
    return "".join(parts)


def unknown(
    expression: str, exported: Mapping[str, Series], recorded: Collection[str]
) -> Iterator[str]:
    """What an expression asks for and nobody exports or records."""
    for selector in selectors(expression):
        if selector.name in recorded:
            continue
        series = exported.get(selector.name)
        if series is None:
            yield f"nobody exports {selector.name}"
            continue
        for label, sign, value in selector.matchers:
            if label not in series.labels:
                yield f"{selector.name} has no label {label}"
            elif label == "le" and sign == "=" and value not in series.bounds:
                yield f"{selector.name} has no bucket le={value}"
