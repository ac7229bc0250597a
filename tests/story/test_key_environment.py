"""Story: ranks, nodes and prefixes share keys; what users keep out or put in counts as they say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hosts import TRAIN, Host, finish
from test_sdk.forms import make_form
from unit import cluster

LINE = ("compile", "--framework=XLA", "--target=trn1", "--output", "out.neff", str(TRAIN))
OURS = ("PATH", "HOME", "TMPDIR")


def _rank(rank: int) -> dict[str, str]:
    """What a rank's environment has besides that of its host."""
    found = list(cluster.environments())[rank]
    named = {name.decode(): value.decode() for name, value in found.items()}
    return {name: value for name, value in named.items() if name not in OURS}


def test_the_ranks_of_two_nodes_compile_once(tmp_path: Path) -> None:
    """Each node has a store, and a compiler below a prefix, of its own; both have one remote."""
    venv = Path(sys.executable).parent.parent
    nodes = []
    for node in range(cluster.NODES):
        script = make_form("other-venv", tmp_path / f"sdk-{'x' * node}", venv)
        remote = {"NEFFCACHE_REMOTES": f"file://{tmp_path}/remote", "SDKSTANDIN_FAKE": "1"}
        nodes.append(Host(tmp_path / f"node-{node}", remote, script.parent))
    for node, host in enumerate(nodes):
        started = [
            host.start(tmp_path / f"{node}-{local}", *LINE, variables=_rank(node * 4 + local))
            for local in range(cluster.RANKS)
        ]
        assert [finish(process).status for process in started] == [0] * cluster.RANKS
        assert host.neffcache("flush", "--timeout", "60").status == 0
    assert [host.compiles for host in nodes] == [1, 0]
    assert nodes[1].outcomes().count("hit_remote") == 1
    assert len({record["key"] for host in nodes for record in host.journal()}) == 1
    neffs = {path.read_bytes() for path in tmp_path.glob("?-?/out.neff")}
    assert len(neffs) == 1


def _outcomes(host: Host, *variables: dict[str, str]) -> list[str]:
    for given in variables:
        assert host.compile(host.root / "work", TRAIN, variables=given).status == 0
    return host.outcomes()


def test_a_variable_kept_out_does_not_count(host: Host) -> None:
    host.variables["NEFFCACHE_KEY_IGNORE_ENV"] = "NEURON_ODD, NKI_*"
    found = _outcomes(
        host,
        {"NEURON_ODD": "1", "NKI_ONE": "1"},
        {"NEURON_ODD": "2", "NKI_TWO": "1"},
        {"NEURON_ODDER": "1"},
    )
    assert found == ["compiled", "hit_local", "compiled"]


def test_whoever_keeps_a_variable_out_answers_nobody_else(host: Host) -> None:
    ignoring = {"NEURON_ODD": "1", "NEFFCACHE_KEY_IGNORE_ENV": "NEURON_ODD"}
    assert _outcomes(host, ignoring, {}) == ["compiled", "compiled"]


def test_a_variable_put_in_counts(host: Host) -> None:
    host.variables["NEFFCACHE_KEY_EXTRA_ENV"] = "SITE_*"
    found = _outcomes(host, {"SITE_X": "1"}, {"SITE_X": "2"}, {"SITE_X": "1"}, {"OTHER": "1"}, {})
    assert found == ["compiled", "compiled", "hit_local", "compiled", "hit_local"]


def test_what_is_put_in_counts_though_it_is_kept_out_as_well(host: Host) -> None:
    host.variables |= {
        "NEFFCACHE_KEY_IGNORE_ENV": "NEURON_*",
        "NEFFCACHE_KEY_EXTRA_ENV": "NEURON_X",
    }
    found = _outcomes(
        host, {"NEURON_X": "1"}, {"NEURON_X": "2"}, {"NEURON_X": "1", "NEURON_Y": "1"}
    )
    assert found == ["compiled", "compiled", "hit_local"]


WRONG = [
    ("NEFFCACHE_KEY_IGNORE_ENV", "*"),
    ("NEFFCACHE_KEY_IGNORE_ENV", "NEURON_X,A=1"),
    ("NEFFCACHE_KEY_EXTRA_ENV", "A*B"),
    ("NEFFCACHE_KEY_LEVEL", "loose"),
    ("NEFFCACHE_KEY_BYTECODE", "maybe"),
]


@pytest.mark.parametrize(("name", "text"), WRONG)
def test_a_wrong_setting_of_keys_costs_a_line_and_no_compile(
    host: Host, name: str, text: str
) -> None:
    done = host.compile(host.root / "work", TRAIN, variables={name: text})
    assert (done.status, host.compiles, host.outcomes()) == (0, 1, ["bad_setting"])
    what, _, remedy = done.err.partition("; ")
    assert what.startswith(f"neffcache: {name}={text}: ")
    assert remedy.endswith("\n")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(("name", "text"), WRONG)
@pytest.mark.parametrize("command", ["stats", "config", "explain"])
def test_a_wrong_setting_of_keys_is_misuse_of_a_command(
    host: Host, command: str, name: str, text: str
) -> None:
    done = host.neffcache(command, variables={name: text})
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert name in done.err
