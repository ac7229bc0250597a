"""Story: one key compiled more than once: both results are kept, and counted if they differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hosts import TRAIN, Done, Host
from running import end_all

NOTE = "nondeterministic"
MakeHost = Callable[[str], Host]


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """The parent of a directory remote: not there, as when a mount is down."""
    return tmp_path / "mount"


def _compile(host: Host, name: str = "work", **variables: str) -> Path:
    done = host.compile(host.root / name, TRAIN, variables=variables)
    assert done.status == 0, done.err
    return host.root / name / "out.neff"


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _stats(host: Host) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(host.neffcache("stats", "--json").out)
    return made


def _explained(host: Host) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(host.neffcache("explain", "--json").out)["calls"][0]
    return made


def _note(host: Host) -> dict[str, Any]:
    """The line of the journal that holds the note."""
    [line] = [
        row for row in host.journal() if NOTE in [note[0] for note in _list(row.get("notes"))]
    ]
    return line


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def test_a_key_compiled_once_has_no_ledger(host: Host) -> None:
    _compile(host)
    _compile(host)
    assert host.outcomes() == ["compiled", "hit_local"]
    assert not (host.store / "ledger").exists()
    assert _explained(host)["compiles"] == []


def test_the_same_result_again_is_written_down_and_not_noted(host: Host) -> None:
    neffs = [_sha(_compile(host)), _sha(_compile(host, NEFFCACHE_RECACHE="1"))]
    assert host.outcomes() == ["compiled", "compiled"]
    assert NOTE not in host.notes()
    last = host.journal()[-1]
    assert [last["neff_before"], last["neff"]] == neffs
    assert [one["neff"] for one in _explained(host)["compiles"]] == neffs
    text = host.neffcache("explain").out
    assert "compiled 2 times by 1 host or user, with the same result" in text


def test_another_result_is_noted_with_both_digests(host: Host) -> None:
    neffs = [
        _sha(_compile(host)),
        _sha(_compile(host, NEFFCACHE_RECACHE="1", SDKSTANDIN_SALT="x")),
    ]
    line = _note(host)
    assert line["outcome"] == "compiled"
    assert [line["neff_before"], line["neff"]] == neffs
    assert _stats(host)["notes"][NOTE] == 1
    assert "two compiles of one key gave different results" in host.neffcache("stats").out
    text = host.neffcache("explain").out
    assert "note: two compiles of one key gave different results" in text
    assert all(neff in text for neff in neffs)
    assert "with 2 results" in text


def test_a_true_compile_again_is_the_same_result(true_host: Host) -> None:
    """Although no byte of the machine code repeats."""
    neffs = {_sha(_compile(true_host)), _sha(_compile(true_host, NEFFCACHE_RECACHE="1"))}
    assert len(neffs) == 2
    assert true_host.notes() == ["recache"]
    assert len({one["payload"] for one in _explained(true_host)["compiles"]}) == 1


def _down(make_host: MakeHost, remote: Path, *salts: str) -> list[Host]:
    """Hosts that each compile one key while their remote is down; then it comes back."""
    hosts = []
    for name, salt in zip("ab", salts, strict=True):
        host = make_host(name)
        host.variables |= {"NEFFCACHE_REMOTES": f"file://{remote}/cache"}
        _compile(host, SDKSTANDIN_SALT=salt)
        assert host.outcomes() == ["compiled"]
        hosts.append(host)
    remote.mkdir()
    return hosts


def _flush(hosts: list[Host]) -> None:
    for host in hosts:
        done: Done = host.neffcache("flush", "--timeout", "60")
        assert done.status == 0, done.err
        end_all(str(host.store))


def _second(hosts: list[Host]) -> Host:
    """The host that found the other's entry on the remote; an uploader may be first by itself."""
    [found] = [host for host in hosts if (host.store / "ledger").exists()]
    return found


def test_two_hosts_with_one_result_agree(make_host: MakeHost, remote: Path) -> None:
    hosts = _down(make_host, remote, "", "")
    _flush(hosts)
    neffs = {_sha(host.root / "work" / "out.neff") for host in hosts}
    found = _explained(_second(hosts))["compiles"]
    assert {one["neff"] for one in found} == neffs
    assert len({one["payload"] for one in found}) == 1
    assert [host.notes().count(NOTE) for host in hosts] == [0, 0]


def test_two_hosts_with_two_results_are_counted(make_host: MakeHost, remote: Path) -> None:
    hosts = _down(make_host, remote, "x", "y")
    _flush(hosts)
    two = _second(hosts)
    found = _explained(two)["compiles"]
    neffs = {_sha(host.root / "work" / "out.neff") for host in hosts}
    assert {one["neff"] for one in found} == neffs
    assert len({one["payload"] for one in found}) == 2
    line = _note(two)
    assert {line["neff"], line["neff_before"]} == neffs
    made = _stats(two)
    assert made["notes"][NOTE] == 1
    assert (made["outcomes"], made["calls"]) == ({"compiled": 1}, 1)  # the uploader is no call
    assert "with 2 results" in two.neffcache("explain").out


def test_a_remote_that_is_only_written_to_is_compared(make_host: MakeHost, remote: Path) -> None:
    remote.mkdir()
    for name in "ab":
        host = make_host(name)
        host.variables |= {"NEFFCACHE_REMOTES": f"file://{remote}/cache?mode=wo"}
        _compile(host, SDKSTANDIN_SALT=name)
        _flush([host])
        assert host.notes().count(NOTE) == (1 if name == "b" else 0)


def test_sent_twice_is_compiled_once(make_host: MakeHost, remote: Path) -> None:
    """The marker of an entry that is there already, as after a kill: it meets itself."""
    remote.mkdir()
    host = make_host("a")
    host.variables |= {"NEFFCACHE_REMOTES": f"file://{remote}/cache"}
    _compile(host)
    _flush([host])
    [queued] = host.store.glob("queue/*/destination")
    key = host.entries()[0].stem
    (queued.parent / key).write_text(f"neffcache-marker 1\nkey {key}\ntime 1.0\n")
    _flush([host])
    assert not (queued.parent / key).exists()
    assert not (host.store / "ledger").exists()


def test_a_damaged_record_on_the_remote_costs_nothing(make_host: MakeHost, remote: Path) -> None:
    remote.mkdir()
    one, two = make_host("a"), make_host("b")
    for host in (one, two):
        host.variables |= {"NEFFCACHE_REMOTES": f"file://{remote}/cache?mode=wo"}
    _compile(one)
    _flush([one])
    [record] = remote.rglob("entry")
    record.write_bytes(record.read_bytes()[:-1])
    _compile(two, SDKSTANDIN_SALT="x")
    _flush([two])
    assert len(two.entries()) == 1
    assert two.notes() == []
    assert not list(two.store.glob("dead/*/*"))


def test_the_manifest_tells_the_payload_and_nothing_else_moved(host: Host) -> None:
    _compile(host)
    key = host.entries()[0].stem
    _compile(host, NEFFCACHE_RECACHE="1")
    [bundle] = host.entries()
    data = bundle.read_bytes()
    start = data.index(b'{"schema":1')
    made = json.JSONDecoder().raw_decode(data[start:].decode("latin-1"))[0]
    assert made["key"] == key
    assert made["payload"] == _explained(host)["compiles"][1]["payload"]
    _compile(host, "again")
    assert host.outcomes()[-1] == "hit_local"
