"""Door: can the local store be used, where does it lie, and is there room."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from neffcache import locks
from neffcache.cli import text
from neffcache.cli.finding import FAIL, OK, WARN, Finding, Scene
from neffcache.cli.world import World
from neffcache.errors import StoreError
from neffcache.store import keep, local

if TYPE_CHECKING:
    from collections.abc import Iterator

    from neffcache.store.local import Store

_NETWORK = ("nfs", "cifs", "smb", "lustre", "ceph", "gluster", "beegfs", "gpfs", "9p", "afs",
            "virtiofs", "fuse.", "fsx", "wekafs", "pvfs", "orangefs")  # fmt: skip
_FLEETING = ("tmpfs", "ramfs", "overlay", "aufs")
_MOVE = "set NEFFCACHE_DIR to a directory of this user on a local disk"


def look(scene: Scene) -> Iterator[Finding]:
    """The findings about the store."""
    world = World(scene.environ, scene.config)
    path = local.location(scene.config)
    try:
        store = world.store()
    except StoreError as error:
        yield Finding("store", FAIL, error.what, error.remedy)
        return
    place = _existing(path)
    if store is not None:
        yield Finding("store", OK, f"{path} is ours and closed to others")
    elif os.access(place, os.W_OK | os.X_OK) and os.path.isdir(place):
        yield Finding("store", OK, f"{path} will be made by the first compile")
    else:
        yield Finding("store", FAIL, f"{path} cannot be made: {place} is closed to us", _MOVE)
        return
    if store is not None:
        yield from _writing(store, scene)
    yield from _disk(place)
    yield from _kind(place, scene)


def _existing(path: str) -> str:
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def _writing(store: Store, scene: Scene) -> Iterator[Finding]:
    """Whether it takes files, and whether locks work there."""
    if scene.config.readonly:
        yield Finding("store", WARN, "NEFFCACHE_READONLY: served from, nothing is kept", "unset it")
        return
    if not os.access(store.path, os.W_OK):
        line = f"{store.path} is read-only: it serves, and keeps nothing"
        yield Finding("store", WARN, line, _MOVE)
        return
    try:
        lock = locks.try_lock(f"{store.directory(local.LOCKS)}/doctor.{os.getpid()}")
        if lock is not None:
            lock.release()
        yield Finding("store", OK, "locks work")
    except locks.NoLocks:
        line = "no working locks: each of several callers of one graph compiles it"
        yield Finding("store", WARN, line, _MOVE)
    except OSError as error:
        line = f"{store.path} takes no files ({error.strerror}): it serves, and keeps nothing"
        yield Finding("store", FAIL, line, "free some space or quota")


def _disk(place: str) -> Iterator[Finding]:
    disk = os.statvfs(place)
    free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    line = f"{text.size(free)} of {text.size(total)} free"
    if free < total * keep.FREE_SHARE:
        remedy = "free some space, or set NEFFCACHE_DIR to another disk"
        yield Finding("store", FAIL, f"{line}: below 5 % nothing is kept", remedy)
    else:
        yield Finding("store", OK, line)


def _kind(place: str, scene: Scene) -> Iterator[Finding]:
    """Whether the file system is far away, or will be gone."""
    name = file_system(place)
    if name.startswith(_NETWORK):
        line = f"the store lies on a network file system ({name}): hits wait for it"
        yield Finding("store", WARN, line, f"{_MOVE}; share through NEFFCACHE_REMOTES=file://...")
    elif name in _FLEETING:
        yield from _fleeting(name, scene)
    elif name:
        yield Finding("store", OK, f"file system {name}")


def _fleeting(name: str, scene: Scene) -> Iterator[Finding]:
    line = f"the store lies on {name}: it may be gone with this container or boot"
    writes = any(spec.writes for spec in World(scene.environ, scene.config).good_remotes())
    if not writes:
        yield Finding("store", WARN, line, "mount a volume there, or set NEFFCACHE_REMOTES")
    elif not scene.config.upload_wait:
        remedy = "set NEFFCACHE_UPLOAD_WAIT=60, so that a compile waits for its upload"
        yield Finding("store", WARN, f"{line}, and with it what is not uploaded yet", remedy)
    else:
        yield Finding("store", OK, f"{line}; compiles wait for their uploads")


def file_system(path: str) -> str:
    """The type of the file system that holds a path, e.g. "ext4"; "" when unknown."""
    try:
        import psutil
    except ImportError:
        return ""
    path = os.path.realpath(path)
    best, found = "", ""
    for mount in psutil.disk_partitions(all=True):
        point = mount.mountpoint
        inside = path == point or path.startswith(point if point == "/" else point + "/")
        if inside and len(point) >= len(best):
            best, found = point, str(mount.fstype)
    return found
