"""Which commit is the older one: no release goes backwards, or comes from aside.

An older image reaches production by a rollback, which asks the database first and says
in its record what it is.
"""

from __future__ import annotations

from delivery.pipeline.errors import StepError
from delivery.pipeline.process import Runner

# What `actions/checkout` fetches of the branch main, and a local run's checkout names.
ORIGIN_MAIN = "refs/remotes/origin/main"


def is_ancestor(older: str, newer: str, runner: Runner) -> bool | None:
    """Whether ``newer`` contains ``older``; None: one of them is not known here."""
    result = runner(["git", "merge-base", "--is-ancestor", older, newer])
    return {0: True, 1: False}.get(result.code)


def refuse_older(
    commit: str, deployed: str | None, environment: str, runner: Runner
) -> str:
    """One line on how ``commit`` follows what was deployed last with success.

    :param deployed: that commit; None: nothing was deployed yet.
    :raises StepError: ``commit`` is older
    """
    if not deployed:
        return f"nothing was deployed to {environment} yet"
    if commit == deployed:
        return f"{environment} had {commit} already"
    older = is_ancestor(commit, deployed, runner)
    if older:
        raise StepError(
            "older-commit",
            f"{environment} had {deployed} deployed, which is newer than {commit} and "
            "contains it: to go back in production, run the rollback workflow instead",
        )
    if older is None:
        return f"{deployed}, the last in {environment}, is not in this history: go on"
    return f"{commit} is not older than {deployed}, the last in {environment}"


def refuse_off_main(commit: str, ref: str, runner: Runner) -> None:
    """Let a version tag release only what main holds, and its checks have seen.

    :raises StepError: main does not hold ``commit``, or main is not known here
    """
    on_main = is_ancestor(commit, ORIGIN_MAIN, runner)
    if on_main is None:
        raise StepError(
            "no-main",
            f"{ORIGIN_MAIN} and {commit} must both be in the checkout, to see whether "
            f"main holds {ref}: check out with the whole history",
        )
    if not on_main:
        raise StepError(
            "tag-off-main",
            f"{ref} is at {commit}, which main does not hold: merge it into main and "
            "tag that commit, with a new version",
        )
