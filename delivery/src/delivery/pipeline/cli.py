"""Command line of the pipelines' steps."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from delivery.errors import DeliveryError
from delivery.pipeline import steps_cluster, steps_image, steps_run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step.

    :returns: the exit status: 0 done, 1 failed, 2 wrong usage, 3 NOT CHECKED.
    """
    parser = argparse.ArgumentParser(prog="pipeline-step", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for steps in (steps_run, steps_image, steps_cluster):
        steps.add_commands(commands)
    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
    except DeliveryError as error:
        # In this form GitHub shows it beside the step.
        print(f"::error::{error}", file=sys.stderr)
        return 1
    return status
