"""Hub peer: contents on disk: regular blobs, LFS objects, parts of uploads, xorbs."""

from __future__ import annotations

import hashlib
import itertools
import threading
from pathlib import Path

from hub.answers import HubError
from hub.repos import git_digest


class Objects:
    """Files named by their digests below one directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._counter = itertools.count()
        self._lock = threading.Lock()
        for name in ("blob", "lfs", "part", "xorb"):
            (root / name).mkdir(parents=True, exist_ok=True)

    def path(self, kind: str, name: str) -> Path:
        """Where an object lies, or would."""
        return self.root / kind / name

    def has(self, kind: str, name: str) -> bool:
        """Whether an object is there."""
        return self.path(kind, name).exists()

    def put(self, kind: str, name: str, data: bytes) -> bool:
        """Store under a name, whole or not at all; whether it is new."""
        path = self.path(kind, name)
        new = not path.exists()
        with self._lock:
            temporary = self.root / f"new-{next(self._counter)}"
        temporary.write_bytes(data)
        temporary.replace(path)
        return new

    def blob(self, data: bytes) -> str:
        """Store a regular file's content; git's name for it."""
        oid = git_digest(data)
        self.put("blob", oid, data)
        return oid

    def lfs(self, data: bytes, wanted: str = "") -> str:
        """Store an LFS object; its SHA-256, which must be the one announced."""
        sha256 = hashlib.sha256(data).hexdigest()
        if wanted not in ("", sha256):
            raise HubError(400, "XAmzContentSHA256Mismatch")
        self.put("lfs", sha256, data)
        return sha256

    def corrupt(self, kind: str, name: str) -> None:
        """Other bytes of the same size, under the same name."""
        data = bytearray(self.path(kind, name).read_bytes())
        middle = len(data) // 2
        data[middle] ^= 0xFF
        self.put(kind, name, bytes(data))
