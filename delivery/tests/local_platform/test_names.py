"""What the cluster's DNS answers."""

from __future__ import annotations

from typing import Any

import dns.flags
import dns.message
import dns.rcode
import pytest

from delivery.platform.names import respond, table_of

DOMAIN = "tms-staging.svc.cluster.local."


def entry(kind: str, name: str, **body: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "tms-staging"}
    return {"kind": kind, "metadata": metadata, **body}


SERVICES = [
    entry("Service", "odoo-db", spec={"clusterIP": "10.96.0.7"}),
    entry("Service", "workers", spec={"clusterIP": "None"}),
    entry("Service", "idle", spec={"clusterIP": "None"}),
    entry(
        "Service",
        "rds",
        spec={"type": "ExternalName", "externalName": f"odoo-db.{DOMAIN}"},
    ),
    entry(
        "Service",
        "outside",
        spec={"type": "ExternalName", "externalName": "db.example.org"},
    ),
    entry(
        "Service",
        "loop",
        spec={"type": "ExternalName", "externalName": f"loop.{DOMAIN}"},
    ),
    entry("Service", "new", spec={}),
]
ENDPOINTS = [
    entry(
        "Endpoints",
        "workers",
        subsets=[
            {
                "addresses": [
                    {"ip": "10.90.0.4", "hostname": "w-0"},
                    {"ip": "10.90.0.5"},
                ]
            },
            {"notReadyAddresses": [{"ip": "10.90.0.6"}]},
        ],
    ),
    entry("Endpoints", "idle"),
]
TABLE = table_of(SERVICES, ENDPOINTS)


def ask(name: str, kind: str = "A") -> dns.message.Message:
    return respond(dns.message.make_query(name, kind), TABLE)


def answers(name: str, kind: str = "A") -> list[str]:
    response = ask(name, kind)
    return [str(value) for record in response.answer for value in record]


def test_a_service_resolves_to_its_address() -> None:
    assert answers(f"odoo-db.{DOMAIN}") == ["10.96.0.7"]


def test_case_does_not_matter() -> None:
    assert answers("ODOO-DB.tms-staging.svc.Cluster.Local.") == ["10.96.0.7"]


def test_a_headless_service_resolves_to_what_is_ready_behind_it() -> None:
    assert sorted(answers(f"workers.{DOMAIN}")) == ["10.90.0.4", "10.90.0.5"]


def test_an_endpoint_with_a_hostname_has_a_name_of_its_own() -> None:
    assert answers(f"w-0.workers.{DOMAIN}") == ["10.90.0.4"]


def test_a_headless_service_with_nothing_behind_it_exists_and_is_empty() -> None:
    response = ask(f"idle.{DOMAIN}")
    assert response.answer == []
    assert response.rcode() == dns.rcode.NOERROR


def test_an_external_name_is_an_alias_and_is_followed_inside() -> None:
    assert answers(f"rds.{DOMAIN}") == [f"odoo-db.{DOMAIN}", "10.96.0.7"]


def test_an_external_name_outside_is_left_to_the_asker() -> None:
    assert answers(f"outside.{DOMAIN}") == ["db.example.org."]


def test_an_alias_of_itself_ends() -> None:
    assert ask(f"loop.{DOMAIN}").rcode() == dns.rcode.NOERROR


@pytest.mark.parametrize(
    "name", [f"nothing.{DOMAIN}", "example.org.", f"odoo-db.{DOMAIN}{DOMAIN}"]
)
def test_what_is_not_in_the_cluster_does_not_exist(name: str) -> None:
    response = ask(name)
    assert response.rcode() == dns.rcode.NXDOMAIN
    assert response.answer == []


@pytest.mark.parametrize("name", [f"odoo-db.{DOMAIN}", DOMAIN, "svc.cluster.local."])
def test_a_name_without_a_record_of_the_kind_still_exists(name: str) -> None:
    response = ask(name, "AAAA")
    assert response.rcode() == dns.rcode.NOERROR
    assert response.answer == []


def test_a_service_without_an_address_yet_does_not_exist() -> None:
    assert ask(f"new.{DOMAIN}").rcode() == dns.rcode.NXDOMAIN


def test_answers_are_authoritative() -> None:
    assert ask(f"odoo-db.{DOMAIN}").flags & dns.flags.AA


def test_a_message_without_a_question_is_refused() -> None:
    assert respond(dns.message.Message(), TABLE).rcode() == dns.rcode.FORMERR
