"""The page about the pipelines maps every value of the owner's document."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[4] / "docs" / "pipelines.md"
DOCUMENT = Path(__file__).parent / "data" / "owners_document.toml"
CUT_OFF = "..."


def plain(text: str) -> str:
    """Words alone: without Markdown's marks for code and quotation."""
    return " ".join(re.sub(r'[`"]', "", text).split())


def lines() -> list[str]:
    """The page by the line, or by the paragraph where it is no table."""
    blocks = re.split(r"\n\n|\n(?=\|)", PAGE.read_text(encoding="utf-8"))
    return [plain(block) for block in blocks]


def records() -> list[tuple[str, list[str]]]:
    """Part of the document and values that belong together."""
    document = tomllib.loads(DOCUMENT.read_text(encoding="utf-8"))
    return [(part, values) for part, found in document.items() for values in found]


def named(record: object) -> str:
    return record if isinstance(record, str) else ""


@pytest.mark.parametrize(("part", "values"), records(), ids=named)
def test_the_page_has_what_the_document_says(part: str, values: list[str]) -> None:
    words = [plain(value) for value in values]
    found = [
        line
        for line in lines()
        if all(line.count(word) >= words.count(word) for word in words)
    ]
    assert found, f"{part}: no line of {PAGE.name} holds all of {values}"


def cut_off() -> list[str]:
    """Cells of which the document has the beginning only; not its own open command."""
    values = [value for _, found in records() for value in found]
    return [
        text
        for text in values
        if text.endswith(CUT_OFF) and not text.startswith("aws ecr ")
    ]


@pytest.mark.parametrize("text", cut_off())
def test_a_cell_that_is_cut_off_is_quoted_as_it_is_cut(text: str) -> None:
    assert f'"{text}"' in PAGE.read_text(encoding="utf-8")
