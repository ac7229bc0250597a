"""One host with a watcher: jobs that are present, roots, entries, and what came of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import natives
from entries import make_store
from neffcache import backlog, config, queue, watched, watching
from neffcache.native import names
from neffcache.watching import Watch
from running import end_all, kill, working_for
from waiting import until

WATCHER, UPLOADER = "neffcache-watch", "neffcache-sync"
URL = "hf://acme/cache"
# A process that is present until its standard input ends, or it is killed.
_JOB = """
import os, sys
from neffcache import config, watching
from neffcache.store import local
environ = dict(os.environb)
settings = config.load(environ)
watch = watching.of(local.open_store(settings), settings, environ)
watching.join(watch)
watching.add_roots(watch, settings, environ, os.getcwd())
watching.start(watch, environ)
print("there", flush=True)
for line in sys.stdin:
    if line == "fork\\n" and os.fork() == 0:
        sys.stdin.read()
        break
    if line == "save\\n":
        watching.ask_save(watch)
    print("done", flush=True)
"""


class Rig:
    """A host; its entries would go to a repository, but unless a test says so nobody sends.

    Attributes:
        root: libneuronxla's cache; a blank and a dot are in its path.
    """

    def __init__(self, path: Path, variables: Mapping[str, str] | None = None) -> None:
        path.mkdir(exist_ok=True)
        self.path = path
        self.root = path / "neuron cache.d"
        self.store = make_store(path / "cache" / f"store-{os.geteuid()}")
        self.variables = {
            "HOME": str(path),
            "PATH": "/usr/bin:/bin",
            "NEFFCACHE_DIR": str(path / "cache"),
            "NEFFCACHE_CONFIG": "/dev/null",
            "NEFFCACHE_REMOTES": URL,
            "NEFFCACHE_UPLOAD": "off",
            "NEURON_COMPILE_CACHE_URL": str(self.root),
            "HF_TOKEN": "one",
            **(variables or {}),
        }
        self._jobs: list[subprocess.Popen[str]] = []

    @property
    def environ(self) -> dict[bytes, bytes]:
        """As the product takes it."""
        return {name.encode(): os.fsencode(value) for name, value in self.variables.items()}

    def watch(self, **variables: str) -> Watch:
        """The watch that a job with these variables asks for."""
        environ = {**self.environ, **{k.encode(): v.encode() for k, v in variables.items()}}
        return watching.of(self.store, config.load(environ), environ)

    def job(self, **variables: str) -> subprocess.Popen[str]:
        """A process that is present, with a watcher beside it."""
        made = subprocess.Popen(
            [sys.executable, "-c", _JOB],
            env={**self.variables, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.path,
        )
        self._jobs.append(made)
        assert made.stdout is not None
        assert made.stdout.readline() == "there\n"
        until(lambda: watching.is_served(self.watch(**variables)))
        return made

    def tell(self, job: subprocess.Popen[str], word: str) -> None:
        """Have a job do something."""
        assert job.stdin is not None
        assert job.stdout is not None
        job.stdin.write(f"{word}\n")
        job.stdin.flush()
        assert job.stdout.readline() == "done\n"

    def end_job(self, job: subprocess.Popen[str]) -> None:
        """Let a job end in order."""
        job.communicate(timeout=30)

    def until_unwatched(self, **variables: str) -> None:
        """Wait until the watcher has gone because nobody is there."""
        until(lambda: not watching.is_served(self.watch(**variables)) and not self.watchers())

    def watchers(self) -> list[int]:
        """Their pids."""
        return working_for(self.store.path, WATCHER)

    def kill_watcher(self) -> None:
        """kill -9, and wait until it is gone, with all that it held: that goes last."""
        for pid in self.watchers():
            kill(pid)
        until(lambda: not self.watchers())
        directories = list(Path(self.store.path, watching.TOP).iterdir())
        until(lambda: not any(watching.is_running(str(path)) for path in directories))

    def exit(self, **variables: str) -> None:
        """What `neffcache run` asks for at its end, up to the answer."""
        watch = self.watch(**variables)
        asked = watching.ask_exit(watch)
        until(lambda: watching.exit_done(watch, asked))

    def entry(self, number: int = 0, root: Path | None = None, **changes: bytes | None) -> str:
        """Write a whole entry: its name."""
        entry = f"{natives.VERSION}/MODULE_{1000 + number}+e30acd3a"
        natives.write(root or self.root, entry, natives.contents(**changes))
        return entry

    def remove(self, entry: str) -> None:
        """Take an entry away."""
        shutil.rmtree(self.root / entry)

    def queued(self) -> list[str]:
        """The entries of libneuronxla's cache that wait, once for each destination."""
        found = []
        for waiting in backlog.pending(self.store, self.environ):
            for key in waiting.keys:
                native = queue.native_of(self.store, waiting.name, key)
                if native is not None:
                    found.append(native[1])
        return sorted(found)

    def make_anew(self, entry: str) -> None:
        """Have an entry count again, in a way that only a look at everything sees."""
        os.utime(self.root / entry / names.DONE, (1e9, 1e9))

    def empty_queue(self) -> None:
        """As if everything had been sent."""
        for path in Path(self.store.path, "queue").glob("*/*"):
            if queue.is_key(path.name):
                path.unlink()

    def state(self) -> watched.State:
        """What the watchers say."""
        return watching.state(self.store)

    def until_queued(self, *entries: str) -> None:
        """Wait until exactly these wait."""
        until(lambda: self.queued() == sorted(entries))

    def until_looked_at(self) -> None:
        """Wait until the watcher has run for some of its own time: it has seen what is there."""
        # One more may be about to see that there is one, and to go.
        until(lambda: len(self.watchers()) == 1)
        (pid,) = self.watchers()
        before = _looks(pid)
        until(lambda: _looks(pid) >= before + 5)

    def until_problem(self, words: str) -> None:
        """Wait until a watcher tells of it."""
        until(lambda: any(words in one for one in self.state().problems))

    def end(self) -> None:
        """Leave no process behind."""
        for job in self._jobs:
            job.kill()
            job.wait(timeout=30)
            for stream in (job.stdin, job.stdout):
                assert stream is not None
                stream.close()
        end_all(self.store.path)


def _looks(pid: int) -> int:
    """How often a process has gone to sleep of its own will."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (found,) = [line for line in lines if line.startswith("voluntary_ctxt_switches")]
    return int(found.split()[1])


def unfinished(rig: Rig, number: int = 0) -> str:
    """An entry whose `model.done` is not there yet."""
    return rig.entry(number, **{names.DONE.replace(".", "__"): None})


def finish(rig: Rig, entry: str) -> None:
    """Have it be whole."""
    (rig.root / entry / names.DONE).touch(mode=0o644)
