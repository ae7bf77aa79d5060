"""A plot without a library: SVG that a diff can be read of."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from devtools.bench.memory import Memory

_WIDTH = 760
_BAR = 22
_LEFT, _RIGHT = 290, 90
_TEXT = 'font-family="sans-serif" font-size="12" fill="#333"'
_CURVE_HEIGHT = 120


def svg(groups: Sequence[Sequence[tuple[str, float]]], memory: Memory) -> str:
    """Bars of fixes a second, each group to a scale of its own, and a curve of memory.

    :param groups: names and rates.
    """
    parts: list[str] = []
    top = 20
    for number, group in enumerate(groups):
        parts.append(_label(10, top, "fixes a second" if number == 0 else ""))
        parts += _bars(group, top)
        top += _BAR * len(group) + 30
    parts.append(_label(10, top, f"memory of the service, MiB, {_span(memory)}"))
    parts += _curve(memory, top + 10)
    height = top + _CURVE_HEIGHT + 30
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" '
            f'height="{height}" viewBox="0 0 {_WIDTH} {height}">',
            f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
            *(part for part in parts if part),
            "</svg>\n",
        ]
    )


def _bars(group: Sequence[tuple[str, float]], top: int) -> list[str]:
    most = max(rate for _, rate in group)
    parts = []
    for number, (name, rate) in enumerate(group):
        y = top + 8 + number * _BAR
        length = rate / most * (_WIDTH - _LEFT - _RIGHT)
        parts.append(_label(10, y + 13, name))
        parts.append(
            f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR - 6}" '
            'fill="#2a6f97"/>'
        )
        parts.append(_label(round(_LEFT + length + 6), y + 13, f"{rate:,.0f}"))
    return parts


def _curve(memory: Memory, top: int) -> list[str]:
    """From zero, so that what looks flat is flat."""
    most, last = max(memory.mib) * 1.1, memory.seconds[-1] or 1.0
    points = " ".join(
        f"{50 + second / last * (_WIDTH - 80):.1f},"
        f"{top + _CURVE_HEIGHT * (1 - mib / most):.1f}"
        for second, mib in zip(memory.seconds, memory.mib, strict=True)
    )
    bottom = top + _CURVE_HEIGHT
    return [
        f'<path d="M50 {top}V{bottom}H{_WIDTH - 30}" fill="none" stroke="#999"/>',
        f'<polyline points="{points}" fill="none" stroke="#c1440e" stroke-width="2"/>',
        _label(10, top + 12, f"{most:.0f}"),
        _label(10, bottom, "0"),
    ]


def _span(memory: Memory) -> str:
    return f"over {memory.seconds[-1]:.0f} s"


def _label(x: int, y: int, text: str) -> str:
    return f'<text x="{x}" y="{y}" {_TEXT}>{escape(text)}</text>' if text else ""
