"""House: what has been written once keeps its meaning: keys and bundles, pinned by digest."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from hosts import TRAIN
from neffcache import environment, invocation, key
from neffcache.compiler import package
from neffcache.graph import directory, hlo, mlir_bytecode, mlir_text, raw, walk
from unit import makers
from unit.prefixes import Prefix

COMPILER = [
    ("compiler", b"neuronx-cc 2.21.33363.0+82129205"),
    ("compiler entry", b"neuronxcc.driver.CommandDriver:main"),
    ("compiler python", b"3.10"),
    ("compiler record", b"ab" * 32),
    ("compiler requires", b"numpy 1.26.4"),
]
ENVIRON = {
    b"PATH": b"/bin",
    b"NEURON_RT_VISIBLE_CORES": b"0",
    b"NEURON_LOGICAL_NC_CONFIG": b"2",
    b"XLA_FLAGS": b"--xla_a=1 --xla_dump_to=/x",
    b"NKI_\xff": b"\xfe",
}
WORDS = [
    *("compile", "--framework", "XLA", "in.hlo", "--output", "out.neff", "--verbose=35"),
    *("-O1", "--lnc", "2", "--fast-math", "a", "b", "--io-config", "io.json", "--unknown", "x"),
]
# A digest here changes only together with its format's number (key.FORMAT, index.FIRST_LINE):
# the entries that users have stored would otherwise be lost, or worse, found for another compile.
KEY = "9c2861b6f379f09fc9e2f4201f60aaf85df20459ee742899beb86a6a59fdef81"
KEY_WITH_TARGET = "4a2ad8b2a60156d9ce865215e75f101fefc1f8c24d67d5f2e7ebd0837fcf7e51"
DIRECTORY = "5b6c2943904fac99d4d30dd3847db3e748b528455a3849266b8dc524e4a59a06"
GRAPHS = {
    "raw": "377bc335cacd9c706f50fa93fdaa78d2492c57fabbfcdb1953a18b327dcfebaa",
    "strict": "82cdceb01298713e2344b4a499eb39a7e6099a98ed6ada28f802e08fac539d08",
    "canonical": "62e4c529cf504642e1a6b3e789aa34a65b93437a8f47e63303286c526c1c62fd",
}
RECORD = "aa98ace08108b4334d33e8875425aa6861f0a7f82c94fc287bf2a9a255dc73e9"
BUNDLE = "430af813f6418810a08554c2b8cc37db284dcec38ed375be580f5a40f78d173e"


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    """A working directory with a graph and a file that an option names."""
    (tmp_path / "in.hlo").write_bytes(b"a graph")
    (tmp_path / "io.json").write_bytes(b"{}")
    return tmp_path


def _key(cwd: Path, *more: str) -> key.Key:
    call = invocation.parse([*WORDS, *more], str(cwd))
    graph = walk.walk(call.graph, raw.STRICT, str(cwd), lambda _path: None).graph
    return key.compute(call, graph, COMPILER, environment.selected(ENVIRON, (), ()), "trn1")


def test_the_key_of_a_compile(cwd: Path) -> None:
    assert _key(cwd).digest == KEY
    assert key.FORMAT == 1


def test_the_key_of_a_compile_with_a_target(cwd: Path) -> None:
    assert _key(cwd, "--target=trn1").digest == KEY_WITH_TARGET


def test_the_labels_of_a_key(cwd: Path) -> None:
    labels = [part.label for part in _key(cwd).parts]
    assert labels[:7] == [*(label for label, _value in COMPILER), "graph", "target"]
    assert labels[7:] == [
        *["option"] * 9,
        "file --io-config",
        "env NEURON_LOGICAL_NC_CONFIG",
        "env " + os.fsdecode(b"NKI_\xff"),
        "env XLA_FLAGS",
    ]


def test_the_digest_of_a_directory(tmp_path: Path) -> None:
    for name in ("graph.hlo", "weights/a.npy", "weights/b.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    assert raw.read(str(tmp_path)).digest == DIRECTORY


def test_the_formats_of_graphs_are_those_that_name_aliases() -> None:
    rooms = {"hlo": hlo, "mlir-text": mlir_text, "mlir-bytecode": mlir_bytecode}
    found = [f"{name} {room.FORMAT}" for name, room in {**rooms, "directory": directory}.items()]
    assert ", ".join(found) == raw.FORMATS


@pytest.mark.parametrize(("level", "pinned"), GRAPHS.items())
def test_the_digest_of_a_graph(level: str, pinned: str) -> None:
    graph = walk.walk(str(TRAIN), level, "/", lambda _path: None).graph
    assert graph.text() == f"{level} hlo-module {pinned}"


def test_the_digest_of_a_package_record(tmp_path: Path) -> None:
    parts = dict(package.examine(str(Prefix(tmp_path / "p").make().script)).parts)
    assert parts["compiler record"].decode() == RECORD


def test_the_bytes_of_a_bundle(tmp_path: Path) -> None:
    neff = b"neff" * 1000
    content = {"neff": neff, "wrapped": b"before" + neff + b"behind", "log": b"a line\n"}
    makers.write_bundle(tmp_path / "bundle", content, seconds=12.3456)
    assert hashlib.sha256((tmp_path / "bundle").read_bytes()).hexdigest() == BUNDLE
