"""Sets up, runs and tests the whole system on a developer's machine.

Standard library only: this package runs on the bare system interpreter, before any
virtualenv exists. The command line is ``python3 -m devtools COMMAND``; tests import
:class:`devtools.instance.Instance`.
"""
