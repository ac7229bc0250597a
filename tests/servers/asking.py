"""Servers: plain requests, for what a test has to do at a server past the product."""

from __future__ import annotations

import http.client
import ssl
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

# Wherever a client might ask who its machine is: nobody listens there.
PINS = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:9",
    "GCE_METADATA_HOST": "127.0.0.1:9",
    "GCE_METADATA_IP": "127.0.0.1:9",
    "GCE_METADATA_ROOT": "127.0.0.1:9",
}


@dataclass(frozen=True)
class Answer:
    """What came back; header names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    authority: Path | None = None,
) -> Answer:
    """Send one request on a connection of its own, past all proxies."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    link = http.client.HTTPConnection(host, port, timeout=60)
    if parts.scheme == "https":
        trust = ssl.create_default_context(cafile=authority)
        link = http.client.HTTPSConnection(host, port, timeout=60, context=trust)
    try:
        path = parts.path or "/"
        link.request(method, f"{path}?{parts.query}" if parts.query else path, body, headers or {})
        answer = link.getresponse()
        named = {name.lower(): text for name, text in answer.getheaders()}
        return Answer(answer.status, named, answer.read())
    finally:
        link.close()


def fresh() -> str:
    """A name that nobody has used, as buckets, containers and repositories take it."""
    return f"t{uuid.uuid4().hex[:20]}"
