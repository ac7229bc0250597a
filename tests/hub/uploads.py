"""Hub peer: routes that write: preupload, LFS batches, commits."""

from __future__ import annotations

import base64
import json
import time
from typing import Any
from urllib.parse import unquote

from hub.accounts import MODEL, NAME
from hub.answers import Call, HubError, Reply, as_json, route
from hub.repos import Entry, Tree, changed
from hub.state import is_lfs

_UPDATED = "The branch was updated since you opened this page. Please refresh and try again."
_BATCH = "application/vnd.git-lfs+json"


def preupload(call: Call, name: str, revision: str) -> Reply:
    """Which files go to LFS, and what is already there under their paths."""
    repo = call.state.repo(call, name, write="create_pr" not in call.query)
    sha = repo.resolve(unquote(revision))
    asked = call.json()["files"]
    if len(asked) > 256:
        raise HubError(413, "too many files")
    tree, made = repo.tree(sha), []
    for file in asked:
        sample = base64.b64decode(file.get("sample", ""))
        mode = "lfs" if is_lfs(file["path"], file["size"], sample) else "regular"
        row = {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}
        if file["path"] in tree:
            row["oid"] = tree[file["path"]].lfs or tree[file["path"]].oid
        made.append(row)
    return as_json({"files": made, "commitOid": sha})


def batch(call: Call, name: str) -> Reply:
    """Where the objects of an LFS transfer go; one that is there already has no action."""
    call.state.repo(call, name, write=True)
    asked, offered = call.json(), call.json().get("transfers", [])
    settings = call.state.settings
    parts = settings.part_size if "multipart" in offered else 0
    objects = [_upload(call, name, item, parts) for item in asked["objects"]]
    transfer = "multipart" if parts else "basic"
    if settings.xet and "xet" in offered:
        transfer = "xet"
    reply = as_json({"transfer": transfer, "objects": objects, "hash_algo": "sha256"})
    reply.kind = _BATCH
    return reply


def _upload(call: Call, name: str, item: dict[str, Any], parts: int) -> dict[str, object]:
    state, sha256, size = call.state, item["oid"], item["size"]
    row: dict[str, object] = {"oid": sha256, "size": size, "authenticated": True}
    if state.objects.has("lfs", sha256):
        return row
    url = f"{state.addresses['cdn']}/lfs/{sha256}"
    upload: dict[str, object] = {"href": f"{url}?sig={state.sign(f'put {sha256}')}"}
    lfs = f"{call.base}/{name}.git/info/lfs/objects"
    if parts and size > parts:
        upload["href"] = f"{lfs}/multipart?sig={state.sign(f'done {sha256}')}"
        header = {"chunk_size": str(parts)}
        for number in range(1, -(-size // parts) + 1):
            signature = state.sign(f"put {sha256} {number}")
            header[str(number)] = f"{url}/part/{number}?sig={signature}"
        upload["header"] = header
    actions = {"upload": upload}
    if state.settings.verify:
        actions["verify"] = {"href": f"{lfs}/verify"}
    row["actions"] = actions
    return row


def verify(call: Call, name: str) -> Reply:
    """Whether an object has arrived."""
    call.state.repo(call, name, write=True)
    asked = call.json()
    path = call.state.objects.path("lfs", asked["oid"])
    if not path.exists() or path.stat().st_size != asked["size"]:
        raise HubError(404, "LFS object not found or size mismatch")
    return as_json({})


def multipart(call: Call, _: str) -> Reply:
    """The parts become the object; the address itself is the right to do so."""
    asked = call.json()
    sha256, objects = asked["oid"], call.state.objects
    if call.query.get("sig") != [call.state.sign(f"done {sha256}")]:
        raise HubError(403, "bad signature")
    numbers = sorted(int(part["partNumber"]) for part in asked["parts"])
    paths = [objects.path("part", f"{sha256}.{number}") for number in numbers]
    objects.lfs(b"".join(path.read_bytes() for path in paths), sha256)
    return as_json({})


def commit(call: Call, name: str, branch: str) -> Reply:
    """Additions and deletions become the branch's new head, if nobody was faster."""
    state = call.state
    lines = [json.loads(line) for line in call.body.splitlines() if line.strip()]
    head, branch = lines[0]["value"], unquote(branch)
    parent = head.get("parentCommit") or ""
    with state.lock:
        repo = state.repo(call, name, write=True)
        user = state.user(call).user
        _spend(call, user)
        old = repo.resolve(branch)
        if not old.startswith(parent):
            raise HubError(412, _UPDATED)
    if state.settings.commit_window:
        state.closing.wait(state.settings.commit_window)
    adds, deletes = _operations(call, lines[1:])
    with state.lock:
        now = repo.resolve(branch)
        if now != old and (parent or state.settings.race_412):
            raise HubError(412, _UPDATED)
        tree = changed(repo.tree(now), adds, deletes)
        made = repo.commit(tree, head.get("summary", ""), user, branch=branch)
    url = f"{call.base}/{name}/commit/{made}"
    return as_json({"success": True, "commitOid": made, "commitUrl": url, "hookOutput": ""})


def _operations(call: Call, lines: list[dict[str, Any]]) -> tuple[Tree, list[str]]:
    adds: Tree = {}
    deletes: list[str] = []
    for line in lines:
        kind, value = line["key"], line["value"]
        if kind == "file":
            data = base64.b64decode(value["content"])
            adds[value["path"]] = Entry(call.state.objects.blob(data), len(data))
        elif kind == "lfsFile":
            adds[value["path"]] = _lfs_file(call, value)
        elif kind == "deletedFile":
            deletes.append(value["path"])
        elif kind == "deletedFolder":
            deletes.append(value["path"].rstrip("/") + "/")
        else:
            raise HubError(400, f"unknown operation {kind}")
    return adds, deletes


def _lfs_file(call: Call, value: dict[str, Any]) -> Entry:
    path = call.state.objects.path("lfs", value["oid"])
    if not path.exists():
        words = f"LFS pointer pointed to a file that does not exist: {value['path']}"
        raise HubError(400, words)
    return call.state.lfs_entry(value["oid"], path.stat().st_size)


def _spend(call: Call, user: str) -> None:
    limit = call.state.settings.commits_an_hour
    if limit is None:
        return
    left, wait = call.state.spend(user, "commits", limit, 3600)
    if left < 0:
        words = (
            f"You have exceeded the rate limit for repository commits ({limit} per hour). "
            f"You can retry this action in {-(-wait // 60)} minutes."
        )
        raise HubError(429, words, headers={"Retry-After": str(wait)})


def xet_token(call: Call, name: str, mode: str, _: str) -> Reply:
    """The right to read from or write to the Xet store for a while."""
    state = call.state
    repo = state.repo(call, name, write=mode == "write")
    state.open_gate(call, repo)
    if not state.settings.xet:
        raise HubError(404, "Xet is not enabled for this repo")
    token, expires, url = state.xet.grant(mode), int(time.time()) + 900, state.cas_address()
    headers = {
        "X-Xet-Cas-Url": url,
        "X-Xet-Access-Token": token,
        "X-Xet-Token-Expiration": str(expires),
    }
    return as_json({"casUrl": url, "exp": expires, "accessToken": token}, headers=headers)


_LFS = rf"/{NAME}\.git/info/lfs/objects"
ROUTES = [
    route("POST", f"{MODEL}/preupload/([^/]+)", preupload),
    route("POST", f"{_LFS}/batch", batch),
    route("POST", f"{_LFS}/verify", verify),
    route("POST", f"{_LFS}/multipart", multipart),
    route("POST", f"{MODEL}/commit/([^/]+)", commit),
    route("GET", f"{MODEL}/xet-(read|write)-token/(.+)", xet_token),
]
