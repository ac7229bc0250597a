"""A queue that somebody has meddled with: the rest is sent, nothing hangs, nothing else is read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import natives
from entries import key_of
from hub.peer import Peer
from neffcache import backlog, queue
from story.hub_uploads import REPO, HubUploads
from waiting import until

BAD = key_of("bad")


@pytest.fixture
def host(tmp_path: Path, hub: Peer) -> Iterator[HubUploads]:
    hub.create(REPO)
    made = HubUploads(tmp_path, hub)
    yield made
    made.end()


def _marker(line: str, key: str = BAD) -> bytes:
    return f"{queue.MARKER_LINE}\nkey {key}\ntime 1.0\n{line}".encode()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


def _directory(path: Path) -> None:
    path.mkdir()
    (path / "x").touch()


def _link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _broken_link(path: Path) -> None:
    path.symlink_to("nowhere")


def _text(line: str) -> Callable[[Path], None]:
    return lambda path: (path.write_bytes(_marker(line)), None)[1]


ODDITIES: dict[str, Callable[[Path], None]] = {
    "fifo": _fifo,
    "a gigabyte": _huge,
    "directory": _directory,
    "link": _link,
    "broken link": _broken_link,
    "empty": lambda path: path.touch(),
    "no text": lambda path: (path.write_bytes(os.urandom(4096)), None)[1],
    "upwards": _text(f"native /tmp\t../../{natives.ENTRY}\n"),
    "absolute entry": _text("native /tmp\t/etc\n"),
    "relative root": _text(f"native .\t{natives.ENTRY}\n"),
    "zero byte in the root": _text(f"native /tmp%00/x\t{natives.ENTRY}\n"),
    "unreadable root": _text(f"native /proc/1/root\t{natives.ENTRY}\n"),
    "zero byte in the entry": _text("native /tmp\tneuronxcc-1/MODULE_%00\n"),
    "long root": _text(f"native /{'x' * 60_000}\t{natives.ENTRY}\n"),
    "no entry": _text("native /tmp\n"),
    "blank": _text("native \n"),
    "device": _text(f"native /dev/zero\t{natives.ENTRY}\n"),
}


@pytest.mark.parametrize("name", sorted(ODDITIES))
def test_what_is_no_marker_holds_up_nobody(host: HubUploads, name: str) -> None:
    marker = host.queue(["a"])[0]
    ODDITIES[name](Path(marker.path).with_name(BAD))
    host.start([marker])
    until(lambda: host.arrived(["a"]))
    until(lambda: not host.waiting())
    assert host.commits() == 1
    assert host.neffcache("stats").status == 0
    assert host.neffcache("flush", "--refused").status in (0, 1)


@pytest.mark.parametrize("name", ["fifo", "a gigabyte", "broken link", "no text"])
@pytest.mark.parametrize("file", [queue.DESTINATION, queue.LOCK, queue.FLUSH, queue.AWAITED])
def test_other_files_of_a_queue_may_be_anything(host: HubUploads, file: str, name: str) -> None:
    marker = host.queue(["a"])[0]
    path = Path(marker.path).with_name(file)
    path.unlink(missing_ok=True)
    ODDITIES[name](path)
    done = host.flush(20)
    assert done.sent + len(done.left) == 1
    assert host.neffcache("stats").status == 0
    assert host.neffcache("doctor").err == ""


def test_an_entry_of_another_cache_than_it_was_queued_from_is_not_sent(
    host: HubUploads, tmp_path: Path
) -> None:
    marker = host.queue(["a"])[0]
    natives.write(tmp_path / "private cache")
    line = queue.native_line((str(tmp_path / "private cache"), natives.ENTRY))
    Path(marker.path).with_name(BAD).write_bytes(_marker(line))
    host.flush()
    assert [one.key for one in backlog.dead(host.store)] == [BAD]
    assert not [path for path in host.hub.paths(REPO) if path.startswith(natives.VERSION)]


@pytest.mark.parametrize(
    "root", ["/dev/null", "/" + "x" * 5000, "relative", "/proc/self/fd", "/tmp/\0", ""]
)
def test_a_root_that_is_none_holds_up_nobody(host: HubUploads, root: str) -> None:
    marker = host.queue(["a"])[0]
    native = (root, natives.ENTRY)
    queue.put(host.store, marker.destination, queue.native_key(*native), native)
    done = host.flush()
    assert done.left == []
    assert [one.key for one in done.dead] == [queue.native_key(*native)]
    assert host.arrived(["a"])
    assert host.neffcache("flush", "--refused").err == ""
