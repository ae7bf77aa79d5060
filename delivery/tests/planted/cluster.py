"""What the cluster runs, and what its databases hold."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from delivery.platform.kubectl import Kubectl
from delivery.platform.local import url_of
from delivery.runner.components import GPS, ODOO, Component
from planted.json_over_http import send
from planted.outcome import Digests
from planted.plants import PLANTED_TABLE

STAGING, PRODUCTION = "tms-staging", "tms-production"
# Tables of the business. Odoo's own jobs write into others at any time, and each push
# of the GPS service leaves a receipt.
ODOO_TABLES = (
    "tms_(?!gps_receipt$).*|fleet_vehicle|hr_employee|res_partner|account_move"
)
BUSINESS = {
    ODOO: f"table_name ~ '^({ODOO_TABLES})$'",
    # Each day's fixes count with the table that they are a partition of.
    GPS: f"table_name !~ '^(alembic_version|{PLANTED_TABLE}|fix_.*)$'",
}
COUNTS = """
SELECT json_object_agg(table_name, (xpath('/row/c/text()', query_to_xml(
    format('SELECT count(*) AS c FROM %I', table_name), false, true, '')))[1]::text)
FROM information_schema.tables
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND {condition}
"""


@dataclass(frozen=True)
class Cluster:
    """The cluster that the pipelines deploy to.

    :param kubectl: with the right to look into pods and Secrets.
    """

    kubectl: Kubectl

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Cluster:
        """The one that the platform's environment names."""
        return cls(Kubectl(Path(environment["KUBECONFIG"])))

    def running(self, component: Component, namespace: str) -> dict[str, set[str]]:
        """Digests that run, as the kubelet reports them, by workload.

        Pods on their way out do not count, nor do finished Jobs'.
        """
        found = self._list("pods", component, namespace)
        digests: dict[str, set[str]] = {}
        for pod in found:
            labels = pod["metadata"]["labels"]
            if pod["metadata"].get("deletionTimestamp") or "job-name" in labels:
                continue
            part = labels["app.kubernetes.io/component"]
            for status in pod["status"].get("containerStatuses", []):
                digest = status.get("imageID", "").rpartition("@")[2]
                digests.setdefault(part, set()).add(digest)
        return digests

    def workloads(self, component: Component, namespace: str) -> set[str]:
        """The parts of a component that have a Deployment."""
        return {
            item["metadata"]["labels"]["app.kubernetes.io/component"]
            for item in self._list("deployments", component, namespace)
        }

    @contextmanager
    def restored(self, component: Component, namespace: str) -> Iterator[None]:
        """Let the block deploy there; what ran before it runs again afterwards."""
        before = self.running(component, namespace)
        templates = {
            item["metadata"]["name"]: item["spec"]["template"]
            for item in self._list("deployments", component, namespace)
        }
        try:
            yield
        finally:
            if self.running(component, namespace) != before:
                self._bring_back(namespace, templates)

    def _bring_back(self, namespace: str, templates: Mapping[str, object]) -> None:
        """Give Deployments the pods that they had.

        Not by their history: of several deployments it forgets the oldest first, and
        that may be the only one that worked.
        """
        for name, template in templates.items():
            what = f"deployment/{name}"
            change = [{"op": "replace", "path": "/spec/template", "value": template}]
            patch = ("patch", what, "--type=json", "--patch", json.dumps(change))
            for words in (patch, ("rollout", "status", what, "--timeout=300s")):
                self.kubectl(
                    *(*words, "-n", namespace),
                    purpose=f"bringing back {what}",
                    timeout_s=320,
                )

    @contextmanager
    def obstructed(self, component: Component) -> Iterator[Callable[[], str]]:
        """Put a table of the planted migration's name into staging's way.

        Gives what clears it away. Afterwards the database is where it was.
        """
        way_back = self.sql(component, STAGING, WAY_BACK[component])
        drop = f"DROP TABLE {PLANTED_TABLE}"
        self.sql(component, STAGING, f"CREATE TABLE {PLANTED_TABLE} (text text)")
        try:
            yield partial(self.sql, component, STAGING, drop)
        finally:
            self.sql(component, STAGING, way_back)

    def let_deadline_pass(self, component: Component) -> None:
        """Have Kubernetes call staging's rollout late, minutes before it would."""
        name = f"deployment/{component.name}"
        live = self.kubectl.get(name, "-n", STAGING, purpose="reading its deadline")
        own = live["spec"]["progressDeadlineSeconds"]
        late = ("wait", name, "--for=condition=Progressing=False", "--timeout=60s")
        tell = partial(self.kubectl, "-n", STAGING, purpose=f"making {name} late")
        tell(*_patch(name, 1))
        try:
            tell(*late)
        finally:
            tell(*_patch(name, own))

    def production(self) -> Digests:
        """What production runs, of both components."""
        return {part.name: self.running(part, PRODUCTION) for part in (GPS, ODOO)}

    def row_counts(self, component: Component) -> dict[str, str]:
        """Rows of each business table in production's database."""
        statement = COUNTS.format(condition=BUSINESS[component])
        counts: dict[str, str] = json.loads(
            self.sql(component, PRODUCTION, statement) or "{}"
        )
        return counts

    def before_migration(self, component: Component) -> dict[str, str]:
        """Statements that bring each environment's database back to where it is now.

        No release can do that. It is what the runbook's restored backup does.
        """
        return {
            namespace: self.sql(component, namespace, WAY_BACK[component])
            for namespace in (STAGING, PRODUCTION)
        }

    def sql(self, component: Component, namespace: str, statement: str) -> str:
        """What a statement answers, in a component's database."""
        database = "odoo" if component is ODOO else "gps"
        words = ("psql", "-h", "/run/postgresql", "-U", "postgres", "-d", database)
        return self.kubectl(
            *("exec", "statefulset/postgresql", "-n", namespace, "--"),
            *(*words, "-v", "ON_ERROR_STOP=1", "-Atqc", statement),
            purpose=f"asking the database of {namespace}",
        ).strip()

    def url(self, component: Component, namespace: str) -> str:
        """Where this machine reaches a component."""
        service = self.kubectl.get(
            "service", component.service, "-n", namespace, purpose="finding a Service"
        )
        return url_of(service, component.port)

    def secret(self, name: str, key: str) -> str:
        """A value that production's pods have mounted."""
        found = self.kubectl.get("secret", name, "-n", PRODUCTION, purpose="reading it")
        return base64.b64decode(found["data"][key]).decode()

    def put_in_a_row(self, component: Component) -> None:
        """Give production something to lose: a tracker with a fix, or a customer."""
        url = self.url(component, PRODUCTION)
        name = f"planted-{uuid.uuid4().hex[:12]}"
        if component is ODOO:
            self._new_customer(url, name)
        else:
            self._new_fix(url, name)

    def _new_fix(self, url: str, name: str) -> None:
        admin = self.secret("gps-secrets", "gps_admin_token")
        plate = name.replace("-", "").upper()
        device = {"vehicle_identifier": plate, "version": 1, "enabled": True}
        send("PUT", f"{url}/v1/devices/{name}", device, admin)
        token = send("POST", f"{url}/v1/devices/{name}/token", token=admin)["token"]
        fix = {
            "latitude": 19.07,
            "longitude": 72.88,
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        assert send("POST", f"{url}/v1/positions", fix, token)["accepted"] == 1

    def _new_customer(self, url: str, name: str) -> None:
        password = self.secret("odoo-secrets", "admin_password")
        user = _call(url, "common", "authenticate", "odoo", "admin", password, {})
        assert isinstance(user, int), "admin cannot log in to production"
        what = ("res.partner", "create", [{"name": name}])
        assert _call(url, "object", "execute_kw", "odoo", user, password, *what)

    def _list(self, kind: str, part: Component, namespace: str) -> list[dict[str, Any]]:
        found = self.kubectl.get(
            *(kind, "-n", namespace, "-l", f"app.kubernetes.io/name={part.name}"),
            purpose=f"listing the {kind} of {part.name}",
        )
        items: list[dict[str, Any]] = found["items"]
        return items


def _patch(name: str, deadline_s: int) -> tuple[str, ...]:
    """The words of kubectl that set a Deployment's progress deadline."""
    spec = {"spec": {"progressDeadlineSeconds": deadline_s}}
    return "patch", name, "--patch", json.dumps(spec)


# Each writes the statements that undo the planted migration. What Odoo's image recorded
# about its own migration belongs to the version, as it would in a backup.
WAY_BACK = {
    GPS: f"""
SELECT format('UPDATE alembic_version SET version_num = %L;'
    ' DROP TABLE IF EXISTS {PLANTED_TABLE};', version_num)
FROM alembic_version""",
    ODOO: """
SELECT format('UPDATE ir_module_module SET latest_version = %L WHERE id = %s;',
    latest_version, id)
FROM ir_module_module WHERE name = 'tms_management'
UNION ALL
SELECT format('UPDATE ir_config_parameter SET value = %L WHERE id = %s;', value, id)
FROM ir_config_parameter WHERE starts_with(key, 'tms_management.image_')""",
}


def _call(url: str, service: str, method: str, *arguments: object) -> Any:
    """One call of Odoo's JSON-RPC."""
    call = {"service": service, "method": method, "args": arguments}
    question = {"jsonrpc": "2.0", "id": 1, "method": "call", "params": call}
    answer = send("POST", f"{url}/jsonrpc", question)
    assert "result" in answer, answer
    return answer["result"]
