"""Servers: Ceph's object gateway: an S3 that checks signatures, with its monitor and its disk."""

from __future__ import annotations

import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers import processes, tools
from servers.s3 import S3

_KEYS = ("test", "testtest")
_MEMORY = 8 << 30
# What each process reads. A cluster of one: no copies, no logins within, nothing on a disk, and
# quick to agree with itself. Without `crc` a client insists on a login that nobody gives; without
# `tcp_nodelay` each small answer takes 40 ms.
_SETTINGS = """[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{monitor}]
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms bind port min = {first}
ms bind port max = {last}
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms mon cluster mode = crc
ms mon service mode = crc
ms client mode = crc
run dir = {place}
admin socket = {place}/$name.asok
log file = {place}/$name.log
pid file = {place}/$name.pid
keyring = {place}/keyring
mon data = {place}/mon
osd data = {place}/osd
rgw data = {place}/rgw
osd objectstore = memstore
memstore device bytes = {memory}
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 2000
mon data avail crit = 1
paxos propose interval = 0.02
paxos min wait = 0.01
rgw enable usage log = false
rgw enable gc threads = false
rgw run sync thread = false
rgw thread pool size = 64
debug rgw = 0
debug osd = 0
debug mon = 0
debug ms = 0
[client.rgw]
rgw frontends = beast {frontend} tcp_nodelay=1
"""


@contextmanager
def start() -> Iterator[S3]:
    """Raises tools.MissingError."""
    gateway, admin, monitor, disk, ceph, maker = tools.programs("radosgw")
    # Not below the usual place for temporary files, whose long names no Unix socket takes.
    with (
        tempfile.TemporaryDirectory(prefix="rgw-", dir="/tmp") as made,
        processes.claimed(2) as ports,
        _disk_ports() as (first, last),
    ):
        cluster = _Cluster(Path(made))
        fsid = cluster.configure(ports, first, last)
        at = f"[v2:127.0.0.1:{ports[1]}]"
        map_words = ("--create", "--clobber", "--fsid", fsid, "--addv", "a", at)
        cluster.run(maker, *map_words, "--enable-all-features", "monmap")
        cluster.make_keys()
        cluster.run(monitor, "--mkfs", "-i", "a", "--monmap", "monmap")
        with cluster.serving("mon", monitor, "-f", "-i", "a"):
            number = str(uuid.uuid4())
            cluster.run(ceph, "osd", "new", number)
            cluster.run(disk, "-i", "0", "--mkfs", "--osd-uuid", number)
            with cluster.serving("osd", disk, "-f", "-i", "0"):
                who = ("--uid=test", "--display-name=test")
                keys = (f"--access-key={_KEYS[0]}", f"--secret-key={_KEYS[1]}")
                cluster.run(admin, "user", "create", *who, *keys)
                with cluster.serving("rgw", gateway, *_GATEWAY, port=ports[0]):
                    yield S3(f"http://127.0.0.1:{ports[0]}", _KEYS)


_OPEN = [f"--auth_{part}_required=none" for part in ("client", "cluster", "service")]
_GATEWAY = ("-f", "-n", "client.rgw", "--no-mon-config", *_OPEN)


@contextmanager
def _disk_ports() -> Iterator[tuple[int, int]]:
    """Some ports in a row, of which the disk takes the ones it needs."""
    with processes.claimed() as (first,):
        yield first, first + 40


class _Cluster:
    """The directory of one, and programs run in it."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._environ = {"PATH": os.environ.get("PATH", ""), "CEPH_CONF": str(place / "ceph.conf")}
        for name in ("mon", "osd", "rgw"):
            (place / name).mkdir()

    def configure(self, ports: list[int], first: int, last: int) -> str:
        """Write the settings; the cluster's number."""
        fsid = str(uuid.uuid4())
        text = _SETTINGS.format(
            fsid=fsid,
            monitor=ports[1],
            first=first,
            last=last,
            place=self._place,
            memory=_MEMORY,
            frontend=f"endpoint=127.0.0.1:{ports[0]}",
        )
        (self._place / "ceph.conf").write_text(text)
        return fsid

    def make_keys(self) -> None:
        """Nobody checks them, but everybody wants one."""
        names = ("mon.", "client.admin", "client.rgw", "osd.0")
        key = "AQBSdFhcGZFUDRAAcKhG9Cl2HPiDMMRv4DC43A=="
        text = "".join(f"[{name}]\n\tkey = {key}\n" for name in names)
        (self._place / "keyring").write_text(text)

    def run(self, *words: object) -> None:
        """Run a program to its end."""
        done = subprocess.run(
            [str(word) for word in words],
            cwd=self._place,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise processes.StartError(f"{words}: {done.stderr.decode(errors='replace')[-1000:]}")

    @contextmanager
    def serving(self, name: str, *words: object, port: int = 0) -> Iterator[None]:
        """Run a program until the end of the block."""

        def ready() -> bool:
            return not port or processes.answers(port)

        log = self._place / f"{name}.out"
        with processes.running(words, log, ready, self._environ, patience=0):
            yield
