"""Unit: each kind of graph goes to its reader; code that cannot be read for certain is refused."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from graphs import codec
from hosts import CONV, TRAIN
from neffcache.graph import raw, source, walk
from neffcache.invocation import Bypass
from test_sdk import graphs

MODULE = TRAIN.read_bytes()
PROTO = codec.one(codec.text(1, MODULE))
SNAPSHOT = codec.one(codec.text(1, PROTO)) + codec.one(codec.text(4, b"platform"))
TEXT = graphs.ADD.encode()
BYTECODE = b"ML\xefR\x0dStableHLO_v1.9.5\0" + bytes(range(256))
GARBAGE = bytes(range(256)) * 20
NAMES = ("in.hlo.pb", "in.hlo_module.pb", "file.code", "graph.hlo", "graph", "x.mlir.txt")
FORMS = {
    "hlo-module": MODULE,
    "hlo-proto": PROTO,
    "hlo-snapshot": SNAPSHOT,
    "mlir-text": TEXT,
    "mlir-bytecode": BYTECODE,
    "hlo-unknown": GARBAGE,
}
LEVELS = {**dict.fromkeys(FORMS, "strict"), "mlir-bytecode": "raw", "hlo-unknown": "raw"}
HIDDEN = b"AwsNeuronCustomSomething"
PART = 64


def _walk(path: Path, content: bytes = b"", level: str = raw.STRICT) -> walk.Walk:
    if content:
        path.write_bytes(content)
    return walk.walk(str(path), level, str(path.parent), lambda _path: None)


def _refused(path: Path, content: bytes = b"", level: str = raw.STRICT) -> str:
    with pytest.raises(Bypass) as caught:
        _walk(path, content, level)
    return caught.value.outcome


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is small enough to be held as a whole; it is read in parts of 64 bytes."""
    monkeypatch.setattr(source.Source.__init__, "__defaults__", (0,))
    monkeypatch.setattr(source, "WHOLE", 0)
    monkeypatch.setattr(source, "PART", PART)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", FORMS)
def test_the_content_tells_the_form_whatever_the_name(tmp_path: Path, form: str, name: str) -> None:
    made = _walk(tmp_path / name, FORMS[form]).graph
    assert (made.form, made.level) == (form, LEVELS[form])


@pytest.mark.parametrize("form", FORMS)
def test_the_name_that_the_compiler_may_go_by_counts(tmp_path: Path, form: str) -> None:
    plain = _walk(tmp_path / "in", FORMS[form]).graph
    named = _walk(tmp_path / "in.mlir", FORMS[form]).graph
    assert named.form == f"{form} .mlir"
    assert named.text() != plain.text()


def test_one_module_in_three_wrappings_is_three_graphs(tmp_path: Path) -> None:
    found = [_walk(tmp_path / "in", data).graph for data in (MODULE, PROTO, SNAPSHOT)]
    assert len({graph.digest for graph in found}) == 3


def test_a_directory_is_read_by_its_graph_and_its_weights(tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "weights").mkdir(parents=True)
    (model / "weights" / "w.npy").write_bytes(b"w")
    (model / "graph.hlo").write_bytes(MODULE)
    first = _walk(model)
    assert (first.graph.form, first.graph.level) == ("directory", "strict")
    (model / "weights" / "w.npy").write_bytes(b"v")
    second = _walk(model)
    (model / "graph.hlo").write_bytes(CONV.read_bytes())
    assert len({one.graph.digest for one in (first, second, _walk(model))}) == 3


@pytest.mark.parametrize("level", [raw.RAW, raw.STRICT, raw.CANONICAL])
def test_the_level_that_was_asked_for_is_used_and_counts(tmp_path: Path, level: str) -> None:
    made = _walk(tmp_path / "in", MODULE, level).graph
    assert (made.level, made.reasons) == (level, ())
    others = {raw.RAW, raw.STRICT, raw.CANONICAL} - {level}
    assert made.digest not in {_walk(tmp_path / "in", MODULE, one).graph.digest for one in others}


def test_a_graph_at_a_safer_level_says_why(tmp_path: Path) -> None:
    assert _walk(tmp_path / "in", GARBAGE).graph.reasons
    assert "not readable as HLO" in _walk(tmp_path / "in", GARBAGE).graph.reasons[0]


@pytest.mark.parametrize("form", FORMS)
def test_the_bytes_that_were_walked_are_named(tmp_path: Path, form: str) -> None:
    assert _walk(tmp_path / "in", FORMS[form]).bytes_digest == (
        hashlib.sha256(FORMS[form]).hexdigest()
    )


@pytest.mark.usefixtures("small_parts")
def test_bytes_that_were_never_together_are_not_named(tmp_path: Path) -> None:
    assert _walk(tmp_path / "in", MODULE).bytes_digest == ""


@pytest.mark.parametrize("names", [[], ["graph.hlo"], ["w"], ["graph.hlo", "w"]])
def test_the_bytes_of_a_directory_are_not_named(tmp_path: Path, names: list[str]) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for name in names:
        (model / name).write_bytes(MODULE)
    assert _walk(model).bytes_digest == ""


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("form", ["hlo-module", "mlir-text", "hlo-unknown"])
def test_parts_and_the_whole_give_one_digest(tmp_path: Path, form: str) -> None:
    in_parts = _walk(tmp_path / "in", FORMS[form]).graph.text()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source.Source.__init__, "__defaults__", (1 << 20,))
        assert _walk(tmp_path / "in").graph.text() == in_parts


UNREADABLE: dict[str, Callable[[], bytes]] = {
    "garbage": lambda: GARBAGE + HIDDEN + GARBAGE,
    "nothing else": lambda: HIDDEN,
    "cut module": lambda: graphs.hlo(graphs.kernel_call("/k"))[:-9],
    "module with something behind": lambda: graphs.hlo(graphs.kernel_call("/k")) + b"\xff",
    "bytecode": lambda: BYTECODE + HIDDEN,
    "text": lambda: TEXT.replace(b"@add", b"@AwsNeuronCustomSomething"),
    "text with a comment before": lambda: b"// x\n" + TEXT + b"// AwsNeuronCustomOp\n",
    "text of another kind": lambda: b"#map = 1\n" + graphs.kernel_call("/k").encode(),
}


@pytest.mark.parametrize("level", [raw.RAW, raw.STRICT, raw.CANONICAL])
@pytest.mark.parametrize("kind", UNREADABLE)
def test_code_in_what_cannot_be_read_is_refused(tmp_path: Path, kind: str, level: str) -> None:
    assert _refused(tmp_path / "in", UNREADABLE[kind](), level) == "graph_custom_code"


@pytest.mark.parametrize("kind", UNREADABLE)
def test_code_in_a_directorys_graph_is_refused(tmp_path: Path, kind: str) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "graph.hlo").write_bytes(UNREADABLE[kind]())
    assert _refused(model) == "graph_custom_code"


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("at", range(PART - len(HIDDEN) - 1, PART + 2))
def test_code_is_seen_across_the_border_of_two_parts(tmp_path: Path, at: int) -> None:
    """Before, on and behind the border, whichever part of the name it cuts."""
    for start in (GARBAGE, BYTECODE):
        content = start[:at].ljust(at, b"\0") + HIDDEN + GARBAGE
        assert _refused(tmp_path / "in", content) == "graph_custom_code"


def _text(kernel: str) -> bytes:
    """As MLIR prints it: a call on one line."""
    text = graphs.kernel_call(kernel)
    return text.replace("{\n      backend", "{backend").replace("\n    } :", "} :").encode()


def _hlo(kernel: str) -> bytes:
    return graphs.hlo(graphs.kernel_call(kernel))


@pytest.mark.parametrize("level", [raw.RAW, raw.STRICT, raw.CANONICAL])
@pytest.mark.parametrize("make", [_text, _hlo])
def test_a_kernel_counts_at_every_level(
    tmp_path: Path, make: Callable[[str], bytes], level: str
) -> None:
    kernel = tmp_path / "k.klir"
    kernel.write_bytes(b"one")
    graph = graphs.write(tmp_path / "in", make(str(kernel)))
    first = _walk(graph, level=level)
    kernel.write_bytes(b"two")
    second = _walk(graph, level=level)
    assert first.graph.digest != second.graph.digest
    assert first.bytes_digest == second.bytes_digest
    assert second.graph.changed == kernel.stat().st_ctime_ns
    kernel.unlink()
    assert _refused(graph, level=level) == "graph_custom_code"


@pytest.mark.parametrize("name", ["missing", "pipe"])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert _refused(tmp_path / name) == "graph_unreadable"
