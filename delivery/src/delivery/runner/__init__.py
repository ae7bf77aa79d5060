"""Runs the workflow files on this machine, with act, against the local platform.

:func:`delivery.runner.act.run_workflow` runs one file for one clean checkout and
answers with jobs and steps; :mod:`delivery.runner.cli` is what ``make pipeline`` calls.
"""
