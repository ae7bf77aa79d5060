"""Proof of the Terraform code without a cloud and without Terraform's registry.

:mod:`bindings` reads the providers' schemas from pinned packages, :mod:`stub` serves
them to Terraform, :mod:`check` runs the checks, :mod:`secret_values` fills the entries
that Terraform makes empty, so that no secret is ever in its state.
"""
