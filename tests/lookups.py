"""Jobs whose libneuronxla asks a Hub first: a host with the stand-ins, and entries to be found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frameworks import XLA, Framework
from hosts import TRAIN, Done, Host
from hub.peer import Peer
from neffcache import targets

REPO = "alice/cache"
KEY = "1418137421344453867"
# The library's look-up, timed and retold: what a test wants to know of the training process.
LOOK = """
import hashlib, json, os, sys
from libneuronxla import libncc
def look(key, *flags):
    code = open(sys.argv[1], "rb").read()
    made = libncc.neuron_xla_compile(code, list(flags), cache_key=key)
    return hashlib.sha256(made).hexdigest()
"""


@dataclass(frozen=True)
class Entry:
    """What a library left below its root: `neuronxcc-<version>/MODULE_<...>`, and its files."""

    name: str
    files: dict[str, bytes]

    @property
    def neff(self) -> bytes:
        """The NEFF."""
        return self.files["model.neff"]


class Job:
    """A host whose jobs have hooks and a repository on a Hub."""

    def __init__(self, root: Path, hub: Peer, **variables: str) -> None:
        self.hub = hub
        self.host = Host(root, {
            **hub.environ(),
            "SDKSTANDIN_FAKE": "1",
            "NEFFCACHE_REMOTES": f"hf://{REPO}",
            "NEFFCACHE_UPLOAD": "off",
            "NEFFCACHE_REMOTE_TIMEOUT": "20",
            **variables,
        })  # fmt: skip
        self.framework = Framework(self.host)

    def compile(self, key: str = KEY, **variables: str) -> Done:
        """One compile through libneuronxla."""
        return self.framework.run(XLA, TRAIN, key, variables=variables)

    def run(self, script: str, *words: str, **variables: str) -> Any:
        """What a script prints last; `look(key)` compiles the graph."""
        return self.framework.answer(LOOK + script, TRAIN, *words, variables=variables)

    @property
    def entries(self) -> dict[str, dict[str, bytes]]:
        """The library's cache: the files of each entry."""
        root = self.framework.root
        return {
            str(entry.relative_to(root)): {one.name: one.read_bytes() for one in entry.iterdir()}
            for entry in self.framework.native_entries()
        }

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The lines of the journal that the look-up wrote."""
        return [line for line in self.host.journal() if line.get("door") == "hook"]

    @property
    def hits(self) -> int:
        """How many look-ups a remote answered."""
        return sum(line["outcome"] == "hit_native" for line in self.asked)

    @property
    def notes(self) -> list[str]:
        """What look-ups noted, in order."""
        return [note[0] for line in self.asked for note in line.get("notes", [])]


def repositories(hub: Peer) -> None:
    """The user's own, and the public one, both empty."""
    hub.create(REPO)
    hub.create(targets.PUBLIC, private=False)


def offer(hub: Peer, entry: Entry, **files: bytes) -> None:
    """Have the user's repository hold an entry, as optimum-neuron would push it."""
    hub.commit(REPO, {f"{entry.name}/{n}": data for n, data in {**entry.files, **files}.items()})
    hub.clear()


def compiled(root: Path, generation: str = "2.2", script: str = XLA) -> Entry:
    """An entry as a library makes it that nobody looks over the shoulder."""
    host = Host(root, {"SDKSTANDIN_FAKE": "1", "SDKSTANDIN_LIBNEURONXLA": generation})
    framework = Framework(host, hooks=False, shim=False)
    done = framework.run(script, TRAIN, KEY)
    assert done.status == 0, done.err
    (made,) = framework.native_entries()
    files = {one.name: one.read_bytes() for one in made.iterdir()}
    return Entry(str(made.relative_to(framework.root)), files)
