"""``python -m delivery infrastructure``: the checks, one after the other."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from delivery.infrastructure import check
from delivery.infrastructure.bindings import read_schemas
from delivery.infrastructure.check import Code
from delivery.infrastructure.custom_objects import check_objects
from delivery.infrastructure.policies import check_actions
from delivery.infrastructure.stub import serve
from delivery.infrastructure.terraform import Terraform
from delivery.verdict import Outcome, Verdict

GATE = "infrastructure"
#: What the code requires and the workflow installs.
TERRAFORM_VERSION = "1.11.4"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m delivery infrastructure", description=__doc__
    )
    made.add_argument("code", type=Path, help="folder of the Terraform code")
    made.add_argument(
        "--bindings", type=Path, required=True, help="folder of provider bindings"
    )
    made.add_argument("--checkov", required=True, help="checkov's program")
    return made


def main(arguments: Sequence[str]) -> int:
    """Run every check.

    :returns: the exit status: 0 clean, 1 failed, 3 NOT CHECKED.
    :raises DeliveryError: something that the checks need is broken.
    """
    options = parser().parse_args(arguments)
    program = Terraform.find()
    if program is None:
        missing = f"terraform {TERRAFORM_VERSION} is not on PATH"
        verdict = Verdict(Outcome.NOT_CHECKED, missing)
    else:
        code = Code(options.code.resolve())
        verdict = run(program, code, options.bindings, options.checkov)
    print(verdict.render(GATE), flush=True)
    return verdict.outcome.value


def run(program: Path, code: Code, bindings: Path, checkov: str) -> Verdict:
    """Run every check with the Terraform that is there.

    :raises DeliveryError: something that the checks need is broken.
    """
    start = time.monotonic()
    schemas = read_schemas(bindings, code.root)
    with tempfile.TemporaryDirectory(prefix="tf-data-") as data:
        with serve(schemas) as providers:
            terraform = Terraform(program, Path(data), providers)
            version = terraform.version()
            known = ", ".join(f"{s.address} {s.version}" for s in schemas)
            print(f"Terraform {version}; schemas of {known}", flush=True)
            if version != TERRAFORM_VERSION:
                wanted = (
                    f"terraform is {version}; these checks need {TERRAFORM_VERSION}"
                )
                return Verdict(Outcome.NOT_CHECKED, wanted)
            problems = _told("format", check.check_format(terraform, code))
            problems += _told("versions", check.check_pins(code, schemas, version))
            problems += _told("states", check.check_states(code))
            problems += _told("actions", check_actions(code))
            with ThreadPoolExecutor(os.cpu_count()) as several:
                judged = several.map(
                    lambda folder: _judge(terraform, code, folder), code.folders
                )
                passed = 0
                for folder, tests in zip(code.folders, judged, strict=True):
                    passed += tests.passed
                    about = f"{code.name(folder)}, {tests.passed} tests"
                    problems += _told(about, tests.problems)
    problems += _told("checkov", check.check_policies([checkov], code))
    seconds = time.monotonic() - start
    if problems:
        many = f"{len(problems)} problems"
        return Verdict(Outcome.FAILED, many, tuple(problems))
    done = f"{len(code.folders)} folders, {passed} tests, {seconds:.0f} s"
    return Verdict(Outcome.CLEAN, done)


def _judge(terraform: Terraform, code: Code, folder: Path) -> check.TestRun:
    """How a folder's tests ended, or what its schemas and orders forbid.

    Tests of what does not fit its schema would only say so again.
    """
    wrong = list(check.check_schema(terraform, code, folder))
    wrong = wrong or list(check.check_order(terraform, code, folder))
    if wrong:
        return check.TestRun(0, tuple(wrong))
    tests = check.run_tests(terraform, code, folder)
    if tests.problems:
        return tests
    objects = tuple(check_objects(terraform, code, folder))
    return check.TestRun(tests.passed, objects)


def _told(about: str, problems: Iterable[str]) -> list[str]:
    found = list(problems)
    print(f"  {'FAILED' if found else 'ok':6}  {about}", flush=True)
    return found
