"""Hub peer: routes that read: listings, paths-info, resolve, commits."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote

from hub.accounts import MODEL, NAME
from hub.answers import TEXT, Call, HubError, Reply, as_json, route
from hub.repos import Commit, Entry, Repo, folder, parents, pointer

_EXPOSED = "X-Repo-Commit,X-Linked-Size,X-Linked-Etag,X-Xet-Hash"


def _last(commit: Commit) -> dict[str, object]:
    return {"lastCommit": {"id": commit.oid, "title": commit.title, "date": commit.at}}


def paths_info(call: Call, name: str, revision: str) -> Reply:
    """The entries of the named paths; those that do not exist are left out silently."""
    repo = call.state.repo(call, name)
    sha = repo.resolve(unquote(revision))
    form = call.form()
    paths = form.get("paths", [])
    if len(paths) > call.state.settings.paths_limit:
        raise HubError(413, "too many parameters")
    tree = repo.tree(sha)
    more = _last(repo.log[sha]) if form.get("expand") in (True, ["true"], ["True"]) else {}
    folders = {above for path in tree for above in parents(path)}
    found = [{**tree[path].described(path), **more} for path in paths if path in tree]
    found += [folder(path.rstrip("/")) for path in paths if path.rstrip("/") in folders]
    return as_json(found)


def _below(tree: Mapping[str, Entry], prefix: str, recursive: bool) -> Iterator[dict[str, object]]:
    """Files and folders below a folder ('' or with its slash), in the order of their paths."""
    seen = set()
    for path in sorted(tree):
        if not path.startswith(prefix):
            continue
        above = [at for at in parents(path) if len(at) >= len(prefix)]
        for at in above if recursive else above[:1]:
            if at not in seen:
                seen.add(at)
                yield folder(at)
        if recursive or not above:
            yield tree[path].described(path)


def tree(call: Call, name: str, revision: str, path: str | None = None) -> Reply:
    """One page of a listing; the next one's address stands in the Link header."""
    repo = call.state.repo(call, name)
    sha = repo.resolve(unquote(revision))
    inside = unquote(path or "").strip("/")
    prefix = f"{inside}/" if inside else ""
    entries = list(_below(repo.tree(sha), prefix, call.flag("recursive")))
    if inside and not entries:
        words = f'{inside} does not exist on "{unquote(revision)}"'
        raise HubError(404, words, "EntryNotFound", {"X-Repo-Commit": sha})
    if call.flag("expand"):
        entries = [{**entry, **_last(repo.log[sha])} for entry in entries]
    limit = call.state.settings.page_size
    size = min(int(call.query.get("limit", [str(limit)])[0]), limit)
    cursor = call.query.get("cursor", [""])[0]
    start = int(base64.urlsafe_b64decode(cursor)) if cursor else 0
    headers = {"X-Total-Count": str(len(entries))}
    if start + size < len(entries):
        headers["Link"] = f'<{_next_page(call, start + size)}>; rel="next"'
    return as_json(entries[start : start + size], headers=headers)


def _next_page(call: Call, start: int) -> str:
    pairs = {name: values[0] for name, values in call.query.items()}
    pairs["cursor"] = base64.urlsafe_b64encode(str(start).encode()).decode()
    query = "&".join(f"{name}={quote(value)}" for name, value in pairs.items())
    return f"{call.base}{call.path}?{query}"


def commits(call: Call, name: str, revision: str) -> Reply:
    """The history of a revision, newest first."""
    repo = call.state.repo(call, name)
    return as_json(
        [
            {
                "id": commit.oid,
                "title": commit.title,
                "message": commit.message,
                "date": commit.at,
                "authors": [{"user": commit.user, "avatar": ""}],
            }
            for commit in repo.history(unquote(revision))
        ]
    )


def resolve(call: Call, name: str, revision: str, path: str) -> Reply:
    """A file: an LFS file by 302 to the CDN, a regular one at once (or by way of a 307)."""
    repo = call.state.repo(call, name)
    call.state.open_gate(call, repo)
    path, sha, entry = _entry(repo, revision, path)
    if entry.lfs:
        return _elsewhere(call, repo, sha, entry)
    if call.state.settings.resolve_cache:
        headers = _resolved(sha)
        headers["Location"] = f"/api/resolve-cache/models/{name}/{sha}/{quote(path)}"
        headers["Location"] += f"?etag=%22{entry.oid}%22"
        headers.update({"X-Linked-Size": str(entry.size), "X-Linked-Etag": f'"{entry.oid}"'})
        return Reply(307, b"", TEXT, headers)
    return _here(call, sha, entry)


def cached(call: Call, name: str, revision: str, path: str) -> Reply:
    """A regular file at its second address; of an LFS file the pointer."""
    repo = call.state.repo(call, name)
    call.state.open_gate(call, repo)
    _, sha, entry = _entry(repo, revision, path)
    return _here(call, sha, entry)


def _entry(repo: Repo, revision: str, path: str) -> tuple[str, str, Entry]:
    path, sha = unquote(path), repo.resolve(unquote(revision))
    entry = repo.tree(sha).get(path)
    if entry is None:
        # With the commit on the refusal a client may remember the absence.
        raise HubError(404, "Entry not found", "EntryNotFound", {"X-Repo-Commit": sha})
    return path, sha, entry


def _resolved(sha: str) -> dict[str, str]:
    return {"X-Repo-Commit": sha, "Access-Control-Expose-Headers": _EXPOSED}


def _elsewhere(call: Call, repo: Repo, sha: str, entry: Entry) -> Reply:
    expires = str(int(time.time()) + 3600)
    signature = call.state.sign(f"get {entry.lfs} {expires}")
    cdn = call.state.addresses["cdn"]
    url = f"{cdn}/lfs/{entry.lfs}?exp={expires}&sig={signature}"
    headers = _resolved(sha)
    headers.update(
        {
            "Location": url,
            "ETag": f'"{entry.oid}"',
            "X-Linked-Size": str(entry.size),
            "X-Linked-Etag": f'"{entry.lfs}"',
        }
    )
    if entry.xet and call.state.settings.xet:
        headers["X-Xet-Hash"] = entry.xet
        token = f"{call.base}/api/models/{repo.name}/xet-read-token/{sha}"
        headers["Link"] = f'<{token}>; rel="xet-auth"'
    return Reply(302, f"Found. Redirecting to {url}".encode(), TEXT, headers)


def _here(call: Call, sha: str, entry: Entry) -> Reply:
    headers = _resolved(sha)
    headers["ETag"] = f'"{entry.oid}"'
    if call.headers.get("if-none-match") == headers["ETag"]:
        return Reply(304, b"", TEXT, headers)
    if entry.lfs:
        return Reply(200, pointer(entry.lfs, entry.size), TEXT, headers)
    return Reply(200, call.state.objects.path("blob", entry.oid), TEXT, headers)


ROUTES = [
    route("GET", f"{MODEL}/tree/([^/]+)(?:/(.*))?", tree),
    route("POST", f"{MODEL}/paths-info/([^/]+)", paths_info),
    route("GET", f"{MODEL}/commits/([^/]+)", commits),
    route("GET", f"/{NAME}/resolve/([^/]+)/(.+)", resolve),
    route("GET", f"/{NAME}/raw/([^/]+)/(.+)", cached),
    route("GET", f"/api/resolve-cache/models/{NAME}/([^/]+)/(.+)", cached),
]
