"""The registry is what the tests of a remote take it for: logins, manifests, a mirror."""

from __future__ import annotations

import hashlib
import json
from urllib.parse import urlsplit

from servers.asking import ask
from servers.registry import Registry

KIND = "application/vnd.oci.image.manifest.v1+json"


def push_blob(registry: Registry, repository: str, data: bytes) -> dict[str, object]:
    begun = registry.call("POST", f"/v2/{repository}/blobs/uploads/", b"")
    assert begun.status == 202, begun
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    to = urlsplit(begun.headers["location"])
    path = f"{to.path}?{to.query}&digest={digest}"
    done = registry.call("PUT", path, data, {"content-type": "application/octet-stream"})
    assert done.status == 201, done
    return {"mediaType": "application/x-test", "digest": digest, "size": len(data)}


def push(registry: Registry, repository: str, tag: str, data: bytes) -> str:
    """Push an artifact of one layer; the digest of its layer."""
    layer = push_blob(registry, repository, data)
    config = push_blob(registry, repository, b"{}")
    manifest = {"schemaVersion": 2, "mediaType": KIND, "config": config, "layers": [layer]}
    body = json.dumps(manifest).encode()
    path = f"/v2/{repository}/manifests/{tag}"
    assert registry.call("PUT", path, body, {"content-type": KIND}).status == 201
    return str(layer["digest"])


def test_artifact_is_listed_read_and_deleted(registry: Registry) -> None:
    repository = registry.bucket()
    digest = push(registry, repository, "one", b"layer")
    assert registry.names(repository) == ["one"]
    assert registry.call("GET", f"/v2/{repository}/blobs/{digest}").body == b"layer"
    registry.delete(repository, "one")
    assert registry.names(repository) == []


def test_password_is_wanted_over_tls(secure_registry: Registry) -> None:
    asked = ask("GET", f"{secure_registry.url}/v2/", authority=secure_registry.authority)
    assert asked.status == 401
    assert asked.headers["www-authenticate"].startswith("Basic ")
    assert secure_registry.call("GET", "/v2/").status == 200


def test_mirror_fetches_from_its_origin_and_takes_nothing(
    registry: Registry, mirror: Registry
) -> None:
    repository = registry.bucket()
    digest = push(registry, repository, "one", b"layer")
    kinds = {"accept": KIND}
    assert mirror.call("GET", f"/v2/{repository}/manifests/one", headers=kinds).status == 200
    assert mirror.call("GET", f"/v2/{repository}/blobs/{digest}").body == b"layer"
    assert mirror.call("POST", f"/v2/{repository}/blobs/uploads/", b"").status == 405
