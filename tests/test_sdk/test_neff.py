"""The NEFF file byte by byte, and the HLO module that carries one."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import struct
import tarfile
from pathlib import Path

import pytest

from neuronxcc import neff, xla
from neuronxcc.graph.hlo import Module
from test_sdk import graphs
from test_sdk.compiler import Compiler

# name, offset, struct format; as Neuron's documentation gives them
FIELDS = [
    ("pkg_version", 0x000, "<Q", 2),
    ("header_size", 0x008, "<Q", 1024),
    ("version_major", 0x018, "<Q", 2),
    ("version_minor", 0x020, "<Q", 21),
    ("build_version", 0x028, "128s", b"2.21.33363.0+82129205".ljust(128, b"\0")),
    ("num_tpb", 0x0A8, "<I", 1),
    ("name", 0x0DC, "256s", b"in.pb".ljust(256, b"\0")),
    ("requested_tpb_count", 0x1DC, "<I", 1),
    ("tpb_per_node", 0x1E0, "64s", b"\1".ljust(64, b"\0")),
    ("feature_bits", 0x220, "<Q", 0),
    ("lnc_size", 0x228, "<I", 2),
    ("padding", 0x22C, "468s", bytes(468)),
]


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return graphs.write(tmp_path / "in.pb", graphs.hlo(graphs.ADD))


def test_the_header_field_by_field(cc: Compiler, graph: Path) -> None:
    raw = cc.compile(graph, "--lnc=2", FAKE="1").read_bytes()
    for name, offset, form, value in FIELDS:
        assert struct.unpack_from(form, raw, offset) == (value,), name
    (size,) = struct.unpack_from("<Q", raw, 0x010)
    assert len(raw) == 1024 + size
    assert raw[0x0AC:0x0CC] == hashlib.sha256(raw[1024:]).digest()
    assert any(raw[0x0CC:0x0DC])


@pytest.mark.parametrize("flags", [[], ["--enable-fast-loading-neuron-binaries"]])
def test_the_archive(cc: Compiler, graph: Path, flags: list[str]) -> None:
    data = cc.compile(graph, *flags).read_bytes()[1024:]
    assert data.startswith(b"\x1f\x8b") == (not flags)
    plain = data if flags else gzip.decompress(data)
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
        names = ["neff.json", "kelf-0.json", "sg00/def.json", "sg00/executable.bin"]
        assert tar.getnames() == names
        stated = tar.extractfile("neff.json")
        assert stated is not None
        assert json.load(stated)["graph_sha256"] == hashlib.sha256(graph.read_bytes()).hexdigest()


def test_two_compiles_differ(cc: Compiler, graph: Path) -> None:
    first = cc.compile(graph, FAKE="1").read_bytes()
    second = cc.compile(graph, FAKE="1").read_bytes()
    assert first[0x0CC:0x0DC] != second[0x0CC:0x0DC]


def test_the_output_is_overwritten_in_place(cc: Compiler, graph: Path) -> None:
    path = cc.compile(graph, FAKE="1")
    before = path.stat().st_ino
    assert cc.compile(graph, FAKE="1").stat().st_ino == before


@pytest.mark.parametrize("fake", ["0", "1"])
def test_the_wrapper_carries_the_neff(cc: Compiler, tmp_path: Path, fake: str) -> None:
    graph = graphs.write(tmp_path / "in.pb", graphs.hlo(graphs.ALIASED))
    path = cc.compile(graph, "--enable-internal-neff-wrapper", FAKE=fake)
    raw = (cc.cwd / "wrapped_neff.hlo").read_bytes()
    module = Module(raw)
    root = module.entry.root
    assert (root.opcode, root.target) == ("custom-call", "AwsNeuronNeff")
    assert root.message.blob(43) == path.read_bytes()
    assert [shape.dims for shape in module.inputs()] == [(3,), (3,), (3,)]
    assert [shape.dims for shape in module.outputs()] == [(3,), (3,)]
    parsed = xla.hlo_module().HloModule.from_serialized_hlo_module_proto(raw)
    assert "AwsNeuronNeff" in parsed.to_string()


@pytest.mark.parametrize("damage", ["short", "header", "cut", "archive"])
def test_damage_is_seen(cc: Compiler, graph: Path, damage: str) -> None:
    path = cc.compile(graph, FAKE="1")
    raw = bytearray(path.read_bytes())
    if damage == "header":
        raw[8] = 1
    if damage == "archive":
        raw[1100:1110] = bytes(10)
    keep = {"short": 100, "cut": len(raw) - 10}.get(damage, len(raw))
    path.write_bytes(raw[:keep])
    with pytest.raises(neff.NeffError):
        neff.info(str(path))
