"""What an entry's graph and flags name besides themselves; in doubt nobody has checked it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graphs import keys, zoo
from hosts import CONV, FORWARD, TRAIN
from neffcache.native import graphs
from neffcache.native.graphs import NAMES, PLAIN, UNCHECKED, Verdict


def _verdict(tmp_path: Path, data: bytes) -> Verdict:
    path = tmp_path / "graph"
    path.write_bytes(data)
    return graphs.of_graph(str(path))


def _calling(target: str, config: bytes, field: str = "backend_config") -> bytes:
    """A graph with a custom call."""

    def change(module: Any) -> None:
        entry = next(c for c in module.computations if c.id == module.entry_computation_id)
        source = next(found for found in entry.instructions if found.opcode == "multiply")
        top = max(found.id for found in entry.instructions)
        made = entry.instructions.add()
        made.CopyFrom(source)
        made.name, made.id = "custom-call.900", top + 1
        made.opcode, made.custom_call_target = "custom-call", target
        setattr(made, field, config)

    made = keys.changed(TRAIN.read_bytes(), change)
    assert made is not None
    return made


@pytest.mark.parametrize("path", [TRAIN, FORWARD, CONV])
def test_graph_of_plain_operations_names_nothing(path: Path) -> None:
    assert graphs.of_graph(str(path)).word == PLAIN


def test_graph_with_a_kernel_names_a_file(tmp_path: Path) -> None:
    made = _verdict(tmp_path, zoo.graph("neuron_torch"))
    assert (made.word, made.detail) == (NAMES, "AwsNeuronCustomNativeKernel")


@pytest.mark.parametrize(
    ("target", "config", "word"),
    [
        ("AwsNeuronErf", b"", PLAIN),
        ("AwsNeuronErf", b'{"a": 1}', PLAIN),
        ("AwsNeuronCustomOp", b"path=/x.so;hash=1;", NAMES),
        ("AwsNeuronCustomSomething", b"", NAMES),
        ("AwsNeuronOther", b'{"table": "/var/tmp/t"}', NAMES),
        ("AwsNeuronOther", b"table.npy", NAMES),
        ("AwsNeuronOther", b"relative/table", NAMES),
        ("AwsNeuronOther", b"eyJhIjogIi94L3kifQ==", NAMES),
    ],
)
def test_custom_call_counts_by_what_it_names(
    tmp_path: Path, target: str, config: bytes, word: str
) -> None:
    assert _verdict(tmp_path, _calling(target, config)).word == word


@pytest.mark.parametrize(
    "data",
    [b"", b"no graph", b"\x0a\xff\xff", b"AwsNeuronCustomNativeKernel", TRAIN.read_bytes()[:9000]],
)
def test_graph_that_cannot_be_read_is_not_checked(tmp_path: Path, data: bytes) -> None:
    made = _verdict(tmp_path, data)
    assert made.word == UNCHECKED
    assert made.detail


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        ([], PLAIN),
        (["--target=trn1", "-O1", "--model-type", "transformer"], PLAIN),
        (["--logfile=/tmp/a/log", "--output", "/tmp/x.neff", "--temp-dir", "/x"], PLAIN),
        (["--cache_dir=/var/tmp/c", "--cache_dir", "/var/tmp/c"], PLAIN),
        (["--io-config=tables"], NAMES),
        (["--tfpb", "graph"], NAMES),
        (["--tfp=graph"], NAMES),
        (["--io", "tables"], NAMES),
        (["--tensorizer-options=--table=/opt/t"], NAMES),
        (["--internal-something", "/opt/t"], NAMES),
        (["--internal-something", "tuned.json"], NAMES),
    ],
)
def test_flags_count_by_what_they_name(flags: list[str], word: str) -> None:
    assert graphs.of_flags(json.dumps(flags).encode()).word == word


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b"[" * 100_000, b"\xff"])
def test_flags_that_cannot_be_read_are_not_checked(text: bytes) -> None:
    assert graphs.of_flags(text).word == UNCHECKED


def test_worse_of_two_verdicts_holds() -> None:
    plain, unchecked, named = Verdict(PLAIN), Verdict(UNCHECKED, "u"), Verdict(NAMES, "n")
    assert graphs.both(plain, unchecked) is graphs.both(unchecked, plain) is unchecked
    assert graphs.both(unchecked, named) is named
    assert graphs.both(plain, Verdict(PLAIN)).why() == ""


@pytest.mark.parametrize("word", [NAMES, UNCHECKED])
def test_verdict_says_what_it_is_about(word: str) -> None:
    assert Verdict(word, "the detail").why().endswith("the detail")
