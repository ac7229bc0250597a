"""Hub peer: routes for users and repositories: who am I, create, rights, branches."""

from __future__ import annotations

import hashlib
from urllib.parse import unquote

from hub.answers import TEXT, Call, HubError, Reply, as_json, route
from hub.repos import Entry, Repo
from hub.state import USERS

NAME = r"([\w.\-]+/[\w.\-]+)"
MODEL = f"/api/models/{NAME}"


def whoami(call: Call) -> Reply:
    """The user behind the token, with organizations and the token's role."""
    who = call.state.user(call)
    orgs = [
        {"type": "org", "name": name, "fullname": name, "roleInOrg": role, "isEnterprise": False}
        for name, role in USERS[who.user].items()
    ]
    token: dict[str, object] = {"displayName": "t", "role": who.role}
    if who.role == "fineGrained":
        scope = {"entity": {"type": "user", "name": who.user}, "permissions": ["repo.write"]}
        token["fineGrained"] = {"canReadGatedRepos": True, "global": [], "scoped": [scope]}
    return as_json(
        {
            "type": "user",
            "id": hashlib.sha256(who.user.encode()).hexdigest()[:24],
            "name": who.user,
            "fullname": who.user,
            "email": f"{who.user}@example.com",
            "emailVerified": True,
            "isPro": False,
            "canPay": False,
            "orgs": orgs,
            "auth": {"type": "access_token", "accessToken": token},
        }
    )


def create(call: Call) -> Reply:
    """A new repository in the caller's namespace or an organization's."""
    who, asked = call.state.user(call), call.json()
    namespace = asked.get("organization") or who.user
    if call.state.role(who, namespace) != "write":
        words = f'You don\'t have the rights to create a model under the namespace "{namespace}"'
        raise HubError(403, words)
    name = f"{namespace}/{asked['name']}"
    url = {"url": f"{call.base}/{name}"}
    with call.state.lock:
        if name in call.state.repos:
            raise HubError(409, "You already created this model repo", extra=url)
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        call.state.create(name, private, who.user)
    return as_json({**url, "name": name, "id": hashlib.sha256(name.encode()).hexdigest()[:24]})


def delete(call: Call) -> Reply:
    """A repository goes."""
    who, asked = call.state.user(call), call.json()
    name = f"{asked.get('organization') or who.user}/{asked['name']}"
    with call.state.lock:
        call.state.repo(call, name, write=True)
        del call.state.repos[name]
    return Reply(body=b"OK")


def _facts(repo: Repo, sha: str) -> dict[str, object]:
    tree = repo.tree(sha)
    return {
        "_id": hashlib.sha256(repo.name.encode()).hexdigest()[:24],
        "id": repo.name,
        "modelId": repo.name,
        "author": repo.name.split("/")[0],
        "sha": sha,
        "lastModified": repo.log[sha].at,
        "createdAt": repo.log[sha].at,
        "private": repo.private,
        "gated": "manual" if repo.gated else False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "usedStorage": sum(entry.size for entry in tree.values()),
    }


def _sibling(path: str, entry: Entry, blobs: bool) -> dict[str, object]:
    made: dict[str, object] = {"rfilename": path}
    if blobs:
        made.update(size=entry.size, blobId=entry.oid)
        if entry.lfs:
            pointer_size = entry.pointer_size
            made["lfs"] = {"sha256": entry.lfs, "size": entry.size, "pointerSize": pointer_size}
    return made


def info(call: Call, name: str, revision: str | None = None) -> Reply:
    """What is known of a repository at a revision."""
    repo = call.state.repo(call, name)
    sha = repo.resolve(unquote(revision or "main"))
    made = _facts(repo, sha)
    tree, blobs = repo.tree(sha), "blobs" in call.query
    made["siblings"] = [_sibling(path, tree[path], blobs) for path in sorted(tree)]
    wanted = call.query.get("expand") or call.query.get("expand[]")
    if wanted:
        made = {key: value for key, value in made.items() if key in ("_id", "id", *wanted)}
    return as_json(made)


def may(call: Call, name: str, write: str | None = None) -> Reply:
    """Whether the caller may read or write."""
    repo = call.state.repo(call, name, write=write is not None)
    call.state.open_gate(call, repo)
    return as_json({})


def settings(call: Call, name: str) -> Reply:
    """Private or public."""
    asked = call.json()
    with call.state.lock:
        repo = call.state.repo(call, name, write=True)
        if "visibility" in asked or "private" in asked:
            repo.private = asked.get("visibility") == "private" or bool(asked.get("private"))
    return as_json({"private": repo.private})


def move(call: Call) -> Reply:
    """A repository under a new name; the old one redirects."""
    asked = call.json()
    with call.state.lock:
        call.state.repo(call, asked["fromRepo"], write=True)
        call.state.rename(asked["fromRepo"], asked["toRepo"])
    return as_json({})


def refs(call: Call, name: str) -> Reply:
    """Branches and tags."""
    repo = call.state.repo(call, name)

    def listed(names: dict[str, str], kind: str) -> list[dict[str, str]]:
        return [
            {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": sha}
            for name, sha in names.items()
        ]

    return as_json(
        {
            "branches": listed(repo.branches, "heads"),
            "converts": [],
            "tags": listed(repo.tags, "tags"),
            "pullRequests": [],
        }
    )


def add_branch(call: Call, name: str, branch: str) -> Reply:
    """A branch that starts at a revision."""
    branch = unquote(branch)
    with call.state.lock:
        repo = call.state.repo(call, name, write=True)
        if branch in repo.branches:
            raise HubError(409, f"Reference already exists: refs/heads/{branch}")
        repo.branches[branch] = repo.resolve(call.json().get("startingPoint", "main"))
    return as_json({})


def delete_branch(call: Call, name: str, branch: str) -> Reply:
    """Gone; whether the caller may is checked before whether it exists."""
    branch = unquote(branch)
    with call.state.lock:
        repo = call.state.repo(call, name, write=True)
        if branch not in repo.branches:
            raise HubError(404, f"Invalid rev id: refs/heads/{branch}", "RevisionNotFound")
        if branch == "main":
            raise HubError(403, "Cannot delete refs/heads/main")
        del repo.branches[branch]
    return as_json({})


def add_tag(call: Call, name: str, revision: str) -> Reply:
    """A tag at a revision."""
    tag = call.json()["tag"]
    with call.state.lock:
        repo = call.state.repo(call, name, write=True)
        if tag in repo.tags:
            raise HubError(409, "Tag reference exists already")
        repo.tags[tag] = repo.resolve(unquote(revision))
    return as_json({})


def squash(call: Call, name: str, branch: str) -> Reply:
    """The whole history in one commit."""
    message = call.json().get("message", "squash")
    with call.state.lock:
        repo = call.state.repo(call, name, write=True)
        made = repo.squash(unquote(branch), message, call.state.user(call).user)
    return as_json({"commitOid": made})


def _fine(_: Call) -> Reply:
    return Reply(kind=TEXT)


ROUTES = [
    route("GET", "/api/whoami-v2", whoami),
    route(
        "GET", "/api/agent-harnesses", lambda _: as_json({"standardEnvVars": [], "harnesses": {}})
    ),
    route("GET", "/api/telemetry.*", _fine),
    route("POST", "/api/validate-yaml", lambda _: as_json({"errors": [], "warnings": []})),
    route("POST", "/api/repos/create", create),
    route("POST", "/api/repos/move", move),
    route("DELETE", "/api/repos/delete", delete),
    route("GET", MODEL, info),
    route("GET", f"{MODEL}/revision/([^/]+)", info),
    route("GET", f"{MODEL}/auth-check(/write)?", may),
    route("GET", f"{MODEL}/refs", refs),
    route("PUT", f"{MODEL}/settings", settings),
    route("POST", f"{MODEL}/branch/([^/]+)", add_branch),
    route("DELETE", f"{MODEL}/branch/([^/]+)", delete_branch),
    route("POST", f"{MODEL}/tag/([^/]+)", add_tag),
    route("POST", f"{MODEL}/super-squash/([^/]+)", squash),
]
