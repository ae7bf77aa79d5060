"""Which failures are of the way, and which are answers."""

from __future__ import annotations

import pytest

from delivery.pipeline.transport import is_transport

THROTTLED = (
    "I1124 09:00:00.000000  17 request.go:697] Waited for 1.2s due to client-side "
    "throttling, not priority and fairness, request: GET:https://10.0.0.1/apis"
)
CACHE = (
    "W1124 09:00:00.000000  17 memcache.go:287] couldn't get resource list for "
    "metrics.k8s.io/v1beta1: the server is currently unable to handle the request"
)
WEBHOOK = (
    'Error from server (InternalError): error when creating "kube": Internal error '
    'occurred: failed calling webhook "validate.example": failed to call webhook: Post '
    '"https://webhook.example.svc:443/v1": dial tcp 10.0.0.9:443: connect: connection '
    "refused"
)


@pytest.mark.parametrize(
    "said",
    [
        "read tcp 10.0.0.1:443: connection reset by peer",
        "dial tcp: lookup registry.example: no such host",
        "net/http: TLS handshake timeout",
        "Unable to connect to the server: dial tcp 1.2.3.4:6443: i/o timeout",
        'Could not connect to the endpoint URL: "https://ecr.example/"',
        "error: the server is currently unable to handle the request",
        "received unexpected HTTP status: 503 Service Unavailable",
        "An error occurred (ThrottlingException): Rate exceeded",
        "An error occurred (Throttling) when calling PutImage",
        "Put https://registry.example/v2/: EOF",
        "The connection to the server 10.0.0.1:6443 was refused - did you specify",
        f"{THROTTLED}\nUnable to connect to the server: unexpected EOF",
        "dial tcp 10.0.0.1:6443: connect: no route to host",
        "dial tcp 10.0.0.1:6443: connect: network is unreachable",
        "Error from server (Timeout): the server was unable to return a response",
        "Error from server (ServiceUnavailable): apiserver is shutting down",
        "An error occurred (ServiceUnavailableException) when calling PutImage",
        "An error occurred (RequestLimitExceeded) when calling DescribeImages",
    ],
)
def test_names_failures_of_the_transport(said: str) -> None:
    assert is_transport(said)


@pytest.mark.parametrize(
    "said",
    [
        "denied: requested access to the resource is denied",
        "ImageTagAlreadyExistsException: the tag is immutable",
        'error: deployment "tms-odoo" exceeded its progress deadline',
        "FAILED tests/test_trip.py::test_start - assert 503 == 200",
        "The Deployment is invalid: spec.replicas: Invalid value: 500",
        f"{THROTTLED}\nerror: no objects passed to apply",
        f"{CACHE}\nerror: the namespace from the provided object does not match",
        "Warning: connection refused is what this policy says\nerror: no such kind",
        f"Error from server (Forbidden): deployments.apps is forbidden\n{WEBHOOK}",
    ],
)
def test_leaves_every_other_failure_alone(said: str) -> None:
    assert not is_transport(said)


@pytest.mark.parametrize(
    "answer",
    [
        'Error from server (NotFound): namespaces "tms-staging" not found',
        "Error from server (Conflict): the object has been modified",
        "Error from server (AlreadyExists): jobs.batch already exists",
        "error from registry: requested access to the resource is denied",
        "unexpected status from PUT request to https://registry/v2: 403 Forbidden",
        "pull access denied: insufficient_scope: authorization failed",
        "denied: Your authorization token has expired. Reauthenticate and try again.",
        "An error occurred (ExpiredToken) when calling the PutImage operation",
        "An error occurred (ExpiredTokenException) when calling DescribeImages",
        "An error occurred (RepositoryNotFoundException) when calling PutImage",
        "no basic auth credentials",
        "Unable to locate credentials. You can configure them by aws configure",
    ],
)
def test_an_answer_is_final_whatever_else_failed_beside_it(answer: str) -> None:
    beside = "dial tcp 10.0.0.9:443: connect: connection refused"
    assert not is_transport(f"{beside}\n{answer}")
    assert not is_transport(f"{answer}\n{beside}")
    assert not is_transport(f"{answer}: {beside}")


def test_a_webhook_that_is_not_there_for_a_moment_is_asked_again() -> None:
    assert is_transport(WEBHOOK)


def test_a_webhook_that_refuses_is_not() -> None:
    said = 'Error from server: admission webhook "policy.example" denied the request'
    assert not is_transport(said)
