"""`neffcache key GRAPH OTHER`: one key or not, and what differs, down to the line or field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hosts import CONV, FORWARD, TRAIN, Host
from test_sdk import graphs

# The same program as a tracer writes it a second time: only a counter in its name is another.
COUNTER = (b"PyLoweringContext.88", b"PyLoweringContext.99")
OPCODE = (b"maximum", b"minimum")


def compared(
    host: Host, status: int, one: Path, other: Path, *argv: str, **variables: str
) -> dict[str, Any]:
    words = ("key", "--json", *argv, str(one), str(other))
    done = host.neffcache(*words, variables=variables)
    assert (done.status, done.err) == (status, "")
    made: dict[str, Any] = json.loads(done.out)
    assert made["same"] == (status == 0)
    assert len(made["differences"]) <= 51
    return made


def changed(tmp_path: Path, graph: Path, old: bytes, new: bytes) -> Path:
    content = graph.read_bytes()
    assert old in content
    path = tmp_path / "changed.pb"
    path.write_bytes(content.replace(old, new))
    return path


def written(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_copy_is_the_same(host: Host, tmp_path: Path) -> None:
    copy = written(tmp_path / "copy.pb", CONV.read_bytes())
    made = compared(host, 0, CONV, copy)
    assert (made["identical"], made["differences"], made["level"]) == (True, [], "strict")
    assert "equal byte for byte" in host.neffcache("key", str(CONV), str(copy)).out


def test_a_counter_differs_at_strict_and_not_at_canonical(host: Host, tmp_path: Path) -> None:
    other = changed(tmp_path, CONV, *COUNTER)
    made = compared(host, 1, CONV, other)
    assert made["differences"][0].startswith("module: name differs: PyLoweringContext.88 and ")
    same = compared(host, 0, CONV, other, "--level", "canonical")
    assert (same["identical"], same["level"]) == (False, "canonical")
    compared(host, 0, CONV, other, NEFFCACHE_KEY_LEVEL="canonical")
    done = host.neffcache("key", "--level", "canonical", str(CONV), str(other))
    assert "level canonical, though not in every byte" in done.out


@pytest.mark.parametrize("level", ["raw", "strict", "canonical"])
def test_the_instruction_and_its_field_are_named(host: Host, tmp_path: Path, level: str) -> None:
    other = changed(tmp_path, CONV, *OPCODE)
    found = "\n".join(compared(host, 1, CONV, other, "--level", level)["differences"])
    assert "instruction maximum.42: opcode differs: maximum and minimum" in found
    assert "opcode differs" in host.neffcache("key", str(CONV), str(other)).out


def test_what_does_not_count_at_strict_is_told_by_its_place(host: Host, tmp_path: Path) -> None:
    other = written(tmp_path / "numbered.pb", TRAIN.read_bytes() + b"\x28\x07")  # the module's id
    size = TRAIN.stat().st_size
    compared(host, 0, TRAIN, other)
    [line] = compared(host, 1, TRAIN, other, "--level", "raw")["differences"]
    assert line == f"the bytes differ from number {size} on ({size} and {size + 2} bytes)"


def test_unlike_graphs_are_told_in_few_lines(host: Host) -> None:
    made = compared(host, 1, FORWARD, TRAIN)
    assert made["differences"][-1] == "... and more"
    assert host.neffcache("key", str(FORWARD), str(TRAIN)).out.count("\n") <= 60


def test_of_text_the_first_lines_that_differ_without_locations(host: Host, tmp_path: Path) -> None:
    located = graphs.ADD.replace(": tensor<2x3xf32>\n", ': tensor<2x3xf32> loc("a.py":7:1)\n')
    assert located != graphs.ADD
    one = written(tmp_path / "a.mlir", graphs.ADD)
    other = written(tmp_path / "b.mlir", located)
    made = compared(host, 0, one, other)
    assert not made["identical"]
    other = written(tmp_path / "b.mlir", located.replace("stablehlo.add", "stablehlo.multiply"))
    [line] = compared(host, 1, one, other)["differences"]
    assert line.startswith("line 3, counted without locations: ")
    assert "stablehlo.add" in line
    assert "stablehlo.multiply" in line
    assert "a.py" not in line
    raw = compared(host, 1, one, other, "--level", "raw")["differences"]
    assert "a.py" in "\n".join(raw)


def test_of_directories_the_files_and_the_graph_among_them(host: Host, tmp_path: Path) -> None:
    for name, extra in (("a", "weights/1.bin"), ("b", "weights/2.bin")):
        written(tmp_path / name / "graph.hlo", CONV.read_bytes())
        written(tmp_path / name / extra, "w")
        written(tmp_path / name / "meta.json", "{}")
    found = compared(host, 1, tmp_path / "a", tmp_path / "b")["differences"]
    assert found == ["weights/1.bin: only in the first", "weights/2.bin: only in the second"]
    (tmp_path / "b" / "weights" / "2.bin").rename(tmp_path / "b" / "weights" / "1.bin")
    compared(host, 0, tmp_path / "a", tmp_path / "b")
    written(tmp_path / "b" / "meta.json", "{1}")
    written(tmp_path / "b" / "graph.hlo", CONV.read_bytes().replace(*OPCODE))
    found = compared(host, 1, tmp_path / "a", tmp_path / "b")["differences"]
    assert any(line.startswith("graph.hlo: ") and "opcode differs" in line for line in found)
    assert found[-1] == "meta.json: the bytes differ from number 1 on (2 and 3 bytes)"


def test_graphs_of_two_forms(host: Host, tmp_path: Path) -> None:
    text = written(tmp_path / "a.mlir", graphs.ADD)
    found = compared(host, 1, text, CONV)["differences"]
    assert found[0] == "the first is read as mlir-text .mlir, the second as hlo-module"
    proto = written(tmp_path / "proto.pb", b"\x0a\xec\x27" + CONV.read_bytes())
    assert CONV.stat().st_size == 0x27 << 7 | 0x6C
    found = compared(host, 1, CONV, proto)["differences"]
    assert found[0] == "the first is read as hlo-module, the second as hlo-proto"


def test_files_that_are_no_graphs_are_told_by_their_bytes(host: Host, tmp_path: Path) -> None:
    one, other = written(tmp_path / "a", b"\xffab"), written(tmp_path / "b", b"\xffac!")
    made = compared(host, 1, one, other)
    assert made["differences"] == ["the bytes differ from number 2 on (3 and 4 bytes)"]
    assert [graph["level"] for graph in made["graphs"]] == ["raw", "raw"]
    assert all(graph["reasons"] for graph in made["graphs"])


def test_kernels_of_other_content_are_named(host: Host, tmp_path: Path) -> None:
    files = [written(tmp_path / name / "k.klir", name) for name in ("a", "b")]
    protos = [graphs.hlo(graphs.kernel_call(str(file))) for file in files]
    one, other = (written(tmp_path / f"{at}.pb", proto) for at, proto in enumerate(protos))
    found = "\n".join(compared(host, 1, one, other)["differences"])
    assert f"only the first names a file like {files[0]}" in found
    files[1].write_text("a")
    compared(host, 0, one, other)


def test_a_graph_that_cannot_be_read_is_said(host: Host, tmp_path: Path) -> None:
    made = compared(host, 1, CONV, tmp_path / "gone")
    assert str(tmp_path / "gone") in made["reason"]
    assert made["differences"] == []
    assert "not comparable" in host.neffcache("key", str(CONV), "gone").out
