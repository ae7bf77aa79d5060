"""The local platform: what the delivery pipelines need, on one bare machine.

On GitHub and AWS the pipelines find a container engine, a registry, the AWS APIs
and a cluster. Here they find the same four, made from Debian's packages alone:
dockerd, docker-registry behind a gateway that behaves as ECR does, an emulation of
the AWS APIs, and a one-node Kubernetes built from source. `python -m delivery
platform up` brings them up, `down` leaves the machine as it was before and proves
it against a snapshot.
"""
