"""Faults: one compile that is looked up at a remote, and what must hold whatever that does."""

from __future__ import annotations

from pathlib import Path

from faults.far import Far, Made, leaks
from hosts import TRAIN, Done, Host

FAILED, DAMAGED, ABSENT = "remote_failed", "remote_damaged", "remote_absent"


class Look:
    """A host whose compile is looked up at a remote, which somebody else's entry was offered to."""

    def __init__(self, path: Path, far: Far, made: Made) -> None:
        self.path, self.far, self.made = path, far, made
        variables = {
            "SDKSTANDIN_FAKE": "1",
            "NEFFCACHE_REMOTES": far.mode("ro"),
            "NEFFCACHE_REMOTE_TIMEOUT": "5",
            **far.environ,
        }
        self.host = Host(path / "host", variables)
        far.offer(made)

    def once(self) -> tuple[Done, bytes]:
        """One compile, which goes through as ever: what it said, and the NEFF."""
        done = self.host.compile(self.path / "work", TRAIN)
        assert (done.status, done.out.splitlines()[-1]) == (0, "Compiler status PASS")
        return done, (self.path / "work" / "out.neff").read_bytes()

    def compiled(self) -> str:
        """Compile what the remote cannot give just now: what was noted of it, less its URL.

        The laws: the compile goes through, once, with one named reason; what is kept is what it
        made itself; no secret is told.
        """
        host = self.host
        done, out = self.once()
        assert (host.outcomes(), host.compiles) == (["compiled"], 1)
        assert len(out) == len(self.made.neff)
        (entry,) = host.entries()
        assert out in entry.read_bytes()
        again = host.compile(self.path / "again", TRAIN)
        assert (again.status, host.outcomes()[1:], host.compiles) == (0, ["hit_local"], 1)
        assert (self.path / "again" / "out.neff").read_bytes() == out
        assert leaks(host.root, self.far, done.err) == []
        ((kind, said),) = self.notes()
        assert said.startswith(self.far.shown)
        self._check_words(done, kind)
        return f"{kind}{said.removeprefix(self.far.shown)}"

    def notes(self) -> list[list[str]]:
        """Every note, as it stands in the journal."""
        found: list[list[str]] = []
        for line in self.host.journal():
            notes = line.get("notes", [])
            assert isinstance(notes, list)
            found += notes
        return found

    def _check_words(self, done: Done, kind: str) -> None:
        """An outage is told to people, once; what is damaged or absent is not their concern."""
        lines = done.err.splitlines()
        assert len(lines) == (1 if kind == FAILED else 0)
        assert all("failed (" in line and "not asked for" in line for line in lines)
