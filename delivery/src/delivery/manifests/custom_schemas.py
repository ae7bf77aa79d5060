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


def _given(name: str) -> Schema:
    return {"required": [name]}


_SELECTOR = _fields("matchLabels", matchLabels={**_TEXTS, "minProperties": 1})
_IN_THE_NAME_OF = _fields("name", name=_TEXT, namespace=_TEXT)
_STORE = _fields(
    "provider",
    conditions=_some(_fields("namespaces", namespaces=_some(_TEXT))),
    provider=_fields(
        "aws",
        aws=_fields(
            "service region auth",
            service=_one_of("SecretsManager"),
            region=_TEXT,
            auth=_fields(
                "jwt",
                jwt=_fields("serviceAccountRef", serviceAccountRef=_IN_THE_NAME_OF),
            ),
        ),
    ),
)
_EXTERNAL_SECRET = _fields(
    "secretStoreRef target",
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
    data=_some(
        _fields(
            "secretKey remoteRef",
            secretKey=_TEXT,
            remoteRef=_fields("key", key=_TEXT, property=_TEXT),
        )
    ),
    dataFrom=_some(_fields("extract", extract=_fields("key", key=_TEXT))),
)
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
    ("external-secrets.io/v1", "ClusterSecretStore"): _STORE,
    # Conditions are a cluster-wide store's: which namespaces may use it.
    ("external-secrets.io/v1", "SecretStore"): {**_STORE, "not": _given("conditions")},
    ("external-secrets.io/v1", "ExternalSecret"): {
        **_EXTERNAL_SECRET,
        "anyOf": [_given("data"), _given("dataFrom")],
    },
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
