"""Hub peer: repositories: commits, trees, revisions."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from hub.answers import HubError

Tree = dict[str, "Entry"]


def git_digest(data: bytes) -> str:
    """The SHA-1 by which git names a blob."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def pointer(sha256: str, size: int) -> bytes:
    """What git itself holds of an LFS file."""
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
        sha256.encode(),
        size,
    )


@dataclass(frozen=True)
class Entry:
    """A file in a tree.

    Attributes:
        oid: SHA-1 of git's blob: the content, or the LFS pointer.
        lfs: SHA-256 of the content; '' for a regular file.
        xet: the file's hash in Xet, or ''.
    """

    oid: str
    size: int
    lfs: str = ""
    xet: str = ""

    @property
    def pointer_size(self) -> int:
        """Bytes of the LFS pointer."""
        return len(pointer(self.lfs, self.size))

    def described(self, path: str) -> dict[str, object]:
        """As listings show it."""
        made: dict[str, object] = {
            "type": "file",
            "oid": self.oid,
            "size": self.size,
            "path": path,
        }
        if self.lfs:
            made["lfs"] = {"oid": self.lfs, "size": self.size, "pointerSize": self.pointer_size}
        if self.xet:
            made["xetHash"] = self.xet
        return made


def folder(path: str) -> dict[str, object]:
    """A directory as listings show it."""
    return {
        "type": "directory",
        "oid": hashlib.sha1(path.encode()).hexdigest(),
        "size": 0,
        "path": path,
    }


def parents(path: str) -> Iterator[str]:
    """The directories above a path, outermost first."""
    parts = path.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


@dataclass(frozen=True)
class Commit:
    """One commit with the whole tree as it was then; `at` is in ISO format."""

    oid: str
    parent: str
    title: str
    message: str
    user: str
    at: str
    tree: Mapping[str, Entry]


@dataclass
class Repo:
    """A repository; whoever changes it holds the state's lock."""

    name: str
    private: bool
    gated: bool = False
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    log: dict[str, Commit] = field(default_factory=dict)

    def resolve(self, revision: str) -> str:
        """The commit that a branch, tag, or (shortened) commit name stands for."""
        for names in (self.branches, self.tags):
            if revision in names:
                return names[revision]
        if re.fullmatch("[0-9a-f]{7,40}", revision):
            found = [oid for oid in self.log if oid.startswith(revision)]
            if len(found) == 1:
                return found[0]
        raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def tree(self, revision: str = "main") -> Mapping[str, Entry]:
        """The files at a revision."""
        return self.log[self.resolve(revision)].tree

    def commit(
        self, tree: Mapping[str, Entry], title: str, user: str, *, branch: str = "main"
    ) -> str:
        """A new commit at the head of a branch; its name."""
        return self._add(branch, self.branches.get(branch, ""), tree, (title, "", user))

    def squash(self, branch: str, title: str, user: str) -> str:
        """One commit instead of the branch's history, whose commits no longer resolve."""
        old = self.resolve(branch)
        made = self._add(branch, "", self.log[old].tree, (title, "", user))
        kept = {*self.branches.values(), *self.tags.values()}
        while old in self.log and old not in kept:
            old = self.log.pop(old).parent
        return made

    def _add(
        self, branch: str, parent: str, tree: Mapping[str, Entry], words: tuple[str, str, str]
    ) -> str:
        oid = secrets.token_hex(20)
        title, message, user = words
        at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        self.log[oid] = Commit(oid, parent, title, message, user, at, dict(tree))
        self.branches[branch] = oid
        return oid

    def history(self, revision: str = "main") -> Iterator[Commit]:
        """The commits of a revision, newest first."""
        oid = self.resolve(revision)
        while oid in self.log:
            yield self.log[oid]
            oid = self.log[oid].parent


def changed(tree: Mapping[str, Entry], adds: Tree, deletes: Iterable[str]) -> Tree:
    """The tree after additions and deletions; a name that ends in '/' deletes a folder."""
    made = dict(tree)
    for name in deletes:
        gone = [
            path
            for path in made
            if path == name or (name[-1:] == "/" and path[: len(name)] == name)
        ]
        if not gone:
            raise HubError(404, f"A file with this name doesn't exist: {name}", "EntryNotFound")
        for path in gone:
            del made[path]
    made.update(adds)
    folders = {above for path in made for above in parents(path)}
    clash = sorted(folders.intersection(made))
    if clash:
        raise HubError(400, f"Invalid path: {clash[0]} is both a file and a folder")
    return made
