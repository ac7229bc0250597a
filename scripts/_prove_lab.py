"""Proof kit: the compiler it asks, and what a compile decided: the payload of a NEFF."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from neffcache import neff
from neffcache.compiler import find, identity
from neffcache.invocation import Bypass
from neffcache.payload import UNKNOWN

BIN = Path(sys.executable).parent
_CHUNK = 1 << 20
_STATED = "optimized_hlo_sha256"
_LAST_WORDS = 200


class LabError(Exception):
    """One line: what could not be done, and why."""


@dataclass(frozen=True)
class Made:
    """What a compile made.

    Attributes:
        payload: digest of what the compile decided, without time and chance; UNKNOWN: too much.
        members: digest of each member of the archive, or of the program that neff.json states.
        seconds: how long it took.
    """

    payload: str
    members: Mapping[str, str]
    seconds: float

    def unlike(self, other: Made) -> list[str]:
        """The members that differ; none when the payloads are equal."""
        if self.payload == other.payload != UNKNOWN:
            return []
        names = sorted({*self.members, *other.members})
        found = [name for name in names if self.members.get(name) != other.members.get(name)]
        return found or ([] if self.payload == other.payload else ["the header"])


@dataclass(frozen=True)
class Compiler:
    """The compiler that is asked."""

    script: Path
    version: str
    is_stand_in: bool

    @classmethod
    def found(cls) -> Compiler:
        """The first real one on PATH, else the stand-in beside this interpreter."""
        environ = dict(os.environb)
        for path in find.candidates(environ, os.getcwd()):
            if Path(path).parent.resolve() != BIN.resolve():
                return cls(Path(path), _version(path), is_stand_in=False)
        path = str(BIN / find.PROGRAM)
        return cls(Path(path), _version(path), is_stand_in=True)

    def compile(self, graph: bytes, flags: list[str], work: Path) -> Made:
        """Compile in a directory that is always the same, so that no path tells two compiles apart.

        Raises:
            LabError: the compile failed, or left no whole NEFF.
        """
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        (work / "graph.hlo_module.pb").write_bytes(graph)
        output = work / "graph.neff"
        command = [str(self.script), "compile", "graph.hlo_module.pb", "--output", str(output)]
        began = time.monotonic()
        done = subprocess.run(
            [*command, *flags],
            cwd=work,
            # A wrapper that calls the compiler by its bare name must not be answered by a cache.
            env=os.environ | {"NEFFCACHE_DISABLE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip())[-_LAST_WORDS:]
            raise LabError(f"the compile ended with status {done.returncode}: {last}")
        return _read(output, time.monotonic() - began)


def _version(script: str) -> str:
    """From the package, else as the compiler says it."""
    try:
        parts = dict(identity.identify(script, dict(os.environb)).parts)
        return parts["compiler"].decode(errors="replace")
    except Bypass:
        done = subprocess.run([script, "--version"], capture_output=True, text=True, check=False)
        return (done.stdout.strip() or "unknown").splitlines()[-1]


def _read(path: Path, seconds: float) -> Made:
    try:
        check = neff.Check(path.stat().st_size)
        with path.open("rb") as file:
            while data := file.read(_CHUNK):
                check.feed(data)
        problem = check.finish()
        if problem:
            raise LabError(f"the NEFF is not whole: {problem}")
        return Made(check.payload(), _members(path), seconds)
    except (OSError, tarfile.TarError) as error:
        raise LabError(f"the NEFF cannot be read: {error}") from error


def _members(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    stated = ""
    with path.open("rb") as file:
        file.seek(neff.HEADER)
        with tarfile.open(fileobj=file, mode="r|*") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                digest = hashlib.sha256()
                while content and (data := content.read(_CHUNK)):
                    digest.update(data)
                    if member.name.removeprefix("./") == "neff.json":
                        stated = stated or _program(data)
                found[member.name] = digest.hexdigest()
    return {f"{_STATED} of neff.json": stated} if stated else found


def _program(text: bytes) -> str:
    """The digest that the stand-in states; its machine code differs in every compile."""
    try:
        said = json.loads(text)
    except ValueError:
        return ""
    stated = said.get(_STATED) if isinstance(said, dict) else None
    return stated if isinstance(stated, str) else ""
