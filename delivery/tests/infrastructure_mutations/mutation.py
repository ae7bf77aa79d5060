"""What a mistake is, and which check must catch it."""

from __future__ import annotations

from dataclasses import dataclass

FORMAT = "format"
VERSIONS = "versions"
STATES = "states"
ACTIONS = "actions"
SCHEMA = "schema"
ORDER = "order"
TESTS = "tests"
OBJECTS = "objects"
CHECKOV = "checkov"


@dataclass(frozen=True)
class Mutation:
    """One mistake in a copy of the code.

    :param path: the file; the mistake replaces ``right``, which is in it, by ``wrong``.
    :param caught_by: the check that must find it.
    :param folder: where that check looks, for checks of one folder.
    :param says: part of what it must say.
    """

    name: str
    path: str
    right: str
    wrong: str
    caught_by: str
    says: str
    folder: str = ""


def tested(name: str, path: str, right: str, wrong: str, says: str) -> Mutation:
    """A mistake that the tests beside the file must catch."""
    folder = path.rpartition("/")[0]
    return Mutation(name, path, right, wrong, TESTS, says, folder)
