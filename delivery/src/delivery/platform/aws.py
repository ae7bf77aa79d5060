"""The emulated AWS APIs: ECR repositories, secrets, identity.

moto answers the API calls and keeps everything in memory; what must survive it is
kept here: generated secrets in the platform's state, images in the registry.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from delivery.platform.commands import wait_until
from delivery.platform.layout import Layout, Network
from delivery.platform.processes import Processes
from delivery.secret_entries import ENVIRONMENTS, new_secrets

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

REGION = "eu-central-1"
#: Images that the lifecycle keeps besides tagged versions and releases.
KEPT_IMAGES = 20
#: Tags that keep an image, or a signature, for good.
PROTECTED_TAGS = ("v*", "released-*", "sha256-*")


@dataclass(frozen=True)
class Repository:
    """An ECR repository; one with immutable tags holds what is deployed."""

    name: str
    immutable: bool

    @property
    def mutability(self) -> Literal["IMMUTABLE", "MUTABLE"]:
        """The setting as the API names it."""
        return "IMMUTABLE" if self.immutable else "MUTABLE"


REPOSITORIES = (
    Repository("tms-odoo", True),
    Repository("gps-ingestion-service", True),
    # Layer caches are overwritten, and must not count against kept images.
    Repository("tms-odoo-cache", False),
    Repository("gps-ingestion-service-cache", False),
    Repository("platform/pause", False),
    Repository("platform/python", False),
    Repository("platform/postgresql", False),
    Repository("platform/odoo", False),
)


def lifecycle_policy() -> str:
    """Return the policy: the last 20 images go on, releases and versions stay.

    ECR has no rule that keeps. An image that a rule of higher priority selects is
    safe from later ones, so the rules for `v*` and `released-*` select everything
    that they protect and expire nothing within a century of images. Signatures, tagged
    `sha256-<digest>`, are safe in the same way, so that they do not count as images.
    Terraform's registry has the same policy.
    """
    protect = {"countType": "imageCountMoreThan", "countNumber": 10_000}
    rules: list[dict[str, Any]] = []
    for priority, pattern in enumerate(PROTECTED_TAGS, start=1):
        selection = {"tagStatus": "tagged", "tagPatternList": [pattern], **protect}
        rules.append(_expire(priority, f"keep {pattern}", selection))
    newest = {
        "tagStatus": "any",
        "countType": "imageCountMoreThan",
        "countNumber": KEPT_IMAGES,
    }
    last = len(rules) + 1
    rules.append(_expire(last, f"keep the last {KEPT_IMAGES}", newest))
    return json.dumps({"rules": rules})


def _expire(
    priority: int, description: str, selection: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "rulePriority": priority,
        "description": description,
        "selection": selection,
        "action": {"type": "expire"},
    }


class Aws:
    """Starts the emulation and fills it."""

    def __init__(self, layout: Layout, network: Network, processes: Processes) -> None:
        """Nothing is started yet."""
        self.layout = layout
        self.network = network
        self.processes = processes
        self.kept = layout.state / "secrets.json"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that point the AWS CLI and SDKs at the emulation."""
        return {
            "AWS_ENDPOINT_URL": self.network.aws_endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            # The emulation takes any key; a real one must never be sent to it.
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_SESSION_TOKEN": "",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Start the emulation, create the repositories and the secrets."""
        server = Path(sys.prefix) / "bin/moto_server"
        port = str(self.network.aws_port)
        self.processes.start("aws", [server, "-H", "127.0.0.1", "-p", port])
        wait_until(
            self._answers,
            what=f"the emulated AWS on port {port}",
            timeout_s=60,
            interval_s=0.3,
            alive=lambda: self.processes.running("aws") is not None,
        )
        self._create_repositories()
        self._create_secrets()

    def stop(self) -> None:
        """End the emulation."""
        self.processes.stop("aws")

    def ecr(self) -> ECRClient:
        """Return a client of the emulated ECR."""
        return boto3.client("ecr", **self._client_settings())

    def secrets_manager(self) -> SecretsManagerClient:
        """Return a client of the emulated Secrets Manager."""
        return boto3.client("secretsmanager", **self._client_settings())

    def registry_password(self) -> str:
        """Return the password of the registry's user `AWS`."""
        data = self.ecr().get_authorization_token()["authorizationData"][0]
        user_and_password = base64.b64decode(data["authorizationToken"]).decode()
        return user_and_password.partition(":")[2]

    def secret(self, name: str) -> dict[str, str]:
        """Return the current value of a secret, a JSON object of strings."""
        answer = self.secrets_manager().get_secret_value(SecretId=name)
        value: dict[str, str] = json.loads(answer["SecretString"])
        return value

    def _client_settings(self) -> dict[str, Any]:
        return {
            "endpoint_url": self.network.aws_endpoint,
            "region_name": REGION,
            "aws_access_key_id": "local",
            "aws_secret_access_key": "local",
            "config": Config(
                connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1}
            ),
        }

    def _answers(self) -> bool:
        try:
            self.ecr().describe_repositories(maxResults=1)
        except (BotoCoreError, ClientError):
            return False
        return True

    def _create_repositories(self) -> None:
        ecr = self.ecr()
        for repository in REPOSITORIES:
            try:
                ecr.create_repository(
                    repositoryName=repository.name,
                    imageTagMutability=repository.mutability,
                    imageScanningConfiguration={"scanOnPush": repository.immutable},
                )
            except ecr.exceptions.RepositoryAlreadyExistsException:
                ecr.put_image_tag_mutability(
                    repositoryName=repository.name,
                    imageTagMutability=repository.mutability,
                )
            if repository.immutable:
                ecr.put_lifecycle_policy(
                    repositoryName=repository.name,
                    lifecyclePolicyText=lifecycle_policy(),
                )

    def _create_secrets(self) -> None:
        entries = self._kept_secrets()
        manager = self.secrets_manager()
        for name, value in entries.items():
            try:
                manager.create_secret(Name=name, SecretString=json.dumps(value))
            except manager.exceptions.ResourceExistsException:
                # It may have been rotated since: what the manager has, counts.
                continue

    def _kept_secrets(self) -> dict[str, dict[str, str]]:
        if not self.kept.exists():
            entries: dict[str, dict[str, str]] = {}
            for environment in ENVIRONMENTS:
                entries |= new_secrets(environment)
            self.kept.parent.mkdir(parents=True, exist_ok=True)
            self.kept.touch(mode=0o600)
            self.kept.write_text(json.dumps(entries), encoding="utf-8")
        kept: dict[str, dict[str, str]] = json.loads(self.kept.read_text("utf-8"))
        return kept
