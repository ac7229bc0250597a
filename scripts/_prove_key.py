"""Proof kit: does a compiler make the same of graphs that have the same key? See --help."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import _prove_twins as twins
from _prove_lab import Compiler, LabError, Made
from neffcache.graph import walk
from neffcache.invocation import Bypass

ROOT = Path(__file__).resolve().parent.parent
_EXAMPLES = ROOT / "tests" / "data" / "hlo"
# Level, what its twin differs in, how the twin is made.
_TWINS = (
    ("strict", "source positions", twins.moved),
    ("canonical", "names, ids, labels", twins.renamed),
)
_HELP = """\
Each graph is compiled, and so are two twins of it that a level of the key takes for the same: one
that was written elsewhere (strict), one with other names and ids (canonical). Where every payload
is equal, the level is earned for this version of the compiler and these flags. What follows -- is
passed to the compiler. Status 0: all equal; 1: not, or not compared.
"""


@dataclass(frozen=True)
class Twin:
    """One twin of a graph.

    Attributes:
        level: at which it must have the graph's key; keys_equal: whether it has.
        differs_in: what was changed.
        reasons: why a safer level was used.
        payloads_equal: None when they were not compared, for the reason in `problem`.
        unlike: the members of the NEFF that differ.
        repeats: whether the compiler gives the same for the graph itself when asked again; None:
            not asked, because nothing differed.
    """

    level: str
    differs_in: str
    keys_equal: bool = False
    reasons: list[str] = field(default_factory=list)
    payloads_equal: bool | None = None
    unlike: list[str] = field(default_factory=list)
    repeats: bool | None = None
    seconds: float = 0.0
    problem: str = ""

    @property
    def good(self) -> bool:
        """Whether it speaks for the level."""
        return self.keys_equal and bool(self.payloads_equal) and not self.problem

    def words(self) -> str:
        """The verdict."""
        if self.problem:
            return f"not compared: {self.problem}"
        if not self.keys_equal:
            if self.reasons:
                return f"this level is not used for it: {'; '.join(self.reasons)}"
            return "OTHER KEY: a fault of the cache, please report it"
        if self.payloads_equal:
            return f"equal key, equal payload ({self.seconds:.1f} s)"
        shown = ", ".join(self.unlike[:5]) + (", ..." if len(self.unlike) > 5 else "")
        if self.repeats:
            return f"equal key, OTHER PAYLOAD: {shown}"
        return f"the compiler makes another payload of one and the same graph, too: {shown}"


@dataclass(frozen=True)
class Graph:
    """A graph that is put to the test: its name and its bytes."""

    name: str
    content: bytes


class Proof:
    """Puts graphs to the test, one after another."""

    def __init__(self, compiler: Compiler, flags: list[str], folder: Path) -> None:
        self._compiler = compiler
        self._flags = flags
        self._folder = folder

    def of(self, graph: Graph) -> list[Twin]:
        """What comes of its twins."""
        try:
            form = self._key(graph.content, "strict")[1]
            own = self._compile(graph.content)
        except (LabError, Bypass) as error:
            return [Twin(level, what, problem=_line(error)) for level, what, _make in _TWINS]
        return [self._twin(graph, own, form, at) for at in range(len(_TWINS))]

    def _twin(self, graph: Graph, own: Made, form: str, at: int) -> Twin:
        level, what, make = _TWINS[at]
        try:
            twin = make(graph.content, form)
            text, _form, reasons = self._key(graph.content, level)
            equal = text == self._key(twin, level)[0] and text.startswith(level)
            if not equal:
                return Twin(level, what, reasons=reasons)
            made = self._compile(twin)
            unlike = own.unlike(made)
            repeats = not own.unlike(self._compile(graph.content)) if unlike else None
        except (LabError, Bypass, twins.NoTwin) as error:
            return Twin(level, what, problem=_line(error))
        return Twin(level, what, equal, reasons, not unlike, unlike, repeats, made.seconds)

    def _key(self, content: bytes, level: str) -> tuple[str, str, list[str]]:
        """(the graph's part of the key, its form, why the level is a safer one)."""
        path = self._folder / "graph.pb"
        path.write_bytes(content)
        found = walk.walk(str(path), level, str(self._folder), lambda _path: None).graph
        return found.text(), found.form.removeprefix("hlo-"), list(found.reasons)

    def _compile(self, content: bytes) -> Made:
        return self._compiler.compile(content, self._flags, self._folder / "work")


def _line(error: Exception) -> str:
    if isinstance(error, Bypass):
        return f"{error.outcome} {error.detail}".strip()
    return str(error)


def main(arguments: list[str]) -> int:
    """Status 0 when every payload is equal, 1 when not or not compared, 2 when used wrongly."""
    ours, flags = arguments, []
    if "--" in arguments:
        at = arguments.index("--")
        ours, flags = arguments[:at], arguments[at + 1 :]
    parser = argparse.ArgumentParser(
        prog="scripts/prove-key",
        usage="scripts/prove-key [--json FILE] [GRAPH...] [-- FLAGS...]",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "graphs", nargs="*", metavar="GRAPH", type=Path, help="HLO protos; default: six examples"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there, too")
    args = parser.parse_args(ours)
    try:
        graphs = [Graph(str(path), path.read_bytes()) for path in args.graphs] or _examples()
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    compiler = Compiler.found()
    flags = _completed(flags)
    print(f"prove-key: {_name(compiler)}, {' '.join(flags)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="neffcache-prove-") as folder:
        proof = Proof(compiler, flags, Path(folder))
        found = dict(_reported(proof, graphs))
    earned = {level: all(_of_level(found, level)) for level, _what, _make in _TWINS}
    print(_verdict(found, earned, compiler))
    if args.json:
        report = _report(compiler, flags, found, earned)
        args.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0 if all(earned.values()) else 1


def _reported(proof: Proof, graphs: list[Graph]) -> Iterator[tuple[str, list[Twin]]]:
    """The result of each graph, printed as soon as it is there: real compiles take their time."""
    for graph in graphs:
        found = proof.of(graph)
        print(graph.name)
        for twin in found:
            print(f"  {twin.level:<9}  other {twin.differs_in:<18}  {twin.words()}", flush=True)
        yield graph.name, found


def _examples() -> list[Graph]:
    found = [Graph(path.name, path.read_bytes()) for path in sorted(_EXAMPLES.glob("*.hlo.pb"))]
    try:
        from _graphs import programs
    except ImportError:
        print("prove-key: without JAX, so without its two graphs")
        return found
    return found + [Graph(f"jax {one.name}", one.graph) for one in programs()]


def _completed(flags: list[str]) -> list[str]:
    """The flags, with what every compile of a proto needs."""
    given = {flag.partition("=")[0] for flag in flags}
    wanted = {"--framework": "--framework=XLA", "--target": "--target=trn1"}
    return [*(flag for name, flag in wanted.items() if name not in given), *flags]


def _name(compiler: Compiler) -> str:
    kind = " (the stand-in: this proves the kit, not the level)" if compiler.is_stand_in else ""
    return compiler.version + kind


def _of_level(found: dict[str, list[Twin]], level: str) -> list[bool]:
    return [twin.good for all_ in found.values() for twin in all_ if twin.level == level]


def _verdict(found: dict[str, list[Twin]], earned: dict[str, bool], compiler: Compiler) -> str:
    lines = [""]
    for level, good in earned.items():
        every = _of_level(found, level)
        word = "earned" if good else "NOT earned"
        held = f"{sum(every)} of {len(every)} graphs"
        lines.append(f"{level} level {word} for {compiler.version} with these flags: {held}")
    return "\n".join(lines)


def _report(
    compiler: Compiler, flags: list[str], found: dict[str, list[Twin]], earned: dict[str, bool]
) -> dict[str, Any]:
    return {
        "compiler": {
            "path": str(compiler.script),
            "version": compiler.version,
            "stand_in": compiler.is_stand_in,
        },
        "flags": flags,
        "graphs": [
            {
                "name": name,
                "twins": [asdict(twin) | {"verdict": twin.words()} for twin in all_],
            }
            for name, all_ in found.items()
        ],
        "earned": earned,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
