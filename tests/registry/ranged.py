"""Registry peer: one with a large blob, of which the stream is slow enough to be helped."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from neffcache.registry import downloads
from registry.failing import BLOB, Place
from registry.opening import Entry, open_url
from registry.peer import Peer
from servers.faulty import Faulty

SIZE = 40 << 20
# Bytes per second: so that help comes before its end.
SLOW = 48 << 20
PART = r"bytes=\d+-\d+"


def never_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No stream is quick enough, however busy or idle this machine is; that is soon seen."""
    monkeypatch.setattr(downloads, "QUICK", 1 << 50)
    monkeypatch.setattr(downloads, "_SPAN", 0.02)


@contextmanager
def serving(entry: Entry) -> Iterator[Place]:
    """A registry that has an entry."""
    with Peer() as peer, Faulty(peer.url) as proxy:
        entry.publish(open_url(peer.remote()))
        yield Place(peer, proxy)


def slow(place: Place, **more: Any) -> None:
    """The stream is; what comes after it is as it is."""
    place.proxy.fault(BLOB, rate=SLOW, **more)


def parts(place: Place, **what: Any) -> None:
    """Something is wrong with ranges."""
    place.proxy.fault(BLOB, headers_match={"range": PART}, **what)


def asked(proxy: Faulty) -> list[tuple[int, int]]:
    """The ranges that were asked for, sorted: first and last byte, -1: the end."""
    told = [one.headers.get("range", "") for one in proxy.requests(BLOB)]
    cut = [one.removeprefix("bytes=").partition("-") for one in told if one]
    return sorted((int(first), int(last or -1)) for first, _mark, last in cut)


def threads() -> list[threading.Thread]:
    """Those that bring ranges."""
    return [one for one in threading.enumerate() if "_work" in one.name]
