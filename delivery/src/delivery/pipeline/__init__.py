"""The tested Python behind the steps of the delivery pipelines.

Each module is a pure core (what to do, given what was read) with a thin layer that runs
``kubectl``, ``aws`` or a GitHub request. The command line is
``python -m delivery.pipeline COMMAND``.
"""
