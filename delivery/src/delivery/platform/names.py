"""Answers to DNS questions about the Services of a cluster.

Follows the part of the Kubernetes DNS specification that workloads here use: A
records of Services, headless Services and their named endpoints, and CNAME
records of ExternalName Services, all below `svc.cluster.local`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

DOMAIN = dns.name.from_text("cluster.local.")
#: Seconds a resolver may keep an answer; short, because Services move.
TTL_S = 5
#: How many names a chain of CNAME records may have.
LONGEST_CHAIN = 8


@dataclass
class Table:
    """What the names of a cluster stand for, all names absolute."""

    addresses: dict[dns.name.Name, list[str]] = field(default_factory=dict)
    aliases: dict[dns.name.Name, dns.name.Name] = field(default_factory=dict)

    def knows(self, name: dns.name.Name) -> bool:
        """Tell whether a name, or a name below it, exists."""
        return any(
            known.is_subdomain(name) for known in (*self.addresses, *self.aliases)
        )


def table_of(
    services: Iterable[Mapping[str, Any]], endpoints: Iterable[Mapping[str, Any]]
) -> Table:
    """Build the table from Service and Endpoints objects of the API."""
    table = Table()
    behind = {_key(entry): entry for entry in endpoints}
    for service in services:
        name = _service_name(service)
        spec = service["spec"]
        if spec.get("type") == "ExternalName":
            table.aliases[name] = dns.name.from_text(spec["externalName"])
        elif spec.get("clusterIP") == "None":
            _add_headless(table, name, behind.get(_key(service), {}))
        elif spec.get("clusterIP"):
            table.addresses[name] = [spec["clusterIP"]]
    return table


def respond(query: dns.message.Message, table: Table) -> dns.message.Message:
    """Answer a query: NXDOMAIN for what is not in the cluster, never a referral."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA
    if len(query.question) != 1:
        response.set_rcode(dns.rcode.FORMERR)
        return response
    question = query.question[0]
    name = question.name
    for _ in range(LONGEST_CHAIN):
        target = table.aliases.get(name)
        if target is None:
            break
        response.answer.append(_record(name, "CNAME", [target.to_text()]))
        name = target
    if question.rdtype == dns.rdatatype.A and table.addresses.get(name):
        response.answer.append(_record(name, "A", table.addresses[name]))
    if not response.answer and not table.knows(name):
        response.set_rcode(dns.rcode.NXDOMAIN)
    return response


def _add_headless(
    table: Table, name: dns.name.Name, endpoints: Mapping[str, Any]
) -> None:
    found: list[str] = []
    for subset in endpoints.get("subsets") or ():
        for address in subset.get("addresses") or ():
            found.append(address["ip"])
            if address.get("hostname"):
                own = dns.name.from_text(address["hostname"], origin=name)
                table.addresses.setdefault(own, []).append(address["ip"])
    table.addresses[name] = found


def _record(
    name: dns.name.Name, kind: dns.rdatatype.RdataType | str, values: list[str]
) -> dns.rrset.RRset:
    return dns.rrset.from_text_list(name, TTL_S, dns.rdataclass.IN, kind, values)


def _key(entry: Mapping[str, Any]) -> tuple[str, str]:
    return entry["metadata"]["namespace"], entry["metadata"]["name"]


def _service_name(service: Mapping[str, Any]) -> dns.name.Name:
    namespace, name = _key(service)
    return dns.name.from_text(f"{name}.{namespace}.svc", origin=DOMAIN)
