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
#: An effect that is neither written here nor a variable's type.
_COMPUTED_EFFECT = re.compile(r'\bEffect\s*=(?!=|\s*"Allow"|\s*"Deny"|\s*string\b)')
_NOT_ACTION = re.compile(r"\bNotAction\s*=")
_MANAGED = re.compile(
    r"arn:aws:(?:iam::aws:policy|eks::aws:cluster-access-policy)/([^\"]+)"
)
_SID = re.compile(r'\bSid\s*=\s*"(\w+)"')
_ACTIONS = re.compile(r"\bAction\s*=\s*(\[.*?\]|\"[^\"]*\")", re.S)
_STRING = re.compile(r'"([^"]*)"')

#: The key policies that hand the decision to IAM, as AWS recommends for every key.
WILDCARDS_ALLOWED = {"AccountDecides": "kms:*"}
#: What allows everything but what it names: boundaries, which grant nothing.
NOT_ACTION_ALLOWED = frozenset({"NothingToPeopleAndRoles"})
#: Policies that AWS writes and may widen, each where it is the one for that purpose.
#: PowerUserAccess is who applies an environment, behind the fences of bootstrap.
MANAGED_ALLOWED = frozenset(
    {
        "AmazonEC2ContainerRegistryPullOnly",
        "AmazonEKSClusterAdminPolicy",
        "AmazonEKSClusterPolicy",
        "AmazonEKSEditPolicy",
        "AmazonEKSWorkerNodePolicy",
        "AmazonEKS_CNI_Policy",
        "PowerUserAccess",
        "service-role/AmazonEBSCSIDriverPolicy",
        "service-role/AmazonEFSCSIDriverPolicy",
        "service-role/AmazonRDSEnhancedMonitoringRole",
    }
)


@dataclass(frozen=True)
class Statement:
    """A statement that allows something.

    :param all_but: it allows all actions but those that it names.
    """

    sid: str
    actions: tuple[str, ...]
    line: int
    all_but: bool = False

    @property
    def problems(self) -> Iterator[str]:
        """Why it allows more than can be read here."""
        if self.all_but:
            if self.sid not in NOT_ACTION_ALLOWED:
                yield "allows all actions but some: name those that it needs"
        elif not self.actions:
            yield "allows actions that are not written here: name them in its Action"
        for action in self.actions:
            if "*" in action and WILDCARDS_ALLOWED.get(self.sid) != action:
                yield f"allows {action}: name the actions"


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
            _line(text, found.start()),
            _NOT_ACTION.search(body) is not None,
        )


def check_actions(code: Code) -> Iterator[str]:
    """What allows more than the actions that the code names."""
    for path in sorted(code.root.rglob("*.tf")):
        place = path.relative_to(code.root).as_posix()
        text = path.read_text(encoding="utf-8")
        for statement in allowing_statements(text):
            for problem in statement.problems:
                yield f"{place}:{statement.line}: {problem}"
        for found in _COMPUTED_EFFECT.finditer(text):
            yield f'{place}:{_line(text, found.start())}: write "Allow" or "Deny"'
        for found in _MANAGED.finditer(text):
            if found[1] not in MANAGED_ALLOWED:
                yield (
                    f"{place}:{_line(text, found.start())}: {found[1]} is none of the "
                    "managed policies that were agreed on: see MANAGED_ALLOWED"
                )


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


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
