"""What a machine can swear to: file systems by mount, the boot's time only while it is certain."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from neffcache import machine

MOUNTS = """\
21 1 259:1 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw
22 21 0:5 / /dev rw - devtmpfs devtmpfs rw
30 21 0:44 / /home rw,relatime shared:5 - nfs4 10.0.0.2:/home rw,vers=4.2
31 30 259:2 / /home/scratch rw,relatime - xfs /dev/nvme1n1 rw
32 21 0:44 /joe/cache /var/tmp/neuron-compile-cache rw - nfs4 10.0.0.2:/home rw
33 21 0:50 / /merged rw,relatime - overlay overlay rw,lowerdir=/home,upperdir=/u,workdir=/w
34 21 0:51 / /fsx rw shared:9 master:3 - lustre 10.0.0.3@tcp:/x rw
35 21 0:52 / /with\\040blank rw - fuse.sshfs me@there: rw
"""
KNOWN = "nodev\tsysfs\nnodev\tnfs4\nnodev\toverlay\n\text4\n\txfs\n"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("21", "ext4"),
        ("30", "nfs4"),
        ("31", "xfs"),
        ("32", "nfs4"),
        ("33", "overlay"),
        ("34", "lustre"),
        ("35", "fuse.sshfs"),
        ("2", ""),
        ("", ""),
    ],
)
def test_a_mount_is_known_by_its_number(number: str, kind: str) -> None:
    assert machine.mount_type(MOUNTS, number) == kind


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_local_disk_is_this_machines_alone(kind: str) -> None:
    assert machine.far_reason(kind, KNOWN) == ""


@pytest.mark.parametrize("kind", ["nfs4", "lustre", "overlay", "fuse.sshfs", "9p", "cifs", ""])
def test_any_other_may_be_shared(kind: str) -> None:
    assert machine.far_reason(kind, KNOWN)


def test_a_machine_that_serves_files_has_no_disk_of_its_own() -> None:
    assert "nfsd" in machine.far_reason("ext4", f"{KNOWN}nodev\tnfsd\n")


def test_file_systems_that_cannot_be_listed_are_not_trusted() -> None:
    assert machine.far_reason("ext4", "")


def test_an_open_file_is_asked_for_its_mount() -> None:
    fd = os.open("/proc/self/status", os.O_RDONLY)
    try:
        assert machine.local_reason(fd) == "it is on proc"
    finally:
        os.close(fd)


def test_a_clock_that_agrees_with_what_it_has_seen_is_believed() -> None:
    boot = 1_700_000_000.0
    assert machine.moved(boot, [boot - machine.TOLERANCE / 2, boot + 5, boot + 9000]) == ""


def test_a_clock_that_was_put_forward_is_not_believed() -> None:
    boot = 1_700_000_000.0
    assert "put forward" in machine.moved(boot, [boot + 5, boot - machine.TOLERANCE - 1])


def test_only_the_systems_own_mounts_are_looked_at() -> None:
    far = "40 30 0:60 / /home/joe/tmp rw - tmpfs tmpfs rw\n"
    ours = "41 21 0:61 / /run/x\\040y rw - tmpfs t rw\n"
    assert machine.fleeting(MOUNTS + far + ours) == ["/dev", "/run/x y"]


def test_files_in_memory_bear_witness() -> None:
    found = machine.witnesses()
    assert found
    assert all(0 < one <= time.time() + 1 for one in found)


def test_a_program_cannot_forge_a_witness(tmp_path: Path) -> None:
    directory = Path("/dev/shm") / f"neffcache-{tmp_path.name}-{os.getpid()}"
    directory.mkdir()
    try:
        os.utime(directory, (1.0, 1.0))
        assert min(machine.witnesses()) > 1.0
    finally:
        directory.rmdir()


def test_the_boot_lies_behind_us() -> None:
    boot, doubt = machine.booted()
    assert doubt or 0 < boot < time.time()
