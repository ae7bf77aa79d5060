"""A deployment has arrived when every workload runs the very image."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.pipeline.errors import StepError, TransportError
from delivery.pipeline.render import application, migration_job
from delivery.pipeline.rollout import (
    Progress,
    State,
    check_running,
    clear_migrations,
    diagnosis,
    judge,
    judge_job,
    judge_workload,
    restart_unfinished,
    scaled_up,
    wait,
)

from .conftest import (
    COMPLETE,
    DIGEST,
    FAILED,
    OTHER,
    REPOSITORY,
    Answers,
    Clock,
    deployment,
    job,
    rendered,
)

ARRIVED = {
    "observedGeneration": 1,
    "replicas": 2,
    "updatedReplicas": 2,
    "availableReplicas": 2,
}


def progressing(reason: str) -> list[dict[str, str]]:
    """What a Deployment's controller says of its last rollout."""
    return [{"type": "Progressing", "reason": reason, "message": "late"}]


LATE = progressing("ProgressDeadlineExceeded")


def live(**status: Any) -> dict[str, Any]:
    return deployment("gps-ingestion-service", "x", status={**ARRIVED, **status})


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({}, State.DONE),
        ({"updatedReplicas": 1}, State.WAITING),
        ({"availableReplicas": 1}, State.WAITING),
        ({"replicas": 3}, State.WAITING),
        ({"observedGeneration": 0}, State.WAITING),
        ({"conditions": LATE}, State.FAILED),
        # The verdict on the deployment before, which the controller has yet to drop.
        ({"conditions": LATE, "observedGeneration": 0}, State.WAITING),
        ({"conditions": [{"reason": "NewReplicaSetAvailable"}]}, State.DONE),
    ],
)
def test_judges_a_deployment(status: dict[str, Any], state: State) -> None:
    assert judge_workload(live(**status)).state is state


def test_a_stateful_set_counts_its_ready_pods() -> None:
    status = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2}
    item = deployment("db", "x", status={**status, "readyReplicas": 2})
    assert judge_workload(item).state is State.DONE


@pytest.mark.parametrize(
    ("status", "state"),
    [(COMPLETE, State.DONE), (FAILED, State.FAILED), ({}, State.WAITING)],
)
def test_judges_a_job(status: dict[str, Any], state: State) -> None:
    assert judge_job(job("m", status=status)).state is state


def test_the_migration_comes_first_and_what_is_missing_is_waited_for() -> None:
    present = job(rendered()[-1]["metadata"]["name"], status=COMPLETE)
    progress = judge(rendered(), [present, live()])
    assert [str(item) for item in progress] == [
        f"job/gps-ingestion-service-migrate-{DIGEST[7:19]}: done",
        "deployment/gps-ingestion-service: done 2 updated, 2 available of 2",
        "deployment/gps-worker: waiting is not there",
    ]


def test_waits_until_everything_is_done(clock: Clock) -> None:
    steps = [
        [Progress("a", State.WAITING), Progress("b", State.DONE)],
        [Progress("a", State.WAITING), Progress("b", State.DONE)],
        [Progress("a", State.DONE), Progress("b", State.DONE)],
    ]
    said: list[str] = []
    wait(lambda: steps.pop(0), 60, clock, clock.sleep, said.append)
    assert said == ["a: waiting", "b: done", "a: done"]


def test_stops_at_the_first_failure(clock: Clock) -> None:
    progress = [Progress("a", State.FAILED, "crash"), Progress("b", State.WAITING)]
    with pytest.raises(StepError, match="a: failed crash .rollout-failed"):
        wait(lambda: progress, 60, clock, clock.sleep, lambda line: None)
    assert clock.now == 0


def test_names_what_was_late(clock: Clock) -> None:
    progress = [Progress("a", State.WAITING, "1 of 2"), Progress("b", State.DONE)]
    with pytest.raises(StepError, match="not done after 60 s: a: waiting 1 of 2"):
        wait(lambda: progress, 60, clock, clock.sleep, lambda line: None)


def test_looks_again_when_the_cluster_cannot_be_reached(clock: Clock) -> None:
    looks: list[list[Progress] | TransportError] = [
        TransportError("command-failed", "TLS handshake timeout"),
        [Progress("a", State.DONE)],
    ]

    def look() -> list[Progress]:
        seen = looks.pop(0)
        if isinstance(seen, TransportError):
            raise seen
        return seen

    said: list[str] = []
    wait(look, 60, clock, clock.sleep, said.append)
    assert said == ["the cluster: waiting TLS handshake timeout", "a: done"]


def test_a_cluster_that_stays_out_of_reach_is_late(clock: Clock) -> None:
    def look() -> list[Progress]:
        raise TransportError("command-failed", "i/o timeout")

    with pytest.raises(StepError, match="after 60 s: the cluster: .* i/o timeout"):
        wait(look, 60, clock, clock.sleep, lambda line: None)


def test_a_look_that_is_refused_ends_the_wait(clock: Clock) -> None:
    def look() -> list[Progress]:
        raise StepError("command-failed", "Forbidden")

    with pytest.raises(StepError, match="Forbidden"):
        wait(look, 60, clock, clock.sleep, lambda line: None)
    assert clock.now == 0


def pod(part: str, image: str, phase: str = "Running", **metadata: Any) -> Any:
    """A pod of one container that runs ``image``."""
    return {
        "metadata": {
            "name": f"{part}-pod",
            "labels": {"app.kubernetes.io/component": part},
            **metadata,
        },
        "spec": {"containers": [{"name": "x"}]},
        "status": {
            "phase": phase,
            "containerStatuses": [{"name": "x", "imageID": image}],
        },
    }


RIGHT = f"{REPOSITORY}@{DIGEST}"
WRONG = f"{REPOSITORY}@{OTHER}"


def proven(*pods: dict[str, Any]) -> list[str]:
    return [str(item) for item in check_running(rendered(), list(pods), DIGEST)]


def test_proves_the_digest_on_every_workload() -> None:
    pods = pod("ingestion", RIGHT), pod("worker", RIGHT), pod("migration", "old")
    assert proven(*pods) == [
        f"ingestion-pod/x: done {RIGHT}",
        f"worker-pod/x: done {RIGHT}",
    ]


def test_a_pod_of_another_image_is_found() -> None:
    with pytest.raises(StepError, match=f"worker-pod/x runs {WRONG}, not"):
        proven(pod("ingestion", RIGHT), pod("worker", WRONG))


@pytest.mark.parametrize(
    "status",
    [
        {"phase": "Pending"},
        {"phase": "Pending", "containerStatuses": [{"name": "x", "image": RIGHT}]},
        {"phase": "Running", "containerStatuses": [{"name": "y", "imageID": RIGHT}]},
    ],
)
def test_a_container_that_has_not_started_proves_nothing(status: Any) -> None:
    young = {**pod("worker", ""), "status": status}
    assert proven(pod("ingestion", RIGHT), young)[1] == (
        "worker-pod/x: waiting runs nothing yet"
    )


def test_every_container_of_a_pod_is_looked_at() -> None:
    two = pod("worker", RIGHT)
    two["spec"]["containers"].append({"name": "sidecar"})
    assert "worker-pod/sidecar: waiting runs nothing yet" in proven(
        pod("ingestion", RIGHT), two
    )


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_pod_that_has_ended_does_not_count(phase: str) -> None:
    """An evicted pod of the image before stays in the list for days."""
    running = pod("ingestion", RIGHT), pod("worker", RIGHT)
    assert len(proven(*running, pod("worker", WRONG, phase))) == 2
    with pytest.raises(StepError, match="no pod of gps-worker is running"):
        proven(pod("ingestion", RIGHT), pod("worker", RIGHT, phase))


def test_pods_on_their_way_out_do_not_count() -> None:
    leaving = pod("worker", RIGHT, deletionTimestamp="2026-11-23T10:00:00Z")
    with pytest.raises(StepError, match="no pod of gps-worker is running"):
        proven(pod("ingestion", RIGHT), leaving)


def test_an_autoscalers_choice_is_seen() -> None:
    running = [deployment("gps-ingestion-service", "x", replicas=4)]
    assert scaled_up(rendered(), running) == {"gps-ingestion-service": 4}


def test_a_smaller_scale_is_not_kept() -> None:
    running = [deployment("gps-ingestion-service", "x", replicas=1)]
    assert scaled_up(rendered(), running) == {}


def test_finished_migrations_go(answers: Answers) -> None:
    answers.on("delete")
    jobs = [job("old", status=COMPLETE), job("broken", status=FAILED)]
    assert clear_migrations(rendered(), jobs, answers) == ["old", "broken"]
    command = answers.calls[0][0]
    assert command[:4] == ["kubectl", "delete", "job", "old"]
    assert "tms-staging" in command


def test_the_same_migration_may_still_run(answers: Answers) -> None:
    coming = job(rendered()[-1]["metadata"]["name"])
    assert clear_migrations(rendered(), [coming], answers) == []


def test_another_images_migration_stops_the_deployment(answers: Answers) -> None:
    with pytest.raises(StepError, match="migration-running"):
        clear_migrations(rendered(), [job("other")], answers)


@pytest.mark.parametrize("reason", ["ProgressDeadlineExceeded", "ReplicaSetUpdated"])
def test_a_deployment_that_did_not_arrive_starts_anew(
    answers: Answers, reason: str
) -> None:
    """Late already, or about to be: its deadline counts from the rollout before."""
    answers.on("rollout", "restart")
    stuck = live(conditions=progressing(reason))
    arrived = {**ARRIVED, "conditions": progressing("NewReplicaSetAvailable")}
    sound = deployment("gps-worker", "x", status=arrived)
    restarted = restart_unfinished(rendered(), [stuck, sound], answers)
    assert restarted == ["gps-ingestion-service"]
    ((command, _),) = answers.calls
    words = ["kubectl", "rollout", "restart", "deployment/gps-ingestion-service"]
    assert command == [*words, "--namespace", "tms-staging"]


def test_a_stuck_deployment_is_explained(answers: Answers) -> None:
    answers.on("pods", output="CrashLoopBackOff")
    answers.on("events", output="Back-off restarting")
    answers.on("logs", output="Traceback", code=1, errors="no logs of init")
    text = diagnosis(rendered(), answers)
    for said in ("CrashLoopBackOff", "Back-off restarting", "Traceback", "no logs"):
        assert said in text


def test_an_overlay_of_two_applications_is_refused() -> None:
    stranger = deployment("x", "y")
    stranger["metadata"]["namespace"] = "default"
    with pytest.raises(StepError, match="mixed-overlay"):
        application([*rendered(), stranger])


def test_an_overlay_without_workloads_is_refused() -> None:
    with pytest.raises(StepError, match="mixed-overlay"):
        application([])


def test_an_overlay_holds_exactly_one_migration() -> None:
    with pytest.raises(StepError, match="it holds 2"):
        migration_job([*rendered(), job("second")])
