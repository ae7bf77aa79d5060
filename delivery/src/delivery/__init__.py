"""Logic behind the steps of the delivery pipelines."""
