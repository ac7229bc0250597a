"""Hooks: what is wrong with store, disk or output costs at most a start: the result is right."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import mounts
from hooks import callers
from hosts import CONV, TRAIN, Host, neff_info

CALL = """
fresh()
line = [*LINE[:5], sys.argv[1], LINE[6]]
done = forms.subprocess.run(line, capture_output=True, text=True, check=False)
print(done.returncode, done.stdout.split()[-1:], len(done.stderr.splitlines()))
"""
GOOD = "0 ['PASS'] 0\n"


@pytest.fixture
def filled(host: Host) -> Host:
    """A host whose store has the answer."""
    assert host.compile(host.root / "first", TRAIN).status == 0
    return host


def _run(host: Host, output: Path | str = "out.neff", *, hooks: bool = True) -> str:
    shutil.rmtree(host.root / "work" / "here", ignore_errors=True)
    return callers.run(callers.lay_out(host, hooks=hooks), CALL, output).out


def _is_right(host: Host) -> bool:
    """Whether the last result is a NEFF of the graph, as the first compile's is."""
    one, two = (neff_info(host.root / at / "out.neff") for at in ("first", "work/here"))
    return one["graph_sha256"] == two["graph_sha256"]


def _damage(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("at", [600, -2000])
def test_a_damaged_entry_is_dropped_and_compiled_anew(filled: Host, at: int) -> None:
    (entry,) = filled.entries()
    _damage(entry, at)
    assert _run(filled) == GOOD
    assert _is_right(filled)
    assert callers.answered(filled) == ["compiled", "compiled"]
    assert filled.notes() == ["entry_damaged"]
    assert _run(filled) == GOOD
    assert callers.answered(filled)[2:] == ["hook"]


def test_an_entry_under_anothers_key_is_not_given(filled: Host) -> None:
    filled.compile(filled.root / "second", CONV)
    one, two = filled.entries()
    for entry, other in ((one, two), (two, one)):
        entry.with_suffix(".moved").write_bytes(other.read_bytes())
    for entry in (one, two):
        entry.with_suffix(".moved").rename(entry)
    assert _run(filled) == GOOD
    assert _is_right(filled)
    assert callers.answered(filled)[2:] == ["compiled"]


def _without(host: Host, output: Path | str = "out.neff") -> tuple[str, str]:
    return _run(host, output, hooks=True), _run(host, output, hooks=False)


@pytest.mark.parametrize("output", ["none/out.neff", ".", "/dev/full", "/dev/null"])
def test_an_output_that_cannot_be_written_ends_as_without_hooks(filled: Host, output: str) -> None:
    with_hooks, without = _without(filled, output)
    assert with_hooks == without
    assert "hook" not in callers.answered(filled)


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A directory with no room for a NEFF."""
    with mounts.of_size(tmp_path / "full", "16k"):
        (tmp_path / "full" / "filling").write_bytes(bytes(12 << 10))
        yield tmp_path / "full"


def test_an_output_on_a_full_disk_ends_as_without_hooks(filled: Host, full: Path) -> None:
    with_hooks, without = _without(filled, full / "out.neff")
    assert with_hooks == without
    assert "hook" not in callers.answered(filled)


@pytest.fixture
def full_store(host: Host) -> Iterator[Host]:
    """A host with an entry in its store, on a disk that has become full."""
    with mounts.of_size(host.root / "cache", "1m"):
        assert host.compile(host.root / "first", TRAIN).status == 0
        with open(host.root / "cache" / "filling", "wb") as file:
            try:
                while True:
                    os.write(file.fileno(), bytes(4096))
            except OSError:
                pass
        yield host


def test_a_full_store_is_read_all_the_same(full_store: Host) -> None:
    assert _run(full_store) == GOOD
    assert full_store.compiles == 1
    assert _is_right(full_store)


def test_a_store_that_is_open_to_others_is_not_read(filled: Host) -> None:
    filled.store.chmod(0o777)
    caller = callers.lay_out(filled)
    done = caller.run(callers.START.format(graph=str(TRAIN)) + CALL, "out.neff")
    assert done.status == 0, done.err
    assert done.out == "0 ['PASS'] 1\n"  # the shim says what is wrong with it
    assert filled.compiles == 2


def test_a_read_only_store_is_read(filled: Host) -> None:
    with mounts.read_only(filled.root / "cache"):
        assert _run(filled) == GOOD
    assert filled.compiles == 1


def test_a_store_that_is_gone_is_made_again(filled: Host) -> None:
    shutil.rmtree(filled.store)
    assert _run(filled) == GOOD
    assert callers.answered(filled) == ["compiled"]


REMOVED = """
fresh()
os.unlink("in.pb"), os.rmdir(os.getcwd())
print(forms.subprocess.run(LINE, capture_output=True).returncode)
"""


def test_a_directory_that_is_gone_ends_as_without_hooks(filled: Host) -> None:
    outs = [callers.run(callers.lay_out(filled, hooks=on), REMOVED).out for on in (True, False)]
    assert outs[0] == outs[1] != "0\n"
    assert "hook" not in callers.answered(filled)
