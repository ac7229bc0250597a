"""Registry peer: one behind a proxy that makes its faults."""

from __future__ import annotations

import json
from dataclasses import dataclass

from neffcache.remotes.oci import OciRemote
from registry.opening import open_url
from registry.peer import Peer
from servers.faulty import Faulty

BLOB, MANIFEST, UPLOAD = "/blobs/sha256", "/manifests/", "/blobs/uploads/"
LARGE = 9 << 20


@dataclass
class Place:
    """A registry with a proxy before it that makes its faults."""

    peer: Peer
    proxy: Faulty

    def open(self, options: str = "", timeout: str = "5") -> OciRemote:
        url = f"oci://{self.proxy.url.partition('://')[2]}/acme/cache{options}"
        return open_url(url, {"NEFFCACHE_REMOTE_TIMEOUT": timeout})

    def methods(self, match: str) -> list[str]:
        return [one.method for one in self.proxy.requests(match)]


def error(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()
