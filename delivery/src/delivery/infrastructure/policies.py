"""Statements of IAM policies in Terraform code: what is allowed is named.

checkov follows policies only as far as it can compute them; this reads the code, where
every statement stands as an object with an `Effect`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from delivery.infrastructure.check import Code

_ALLOW = re.compile(r'\bEffect\s*=\s*"Allow"')
_SID = re.compile(r'\bSid\s*=\s*"(\w+)"')
_ACTIONS = re.compile(r"\bAction\s*=\s*(\[.*?\]|\"[^\"]*\")", re.S)
_STRING = re.compile(r'"([^"]*)"')

#: The key policies that hand the decision to IAM, as AWS recommends for every key.
WILDCARDS_ALLOWED = {"AccountDecides": "kms:*"}


@dataclass(frozen=True)
class Statement:
    """A statement that allows something."""

    sid: str
    actions: tuple[str, ...]
    line: int


def allowing_statements(text: str) -> Iterator[Statement]:
    """Statements of a file that allow something."""
    for found in _ALLOW.finditer(text):
        start, end = _enclosing(text, found.start())
        body = text[start:end]
        sid = _SID.search(body)
        actions = _ACTIONS.search(body)
        yield Statement(
            sid[1] if sid else "",
            tuple(_STRING.findall(actions[1])) if actions else (),
            text.count("\n", 0, found.start()) + 1,
        )


def check_actions(code: Code) -> Iterator[str]:
    """Statements that allow actions by a pattern."""
    for path in sorted(code.root.rglob("*.tf")):
        for statement in allowing_statements(path.read_text(encoding="utf-8")):
            for action in statement.actions:
                if "*" in action and WILDCARDS_ALLOWED.get(statement.sid) != action:
                    place = path.relative_to(code.root).as_posix()
                    yield f"{place}:{statement.line}: allows {action}: name the actions"


def _enclosing(text: str, position: int) -> tuple[int, int]:
    """Start and end of the innermost braces around a position."""
    depth, start = 0, position
    while start > 0 and depth >= 0:
        start -= 1
        depth += {"}": 1, "{": -1}.get(text[start], 0)
    depth, end = 0, position
    while end < len(text) and depth >= 0:
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        end += 1
    return start, end
