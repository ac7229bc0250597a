"""Stories of chains: two remotes of any kind, each with its mode, and what they hold at first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hosts import GRAPHS, Host
from neffcache import remote
from neffcache.cache import bundles
from servers import azurite, gcs, moto, registry, shared

# A graph for each way in which two remotes can hold an entry.
HELD = {
    "none": GRAPHS / "tx_conv.hlo.pb",
    "near": GRAPHS / "tx_llama_fwd.hlo.pb",
    "far": GRAPHS / "tx_llama_train.hlo.pb",
    "both": GRAPHS / "tx_mlp_train.hlo.pb",
}
# What may be done with a remote → its mode; without any it is not named at all.
MODES = {"none": "", "read": "ro", "write": "wo", "both": "rw"}
STARTS: Mapping[str, Callable[[], AbstractContextManager[Any]]] = {
    "s3": moto.start,
    "az": azurite.start,
    "gs": gcs.start,
    "oci": registry.start,
}


@dataclass(frozen=True)
class Entry:
    """What some other host compiled of a graph."""

    key: str
    bundle: Path


def compiled(path: Path) -> dict[str, Entry]:
    """The entries of all four graphs, by how they are held."""
    made = {}
    for name, graph in HELD.items():
        maker = Host(path / name, {"SDKSTANDIN_FAKE": "1"})
        assert maker.compile(path / "made", graph).status == 0
        (bundle,) = maker.entries()
        made[name] = Entry(bundle.stem, bundle)
    return made


class Place:
    """An empty place on a remote of some kind.

    Attributes:
        url: without a mode; environ: what asking there needs.
    """

    def __init__(self, kind: str, path: Path) -> None:
        self.url, self.environ = f"file://{path}", dict[str, str]()
        if kind in STARTS:
            server = shared.get(STARTS[kind])
            self.url, self.environ = server.remote(), dict(server.environ)
        self._path = path

    def named(self, mode: str, *more: str) -> str:
        """Its URL with a mode, or nothing."""
        words = "&".join([f"mode={mode}", *more])
        return f"{self.url}{'&' if '?' in self.url else '?'}{words}" if mode else ""

    def offer(self, entry: Entry) -> None:
        """Have it hold an entry."""
        spare = str(self._path) + ".spare"
        assert bundles.publish(self._opened(), entry.key, str(entry.bundle), spare, lambda: None)

    def holds(self, entry: Entry) -> bool:
        """Whether it has a whole entry of that key."""
        into, opened = str(self._path) + ".into", self._opened()
        record = bundles.fetch_record(opened, entry.key, into)
        if record is None:
            return False
        bundles.fetch_bundle(opened, record, into, lambda _count: None)
        return True

    def _opened(self) -> Any:
        environ = {name.encode(): text.encode() for name, text in self.environ.items()}
        return remote.open_remote(remote.parse(self.url), environ)


class Chain:
    """A nearer and a farther remote that hold what their names say."""

    def __init__(self, path: Path, kinds: tuple[str, str], entries: Mapping[str, Entry]) -> None:
        self.places = {
            name: Place(kind, path / name) for name, kind in zip(NAMES, kinds, strict=True)
        }
        self.entries = entries
        for name, place in self.places.items():
            for held in (name, "both"):
                place.offer(entries[held])

    def host(self, path: Path, **may: str) -> Host:
        """A host that may do this with `near` and that with `far`."""
        urls = [place.named(MODES[may[name]]) for name, place in self.places.items()]
        environ: dict[str, str] = {}
        for place in self.places.values():
            environ |= place.environ
        return Host(
            path, {"SDKSTANDIN_FAKE": "1", "NEFFCACHE_REMOTES": " ".join(urls).strip(), **environ}
        )

    def holding(self, held: str) -> list[str]:
        """The names of the places that have an entry now."""
        return [name for name, place in self.places.items() if place.holds(self.entries[held])]


NAMES = ("near", "far")
