"""What an entry says of the weights that may be in it: counted when it is kept, from its inputs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from graphs import keys, semantic
from hosts import CONV, TRAIN, Host
from neffcache.cache import bundles
from neffcache.entry import read
from test_sdk import graphs

_BLOB = 5000


def manifest(host: Host) -> bytes:
    """The manifest of the one entry."""
    [path] = host.entries()
    bundle = read.open_bundle(str(path), path.stem)
    try:
        read.verify(bundle)
        return read.manifest(bundle)
    finally:
        bundle.close()


def inlined(host: Host) -> object:
    return json.loads(manifest(host))["inlined"]


def with_weights(path: Path) -> Path:
    """The same program with an array inlined."""
    module = keys.module(TRAIN.read_bytes())
    next(iter(semantic.instructions(module, "constant"))).literal.u8s = os.urandom(_BLOB)
    path.write_bytes(keys.written(module))
    return path


def test_a_graph_with_its_weights_outside_is_harmless(host: Host, tmp_path: Path) -> None:
    assert host.compile(tmp_path, TRAIN).status == 0
    assert inlined(host) == 39
    assert not bundles.may_hold_weights(manifest(host))


def test_a_graph_with_weights_in_it_says_so(host: Host, tmp_path: Path) -> None:
    assert host.compile(tmp_path, with_weights(tmp_path / "graph.pb")).status == 0
    found = inlined(host)
    assert isinstance(found, int)
    assert _BLOB <= found <= _BLOB + 100
    assert bundles.may_hold_weights(manifest(host))


def test_the_weights_of_a_model_directory_count(host: Host, tmp_path: Path) -> None:
    (tmp_path / "model" / "weights").mkdir(parents=True)
    shutil.copyfile(CONV, tmp_path / "model" / "graph.hlo")
    (tmp_path / "model" / "weights" / "w.npy").write_bytes(os.urandom(_BLOB))
    assert host.compile(tmp_path, tmp_path / "model").status == 0
    assert inlined(host) == _BLOB + 25
    assert bundles.may_hold_weights(manifest(host))


def test_a_file_that_an_option_names_counts(host: Host, tmp_path: Path) -> None:
    (tmp_path / "frozen.pb").write_bytes(os.urandom(_BLOB))
    assert host.compile(tmp_path, TRAIN, f"--tfpb={tmp_path}/frozen.pb").status == 0
    assert inlined(host) == _BLOB + 39


def test_an_array_that_a_kernel_names_counts_and_its_code_does_not(
    host: Host, tmp_path: Path
) -> None:
    for name, expected in (("code.json", 0), ("table.npy", _BLOB)):
        beside = tmp_path / name / name
        beside.parent.mkdir()
        beside.write_bytes(os.urandom(_BLOB))
        kernel = tmp_path / name / "k.klir"
        kernel.write_text(json.dumps({"constant": str(beside)}))
        graph = graphs.write(tmp_path / f"{name}.pb", graphs.hlo(graphs.kernel_call(str(kernel))))
        other = Host(tmp_path / f"host-{name}", host.variables)
        assert other.compile(tmp_path, graph).status == 0
        found = inlined(other)
        assert isinstance(found, int)
        assert expected <= found <= expected + 100


def test_a_second_compile_of_the_key_says_the_same(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path, TRAIN)
    before = inlined(host)
    host.compile(tmp_path, TRAIN, variables={"NEFFCACHE_RECACHE": "1"})
    assert host.outcomes() == ["compiled", "compiled"]
    assert inlined(host) == before


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"inlined": null}',
        b'{"inlined": "0"}',
        b'{"inlined": 0.0}',
        b'{"inlined": true}',
        b'{"inlined": false}',
        b'{"inlined": -1}',
        b'{"inlined": 1025}',
        b'{"inlined": 1e2}',
        b'{"inlined": NaN}',
        b'{"inlined": [0]}',
        b'{"inlined": 0',
        b'\xff{"inlined": 0}',
        b'{"Inlined": 0}',
        b"[" * 100_000,
    ],
)
def test_in_any_doubt_it_may_hold_weights(text: bytes) -> None:
    assert bundles.may_hold_weights(text)


@pytest.mark.parametrize("count", [0, 1, 1024])
def test_few_bytes_are_harmless(count: int) -> None:
    assert not bundles.may_hold_weights(b'{"schema": 1, "inlined": %d}' % count)
