"""Hub peer: the server as a test uses it."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from hub import accounts, cas, cdn, files, tls, uploads
from hub.answers import Call, HubError, Reply, dispatch
from hub.records import ACTIONS, Fault, Request
from hub.repos import Commit, Repo
from hub.state import Settings, State
from hub.wire import Listener

_HUB = [*accounts.ROUTES, *files.ROUTES, *uploads.ROUTES]
_LFS = ".git/info/lfs/objects/multipart"


class Peer:
    """A Hub on 127.0.0.1, with its CDN under the other host name `localhost`.

    Users: alice (may write in the organization acme), bob, carol (may read in acme). Tokens:
    hf_alice_write, hf_alice_read, hf_alice_fine, hf_bob_write, hf_carol_write.

    Attributes:
        url: of the Hub (the endpoint).
        place: the directory with all contents.
        settings: how it behaves; see `Settings`, may be changed at any moment.
    """

    def __init__(self, root: Path | None = None, *, secure: bool = False) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="hub-peer-")) if root is None else root
        self._own_place = root is None
        self._certificates = tls.make(self.place / "tls") if secure else None
        self._state = State(self.place / "objects")
        context = self._certificates.server() if self._certificates else None
        # Bound and not listening: its port refuses, and nobody else can get it.
        self._nowhere = socket.socket()
        self._nowhere.bind(("127.0.0.1", 0))
        self._listeners = {
            name: Listener(name, self._state, answer, context)
            for name, answer in (("hub", _hub), ("cdn", _cdn), ("cas", _cas))
        }
        scheme = "https" if secure else "http"
        ports = {name: listener.port for name, listener in self._listeners.items()}
        self._state.addresses = {
            "cdn": f"{scheme}://localhost:{ports['cdn']}",
            "pieces": f"{scheme}://localhost:{ports['cas']}",
            "cas": f"{scheme}://127.0.0.1:{ports['cas']}",
            "nowhere": f"{scheme}://127.0.0.1:{self._nowhere.getsockname()[1]}",
        }
        self.url = f"{scheme}://127.0.0.1:{ports['hub']}"
        self._closing = threading.Lock()

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all listeners and connections; may be called again."""
        with self._closing:
            if self._state.closing.is_set():
                return
            self._state.closing.set()
        for listener in self._listeners.values():
            listener.close()
        self._nowhere.close()
        if self._own_place:
            shutil.rmtree(self.place)

    @property
    def settings(self) -> Settings:
        """How it behaves from now on."""
        return self._state.settings

    @property
    def nowhere(self) -> str:
        """A URL whose port refuses connections as long as this peer lives."""
        return self._state.addresses["nowhere"]

    def environ(self, token: str = "hf_alice_write") -> dict[str, str]:
        """The variables that make a client use this Hub; token '': anonymous."""
        made = {
            "HF_ENDPOINT": self.url,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
        if token:
            made["HF_TOKEN"] = token
        if self._certificates:
            authority = str(self._certificates.authority)
            made.update(SSL_CERT_FILE=authority, REQUESTS_CA_BUNDLE=authority)
        return made

    # Repositories, past the protocol.

    def create(self, repo: str, private: bool = True) -> None:
        """A new repository, with the one commit that each starts with."""
        with self._state.lock:
            self._state.create(repo, private, repo.split("/", maxsplit=1)[0])

    def commit(
        self,
        repo: str,
        files: Mapping[str, bytes],
        delete: Iterable[str] = (),
        *,
        user: str = "somebody",
    ) -> str:
        """A commit on main by another writer; its name. 'folder/' in `delete` is all below it."""
        return self._state.commit(self._repo(repo), files, tuple(delete), user)

    def read(self, repo: str, path: str, rev: str = "main") -> bytes | None:
        """A file's content at a revision; None when there is none."""
        entry = self._repo(repo).tree(rev).get(path)
        if entry is None:
            return None
        kind, name = ("lfs", entry.lfs) if entry.lfs else ("blob", entry.oid)
        return self._state.objects.path(kind, name).read_bytes()

    def paths(self, repo: str, rev: str = "main") -> set[str]:
        """The files at a revision, but for the .gitattributes that every repository starts with."""
        return set(self._repo(repo).tree(rev)) - {".gitattributes"}

    def head(self, repo: str) -> str:
        """The newest commit of main."""
        return self._repo(repo).resolve("main")

    def commits(self, repo: str) -> list[Commit]:
        """The history of main, newest first; the last one is the repository's creation."""
        with self._state.lock:
            return list(self._repo(repo).history())

    def exists(self, repo: str) -> bool:
        """Whether a repository has this name now."""
        return repo in self._state.repos

    def is_private(self, repo: str) -> bool:
        """Whether only its owners see it."""
        return self._repo(repo).private

    def set_private(self, repo: str, private: bool) -> None:
        """Hide or show a repository."""
        self._repo(repo).private = private

    def rename(self, old: str, new: str) -> None:
        """A new name; requests for the old one are redirected."""
        self._state.rename(old, new)

    def delete(self, repo: str) -> None:
        """The repository is gone."""
        with self._state.lock:
            del self._state.repos[repo]

    def gate(self, repo: str, closed: bool = True) -> None:
        """Only the owner and its organization may have the files from now on."""
        self._repo(repo).gated = closed

    def squash(self, repo: str) -> str:
        """One commit instead of the history, whose commits no longer resolve; its name."""
        with self._state.lock:
            return self._repo(repo).squash("main", "squash", "somebody")

    def revoke(self, token: str) -> None:
        """The token is no longer valid."""
        del self._state.tokens[token]

    def corrupt(self, repo: str, path: str) -> None:
        """Other bytes of the same size, at every address of the file; the digests stay."""
        entry = self._repo(repo).tree()[path]
        kind, name = ("lfs", entry.lfs) if entry.lfs else ("blob", entry.oid)
        self._state.xet.corrupt(entry.lfs)
        self._state.objects.corrupt(kind, name)

    def _repo(self, name: str) -> Repo:
        return self._state.repos[name]

    # Faults and the log.

    def fault(
        self,
        match: str,
        method: str | None = None,
        server: str | None = "hub",
        times: int | None = 1,
        skip: int = 0,
        **action: Any,
    ) -> Fault:
        """A rule by which requests go wrong; see `Fault` for the actions, `hits` counts.

        Args:
            match: a pattern, searched in path and query.
            method: only requests of this method.
            server: hub, cdn or cas; None: all three.
            times: how often; None: always.
            skip: how many requests that match are left alone first.
            action: status, message, code, headers, delay, reset, truncate, silence, after, rate.
        """
        assert action.keys() <= ACTIONS, f"no such action: {sorted(action.keys() - ACTIONS)}"
        made = Fault(match, method, server, times, skip, **action)
        self._state.records.add(made)
        return made

    def mend(self) -> None:
        """No more faults; the log stays."""
        self._state.records.mend()

    def requests(self, server: str | None = None) -> list[Request]:
        """What came in so far, in order; an answered request is complete (see `Request`)."""
        found = self._state.records.requests()
        return [request for request in found if server in (None, request.server)]

    def clear(self) -> None:
        """Forget the requests so far; the faults stay."""
        self._state.records.clear()


def _hub(call: Call) -> Reply:
    try:
        who = None if _LFS in call.path else call.state.who(call)
    except HubError as error:
        return error.reply()
    settings = call.state.settings
    files_asked = "/resolve/" in call.path or "/resolve-cache/" in call.path
    bucket, quota = "api", settings.api_quota
    if files_asked:
        bucket, quota = "resolvers", settings.resolver_quota
    name = who.user if who else "anonymous"
    left, wait = call.state.spend(name, bucket, quota, settings.window)
    limits = {
        "RateLimit": f'"{bucket}";r={max(left, 0)};t={wait}',
        "RateLimit-Policy": f'"fixed window";"{bucket}";q={quota};w={settings.window}',
    }
    if left < 0:
        return HubError(429, "You have exceeded the rate limit.", headers=limits).reply()
    reply = dispatch(_HUB, call)
    reply.headers.update(limits)
    return reply


def _cdn(call: Call) -> Reply:
    return dispatch(cdn.ROUTES, call)


def _cas(call: Call) -> Reply:
    if not call.state.settings.cas_up:
        return HubError(503, "Service Unavailable").reply()
    return dispatch(cas.ROUTES, call)
