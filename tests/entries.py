"""Small entries of a store, made without compiling anything."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from neffcache.cache import bundles
from neffcache.config import load
from neffcache.entry import build, index, read
from neffcache.options import Config
from neffcache.remote import parse
from neffcache.remotes.file import FileRemote
from neffcache.store import keep
from neffcache.store.local import Store


def key_of(text: str) -> str:
    """A key for a name."""
    return hashlib.sha256(text.encode()).hexdigest()


def make_store(path: Path) -> Store:
    """An empty store."""
    path.mkdir(mode=0o700, parents=True)
    return Store(str(path))


def settings(**texts: str) -> Config:
    """Settings from variables alone."""
    named = {f"NEFFCACHE_{name.upper()}".encode(): text.encode() for name, text in texts.items()}
    return load({b"NEFFCACHE_CONFIG": b"/dev/null", **named})


def write_bundle(path: Path, key: str, data: bytes, seconds: float = 60.0) -> None:
    """A bundle with these bytes as its NEFF."""
    source = path.with_name(path.name + ".neff")
    source.write_bytes(data)
    manifest = b'{"schema": 1}'
    head = index.Index(key, seconds, (len(manifest), hashlib.sha256(manifest).hexdigest()))
    out = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    fd = os.open(source, os.O_RDONLY)
    try:
        member = build.Source(index.NEFF, index.AT_OUTPUT, fd, len(data))
        build.write(out, head, manifest, [member], lambda _piece: None)
    finally:
        os.close(fd)
        os.close(out)
        source.unlink()


def put(store: Store, key: str, data: bytes, seconds: float = 60.0) -> Path:
    """Keep an entry; the path of its bundle."""
    fd, temp = keep.new_file(store, key)
    os.close(fd)
    write_bundle(Path(temp), key, data, seconds)
    keep.adopt(store, temp, key)
    return Path(store.entry_path(key))


def publish(root: Path, key: str, data: bytes, seconds: float = 60.0) -> None:
    """Put an entry on a directory remote."""
    bundle = root.parent / f"{root.name}-{key[:8]}.tar"
    spare = root.parent / f"{root.name}-{key[:8]}.record"
    write_bundle(bundle, key, data, seconds)
    opened = FileRemote(parse(f"file://{root}"), {})
    assert bundles.publish(opened, key, str(bundle), str(spare), lambda: None)
    bundle.unlink()
    spare.unlink()


def has(root: Path, key: str) -> bool:
    """Whether a directory remote has a whole entry for a key."""
    record = root / bundles.record_name(key)
    if not record.exists():
        return False
    parsed = bundles.parse_record(record.read_bytes(), key)
    tar = root / bundles.tar_name(key, parsed.digest)
    return hashlib.sha256(tar.read_bytes()).hexdigest() == parsed.digest


def neff(bundle: read.Bundle) -> bytes:
    """The NEFF in an open bundle."""
    member = bundle.index.members[0]
    return os.pread(bundle.fd, member.size, member.offset)
