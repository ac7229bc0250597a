"""Door: the process that asks a remote for `synchronize`, so that a silent one never hangs it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from neffcache import processes, publishing, remote
from neffcache.cache import bundles, native_reading, reports
from neffcache.errors import NeffcacheError, RefusedError
from neffcache.hub import answers
from neffcache.native import names
from neffcache.store import keep
from neffcache.store.local import Store

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "neffcache-pull"
MODULE = "neffcache.cli.sync_helper"
TRUSTED, CHECKED = "trusted", "checked"
NATIVE, BUNDLE, ENTRY, TOTAL = "native", "bundle", "entry", "total"


def main(arguments: list[str]) -> None:
    """Ask one thing: `<what> <remote> <store, or root and trust> <version>...`.

    Writes `busy` while at it, what it found or did (see the functions), and at the end `good`,
    `refused WHY` (the remote says no) or `failed WHY`.
    """
    processes.become_helper(NAME)
    processes.hush()
    what, url, *rest = arguments
    try:
        spec = remote.parse(url)
        opened: Any = remote.open_remote(spec, dict(os.environb))
        reports.send("busy")
        _WHAT[what](spec, opened, rest)
        reports.send("good")
    except RefusedError as error:
        reports.send("refused", str(error))
    except (NeffcacheError, OSError) as error:
        reports.send("failed", str(error))
    except Exception as error:  # outermost: the command is told, whatever it was
        reports.send("failed", f"unexpected {type(error).__name__}: {answers.harmless(str(error))}")
    reports.end()


def _there(spec: remote.Spec, opened: Any, arguments: list[str]) -> None:
    """A line for each native entry (`native ENTRY`) and stored bundle (`bundle KEY`) it has."""
    store, versions = Store(arguments[0]), arguments[1:]
    for version in versions if spec.natives else ():
        for entry, found in _listed(opened, version).items():
            if names.NEFF in found:
                reports.send(NATIVE, entry)
    if not spec.bundles:
        return
    keys = [key for _used, _size, key in keep.entries(store)]
    single = publishing.commits(spec.url)
    name = bundles.single_name if single else bundles.record_name
    wanted = {name(key): key for key in keys}
    # With nothing to push it is asked all the same: a wrong name is to be told.
    found_names = opened.exists(wanted or [bundles.single_name("0" * 64)])
    for found_name in sorted(found_names & wanted.keys()):
        reports.send(BUNDLE, wanted[found_name])


def _entries(_spec: remote.Spec, opened: Any, arguments: list[str]) -> None:
    """A line for each native entry it has."""
    for version in arguments:
        for entry in _listed(opened, version):
            reports.send(ENTRY, entry)


def _listed(opened: Any, version: str) -> dict[str, Any]:
    """The entries of one compiler version; each page of a long list says that work goes on."""
    return native_reading.by_entry(opened.listing(version, lambda: reports.send("busy")))


def _pull(_spec: remote.Spec, opened: Any, arguments: list[str]) -> None:
    """`total NUMBER`, then for each entry it has: `entry <how it ended> ENTRY <why>`."""
    root, trust, *versions = arguments
    into = native_reading.Target(root, trust == TRUSTED)
    found: dict[str, Any] = {}
    for version in versions:
        found.update(_listed(opened, version))
    reports.send(TOTAL, str(len(found)))
    pulse = reports.Pulse()
    for entry, rows in sorted(found.items()):
        word, why = native_reading.fetch(opened, entry, rows, into, lambda _count: pulse.beat())
        reports.send(f"{ENTRY} {word} {entry}", why)


_WHAT: dict[str, Callable[[remote.Spec, Any, list[str]], None]] = {
    "entries": _entries,
    "pull": _pull,
    "there": _there,
}
