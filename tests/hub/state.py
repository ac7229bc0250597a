"""Hub peer: everything a peer knows: users, tokens, repositories, settings."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hub.answers import Call, HubError
from hub.objects import Objects
from hub.records import Records
from hub.repos import Entry, Repo, changed, git_digest, pointer
from hub.xet import Xet

# Endings that the Hub's default .gitattributes gives to LFS.
_LFS_ENDINGS = re.compile(
    r"\.(7z|arrow|bin|bz2|ckpt|ftz|gz|h5|joblib|lfs\.\S*|mlmodel|model|msgpack|np[yz]|onnx|ot"
    r"|parquet|pb|pickle|pkl|pth?|rar|safetensors|tar|tflite|tgz|wasm|xz|zip|zst)$|tfevents"
)
_LFS_SIZE = 10 * 1024 * 1024
_ATTRIBUTES = (
    b"*.bin filter=lfs diff=lfs merge=lfs -text\n*.tar filter=lfs diff=lfs merge=lfs -text\n"
)


@dataclass
class Settings:
    """How this peer behaves; may be changed at any moment.

    Attributes:
        xet: whether repositories are kept in Xet.
        cas_up: False: the Xet store cannot be reached while the Hub answers.
        page_size: entries per page of a listing.
        paths_limit: paths that one paths-info may name.
        resolve_cache: regular files answer 307 to a second address, as the Hub does.
        part_size: LFS uploads larger than this go in parts; 0: never.
        verify: whether LFS uploads ask for a verification.
        code_on_401: whether an anonymous refusal carries the error code RepoNotFound.
        race_412: racing commits without a parent fail too, as has been seen.
        commit_window: seconds that a commit takes between its check and its effect.
        commits_an_hour: further ones are answered 429; None: no limit.
        api_quota: requests of one user in a window before 429; resolver_quota: the same for files.
        window: seconds of the quotas' window.
    """

    xet: bool = True
    cas_up: bool = True
    page_size: int = 1000
    paths_limit: int = 1000
    resolve_cache: bool = False
    part_size: int = 0
    verify: bool = True
    code_on_401: bool = False
    race_412: bool = False
    commit_window: float = 0.0
    commits_an_hour: int | None = None
    api_quota: int = 10_000
    resolver_quota: int = 50_000
    window: int = 300


@dataclass(frozen=True)
class Who:
    """The user behind a token; role is read, write or fineGrained."""

    user: str
    role: str


USERS: dict[str, dict[str, str]] = {
    "alice": {"acme": "write"},
    "bob": {},
    "carol": {"acme": "read"},
}
TOKENS = {
    "hf_alice_write": Who("alice", "write"),
    "hf_alice_read": Who("alice", "read"),
    "hf_alice_fine": Who("alice", "fineGrained"),
    "hf_bob_write": Who("bob", "write"),
    "hf_carol_write": Who("carol", "write"),
}


class State:
    """Shared by the peer's listeners; `lock` is held around every change of a repository."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings()
        self.records = Records()
        self.objects = Objects(root)
        self.xet = Xet(self.objects)
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self.repos: dict[str, Repo] = {}
        self.moved: dict[str, str] = {}
        self.tokens = dict(TOKENS)
        self.addresses: dict[str, str] = {}
        self.used: dict[tuple[str, str, int], int] = {}
        self._secret = secrets.token_bytes(16)

    def sign(self, text: str) -> str:
        """A signature for a URL."""
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()[:32]

    # Who may do what.

    def who(self, call: Call) -> Who | None:
        """The caller; None for an anonymous one."""
        token = call.token()
        if not token:
            return None
        if token not in self.tokens:
            raise HubError(401, "Invalid credentials in Authorization header")
        return self.tokens[token]

    def user(self, call: Call) -> Who:
        """The caller, who must have a name."""
        who = self.who(call)
        if who is None:
            raise self.anonymous()
        return who

    def role(self, who: Who | None, namespace: str) -> str:
        """read, write, or '' for nothing."""
        if who is None:
            return ""
        right = "write" if who.user == namespace else USERS[who.user].get(namespace, "")
        return "read" if right and who.role == "read" else right

    def anonymous(self) -> HubError:
        """The same for a private repository and a missing one."""
        code = "RepoNotFound" if self.settings.code_on_401 else ""
        challenge = 'Bearer realm="Authentication required", charset="UTF-8"'
        headers = {"WWW-Authenticate": challenge}
        return HubError(401, "Invalid username or password.", code, headers)

    def repo(self, call: Call, name: str, *, write: bool = False) -> Repo:
        """A repository that the caller may see (and change); a renamed one redirects."""
        who = self.who(call)
        found = self.repos.get(self.moved.get(name, name))
        role = self.role(who, name.split("/", maxsplit=1)[0])
        if found is None or (found.private and not role):
            raise self.anonymous() if who is None else not_found()
        if name in self.moved:
            raise _redirect(call, name, found.name)
        if write and role != "write":
            raise self._not_a_writer(who, name)
        return found

    def _not_a_writer(self, who: Who | None, name: str) -> HubError:
        if who is None:
            return self.anonymous()
        if self.role(Who(who.user, "write"), name.split("/", maxsplit=1)[0]) == "write":
            return HubError(403, "Forbidden: you must use a write token to upload to a repository.")
        return HubError(
            403, "Forbidden: pass `create_pr=1` as a query parameter to create a Pull Request"
        )

    def open_gate(self, call: Call, repo: Repo) -> None:
        """Refuses strangers the files of a gated repository."""
        who = self.who(call)
        if repo.gated and not self.role(who, repo.name.split("/")[0]):
            words = (
                f"Access to model {repo.name} is restricted and you are not in the authorized list."
            )
            raise HubError(401 if who is None else 403, words, "GatedRepo")

    # Repositories.

    def create(self, name: str, private: bool, user: str) -> Repo:
        """A new repository with its first commit."""
        repo = self.repos[name] = Repo(name, private)
        self.moved.pop(name, None)
        entry = Entry(self.objects.blob(_ATTRIBUTES), len(_ATTRIBUTES))
        repo.commit({".gitattributes": entry}, "initial commit", user)
        return repo

    def rename(self, old: str, new: str) -> None:
        """The repository gets a new name; the old one redirects."""
        with self.lock:
            repo = self.repos[new] = self.repos.pop(old)
            repo.name, self.moved[old] = new, new
            self.moved.pop(new, None)

    def commit(
        self, repo: Repo, files: Mapping[str, bytes], deletes: Iterable[str], user: str
    ) -> str:
        """A commit on main past the protocol; its name."""
        adds = {path: self.stored(path, data) for path, data in files.items()}
        with self.lock:
            return repo.commit(changed(repo.tree(), adds, deletes), "update", user)

    def stored(self, path: str, data: bytes) -> Entry:
        """Store a file's content as an upload of it would."""
        if not is_lfs(path, len(data), data[:512]):
            return Entry(self.objects.blob(data), len(data))
        sha256 = self.objects.lfs(data)
        if self.settings.xet:
            self.xet.deposit(sha256)
        return self.lfs_entry(sha256, len(data))

    def lfs_entry(self, sha256: str, size: int) -> Entry:
        """The tree's entry for a stored LFS object."""
        return Entry(git_digest(pointer(sha256, size)), size, sha256, self.xet.of.get(sha256, ""))

    def cas_address(self) -> str:
        """Where the Xet store is, or would be."""
        return self.addresses["cas" if self.settings.cas_up else "nowhere"]

    def spend(self, who: str, bucket: str, quota: int, window: int) -> tuple[int, int]:
        """Count one use; what is left (below 0: none was) and the seconds until more."""
        now = time.time()
        key = (who, bucket, int(now // window))
        with self.lock:
            self.used[key] = self.used.get(key, 0) + 1
            return quota - self.used[key], int(window - now % window) + 1


def is_lfs(path: str, size: int, sample: bytes) -> bool:
    """Whether the Hub would put a file into LFS."""
    if _LFS_ENDINGS.search(path) or size > _LFS_SIZE or b"\0" in sample:
        return True
    try:
        sample.decode()
    except UnicodeDecodeError as error:
        return error.start < len(sample) - 4
    return False


def not_found() -> HubError:
    """What a stranger to a repository is told."""
    return HubError(404, "Repository not found", "RepoNotFound")


def _redirect(call: Call, old: str, new: str) -> HubError:
    """To the same place in the repository's new name; relative, as the clients demand."""
    return HubError(
        307,
        f"Temporary Redirect. Redirecting to {new}",
        "",
        {"Location": call.target.replace(f"/{old}", f"/{new}", 1)},
    )
