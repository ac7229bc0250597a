"""A host that runs jobs, and the directory to which it uploads."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from hosts import BIN, Done, Host, finish
from neffcache.cache import bundles
from running import end_all
from waiting import until


class Site:
    """A host whose entries go to a directory remote."""

    def __init__(self, host: Host, remote: Path) -> None:
        self.host = host
        self.remote = remote
        self.work = host.root / "work"
        self.work.mkdir()
        self._started: list[subprocess.Popen[bytes]] = []
        host.variables["NEFFCACHE_REMOTES"] = f"file://{remote}"

    def start(
        self, script: str, *options: str, variables: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start `neffcache run` with a shell script."""
        bare = f"{self.host.real}:/usr/local/bin:/usr/bin:/bin"
        process = subprocess.Popen(
            [BIN / "neffcache", "run", *options, "--", "sh", "-c", script],
            cwd=self.work,
            env=self.host.environ(**{"PATH": bare, **(variables or {})}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._started.append(process)
        return process

    def end(self) -> None:
        """Whatever a failed test has left; the commands die with it."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.communicate()
        end_all(self.host.root)

    def run(self, script: str, *options: str, variables: Mapping[str, str] | None = None) -> Done:
        """The same to its end."""
        return finish(self.start(script, *options, variables=variables))

    def keys(self) -> list[str]:
        """The keys of the stored entries."""
        return [path.stem for path in self.host.entries()]

    def is_sent(self) -> bool:
        """Whether everything stored is on the remote."""
        keys = self.keys()
        return bool(keys) and all((self.remote / bundles.record_name(key)).exists() for key in keys)

    def queued(self) -> list[str]:
        """The keys that wait."""
        return [path.name for path in self.host.store.glob("queue/*/*") if len(path.name) == 64]

    def wait_for(self, name: str) -> None:
        """Until a script has made a file."""
        until((self.work / name).exists)

    def touch(self, name: str) -> None:
        """What a script waits for."""
        (self.work / name).touch()


def compiling(*graphs: Path) -> str:
    """A shell script that compiles graphs by the bare name, one after the other."""
    lines = [
        f"neuronx-cc compile --framework=XLA {graph} --output {number}.neff --target=trn1"
        for number, graph in enumerate(graphs)
    ]
    return " && ".join(lines)


def until_there(name: str) -> str:
    """Words of a script: wait for a file."""
    return f"while ! test -e '{name}'; do sleep 0.02; done"
