"""Registry peer: remotes of it, and entries to send there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from entries import key_of, write_bundle
from neffcache import remote
from neffcache.cache import bundles
from neffcache.remotes.oci import OciRemote


def open_url(url: str, environ: Mapping[str, str] | None = None) -> OciRemote:
    """A remote with nothing in its environment but this."""
    named = {name.encode(): text.encode() for name, text in (environ or {}).items()}
    named.setdefault(b"NEFFCACHE_CONFIG", b"/dev/null")
    return OciRemote(remote.parse(url), named)


def quiet(_count: int) -> None:
    return


def file_of(folder: Path, data: bytes, name: str = "source") -> str:
    """A file with these bytes."""
    path = folder / name
    path.write_bytes(data)
    return str(path)


class Entry:
    """A bundle, and the names that it gets on a remote.

    Attributes:
        key: of the entry; path: of the bundle; data: its bytes.
    """

    def __init__(self, folder: Path, size: int = 5000, name: str = "entry") -> None:
        self.key = key_of(name)
        made = folder / f"{name}.tar"
        write_bundle(made, self.key, os.urandom(size))
        self.path = str(made)
        self.data = made.read_bytes()
        self._spare = str(folder / f"{name}.record")

    def publish(self, to: OciRemote) -> bool:
        """Put it there; False when the key stands already."""
        return bundles.publish(to, self.key, self.path, self._spare, lambda: None)

    def fetch(self, opened: OciRemote, into: Path) -> bytes | None:
        """The bundle as it comes from there, checked; None: there is no such key."""
        record = bundles.fetch_record(opened, self.key, str(into))
        if record is None:
            return None
        bundles.fetch_bundle(opened, record, str(into), quiet)
        return into.read_bytes()
