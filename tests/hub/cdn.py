"""Hub peer: the object storage behind signed addresses, which takes no tokens."""

from __future__ import annotations

import hashlib
import time

from hub.answers import Call, HubError, Reply, route


def _no_token(call: Call) -> None:
    if "authorization" in call.headers:
        raise HubError(400, "Only one auth mechanism allowed")


def get(call: Call, sha256: str) -> Reply:
    """An LFS object."""
    _no_token(call)
    expires = call.query.get("exp", ["0"])[0]
    if call.query.get("sig") != [call.state.sign(f"get {sha256} {expires}")]:
        raise HubError(403, "SignatureDoesNotMatch")
    if int(expires) < time.time():
        raise HubError(403, "Request has expired")
    path = call.state.objects.path("lfs", sha256)
    if not path.exists():
        raise HubError(404, "NoSuchKey")
    kind = "application/octet-stream"
    return Reply(200, path, kind, {"ETag": f'"{sha256}"', "Cache-Control": "public"})


def put(call: Call, sha256: str, part: str | None) -> Reply:
    """An LFS object arrives, or a part of one."""
    _no_token(call)
    signed = f"put {sha256} {part}" if part else f"put {sha256}"
    if call.query.get("sig") != [call.state.sign(signed)]:
        raise HubError(403, "SignatureDoesNotMatch")
    if part:
        call.state.objects.put("part", f"{sha256}.{part}", call.body)
    else:
        call.state.objects.lfs(call.body, sha256)
    tag = hashlib.sha256(call.body).hexdigest()[:32]
    return Reply(200, b"", headers={"ETag": f'"{tag}"'})


ROUTES = [
    route("GET", "/lfs/([0-9a-f]{64})", get),
    route("PUT", r"/lfs/([0-9a-f]{64})(?:/part/(\d+))?", put),
]
