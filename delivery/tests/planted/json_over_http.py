"""One JSON document to an address of this machine's platform, and its answer."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit


def send(method: str, url: str, body: object = None, token: str = "") -> Any:
    """Send ``body`` and return the answer's document, None where it is empty."""
    place = urlsplit(url)
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection(place.netloc, timeout=30)
    with closing(connection):
        payload = None if body is None else json.dumps(body)
        connection.request(method, place.path, payload, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status < 300, f"{method} {url}: {answer.status} {text[:400]}"
        return json.loads(text) if text else None
