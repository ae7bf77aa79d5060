"""Schemas of the operators' kinds, as far as our manifests use them.

Written down from the field lists in the operators' API references: External Secrets'
`external-secrets.io/v1`, and `monitoring.coreos.com/v1` of the Prometheus operator. A
field that is not here is refused, be it mistyped or new to us: add it from there.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "minLength": 1}
_TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
#: What Prometheus and Go take as a length of time.
_DURATION: Schema = {"type": "string", "pattern": r"^([0-9]+(ms|s|m|h|d|w|y))+$"}


def _fields(required: str = "", **properties: Schema) -> Schema:
    """An object with these fields and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required.split(),
        "properties": properties,
    }


def _some(items: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": items}


def _one_of(*values: str) -> Schema:
    return {"enum": list(values)}


_SELECTOR = _fields("matchLabels", matchLabels={**_TEXTS, "minProperties": 1})
_RULE: Schema = {
    "if": {"required": ["record"]},
    "then": _fields("record expr", record=_TEXT, expr=_TEXT, labels=_TEXTS),
    "else": _fields(
        "alert expr",
        alert=_TEXT,
        expr=_TEXT,
        keep_firing_for=_DURATION,
        labels=_TEXTS,
        annotations=_TEXTS,
        **{"for": _DURATION},
    ),
}

#: The `spec` of each kind.
SPECS: dict[tuple[str, str], Schema] = {
    ("external-secrets.io/v1", "ExternalSecret"): _fields(
        "secretStoreRef target dataFrom",
        refreshInterval=_DURATION,
        secretStoreRef=_fields(
            "name kind", name=_TEXT, kind=_one_of("SecretStore", "ClusterSecretStore")
        ),
        target=_fields(
            "name",
            name=_TEXT,
            creationPolicy=_one_of("Owner", "Orphan", "Merge", "None"),
            deletionPolicy=_one_of("Delete", "Merge", "Retain"),
        ),
        dataFrom=_some(_fields("extract", extract=_fields("key", key=_TEXT))),
    ),
    ("monitoring.coreos.com/v1", "PodMonitor"): _fields(
        "selector podMetricsEndpoints",
        jobLabel=_TEXT,
        selector=_SELECTOR,
        podMetricsEndpoints=_some(
            _fields(
                "port",
                port=_TEXT,
                path=_TEXT,
                interval=_DURATION,
                scrapeTimeout=_DURATION,
            )
        ),
    ),
    ("monitoring.coreos.com/v1", "Probe"): _fields(
        "prober targets",
        jobName=_TEXT,
        interval=_DURATION,
        scrapeTimeout=_DURATION,
        module=_TEXT,
        prober=_fields("url", url=_TEXT),
        targets=_fields(
            "staticConfig",
            staticConfig=_fields("static", static=_some(_TEXT), labels=_TEXTS),
        ),
    ),
    ("monitoring.coreos.com/v1", "PrometheusRule"): _fields(
        "groups",
        groups=_some(
            _fields("name rules", name=_TEXT, interval=_DURATION, rules=_some(_RULE))
        ),
    ),
}
