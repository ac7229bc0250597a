"""A mount whose stat() never returns: a FUSE file system whose server reads and never answers."""

from __future__ import annotations

import ctypes
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_INIT = 26
_DETACH = 2
_LIBC = ctypes.CDLL(None, use_errno=True)


def why_not() -> str:
    """Why no such mount can be made here, or ""."""
    if os.geteuid() != 0:
        return "only root can mount"
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        return f"/dev/fuse: {error.strerror}"
    return ""


@contextmanager
def mount(at: Path) -> Iterator[threading.Event]:
    """Hang a directory; the event is set once somebody sits there, safe even from SIGKILL."""
    server = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    if _LIBC.mount(b"hung", bytes(at), b"fuse", 0, options):
        os.close(server)
        raise OSError(ctypes.get_errno(), "mount")
    asked = threading.Event()
    try:
        request = os.read(server, 1 << 17)
        _length, kind, unique = struct.unpack_from("<IIQ", request)
        assert kind == _INIT
        reply = struct.pack("<IIIIHHIIHHI7I", 7, 31, 0, 0, 12, 10, 4096, 1, 1, 0, 0, *[0] * 7)
        os.write(server, struct.pack("<IiQ", 16 + len(reply), 0, unique) + reply)
        reader = threading.Thread(target=_swallow, args=(server, asked), daemon=True)
        reader.start()
        yield asked
    finally:
        _LIBC.umount2(bytes(at), _DETACH | 1)  # forced: those who wait get an error
        os.close(server)


def _swallow(server: int, asked: threading.Event) -> None:
    while True:
        try:
            os.read(server, 1 << 17)
        except OSError:
            return
        asked.set()
