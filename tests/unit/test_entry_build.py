"""Unit: a bundle as it is written: a plain tar, deterministic, in bounded memory."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neffcache import files
from neffcache.entry import build, index
from neffcache.entry.index import Index
from unit import makers
from unit.makers import KEY, MANIFEST

NEFF = makers.neff()
WRAPPED = b"before" + NEFF + b"behind"


def _members(path: Path) -> dict[str, bytes]:
    """What the standard library reads; it must find an orderly end."""
    found = {}
    with tarfile.open(path, "r:") as archive:
        for info in archive:
            assert info.isreg()
            reader = archive.extractfile(info)
            assert reader is not None
            found[info.name] = reader.read()
    assert path.read_bytes()[-1024:] == bytes(1024)
    return found


def test_the_standard_library_reads_a_bundle(tmp_path: Path) -> None:
    head = makers.write_bundle(tmp_path / "b", {"neff": NEFF, "log": b"log"})
    found = _members(tmp_path / "b")
    assert list(found) == ["index", "manifest.json", "neff", "log"]
    assert found["index"] == head.text()
    assert (found["manifest.json"], found["neff"], found["log"]) == (MANIFEST, NEFF, b"log")


def test_a_wrapped_file_is_stored_without_the_neff_in_it(tmp_path: Path) -> None:
    makers.write_bundle(tmp_path / "b", {"neff": NEFF, "wrapped": WRAPPED})
    assert _members(tmp_path / "b")["wrapped"] == b"beforebehind"


@given(st.binary(min_size=1, max_size=1500), st.binary(max_size=1500))
def test_any_sizes_fill_whole_blocks(
    tmp_path_factory: pytest.TempPathFactory, neff: bytes, log: bytes
) -> None:
    path = tmp_path_factory.mktemp("bundle") / "b"
    head = makers.write_bundle(path, {"neff": neff, "log": log})
    assert path.stat().st_size == head.end
    assert head.end % index.BLOCK == 0
    found = _members(path)
    assert (found["neff"], found["log"]) == (neff, log)


def test_a_file_of_several_chunks_is_stored_whole(tmp_path: Path) -> None:
    data = os.urandom(2 * files.CHUNK + 3)
    makers.write_bundle(tmp_path / "b", {"neff": data, "wrapped": b"x" + data})
    found = _members(tmp_path / "b")
    assert (found["neff"], found["wrapped"]) == (data, b"x")


def test_what_is_written_depends_on_nothing_else(tmp_path: Path) -> None:
    for name in ("one", "two"):
        makers.write_bundle(tmp_path / name, {"neff": NEFF, "wrapped": WRAPPED, "log": b"x"})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("size", [0, 1, 8**11 - 1, 8**11, 9 << 30, 1 << 40])
def test_a_header_tells_any_size(size: int) -> None:
    info = tarfile.TarInfo.frombuf(build.header("neff", size), "utf-8", "strict")
    assert (info.name, info.size, info.mode, info.uid, info.mtime) == ("neff", size, 0o600, 0, 0)
    assert info.isreg()


def test_a_huge_neff_is_stored_behind_a_right_header(tmp_path: Path) -> None:
    """The header alone: more than eight gigabytes are not written here."""
    head = Index(KEY, 1.0, (len(MANIFEST), files.digest(MANIFEST)))
    head.members.append(index.Member(index.NEFF, 9 << 30, "0" * 64, index.AT_OUTPUT))
    head.place(len(head.text()))
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        for at, name, size in (
            (0, "index", len(head.text())),
            (head.manifest_offset - 512, "manifest.json", len(MANIFEST)),
            (head.members[0].offset - 512, "neff", 9 << 30),
        ):
            file.seek(at)
            file.write(build.header(name, size))
        file.truncate(head.end)
    with tarfile.open(path, "r:") as archive:
        assert [info.size for info in archive] == [len(head.text()), len(MANIFEST), 9 << 30]


def _source(role: str, data: bytes, fd: int) -> build.Source:
    os.pwrite(fd, data, 0)
    return build.Source(role, index.PLACES[role][0], fd, len(data))


def test_the_tap_sees_the_neff_alone(tmp_path: Path) -> None:
    seen: list[bytes] = []
    head = Index(KEY, 1.0, (len(MANIFEST), files.digest(MANIFEST)))
    fds = [os.memfd_create(name) for name in ("neff", "log")]
    with (tmp_path / "b").open("wb") as out:
        sources = [_source("neff", NEFF, fds[0]), _source("log", b"log", fds[1])]
        build.write(out.fileno(), head, MANIFEST, sources, seen.append)
    for fd in fds:
        os.close(fd)
    assert b"".join(seen) == NEFF


def test_a_source_may_begin_behind_its_files_start(tmp_path: Path) -> None:
    head = Index(KEY, 1.0, (len(MANIFEST), files.digest(MANIFEST)))
    fds = [os.memfd_create(name) for name in ("neff", "log")]
    with (tmp_path / "b").open("wb") as out:
        sources = [_source("neff", NEFF, fds[0]), _source("log", b"old lines, new lines", fds[1])]
        sources[1].start, sources[1].size = 11, 9
        build.write(out.fileno(), head, MANIFEST, sources, lambda _data: None)
    for fd in fds:
        os.close(fd)
    assert _members(tmp_path / "b")["log"] == b"new lines"
    assert head.members[1].digest == files.digest(b"new lines")


def test_a_source_that_became_shorter_is_an_error(tmp_path: Path) -> None:
    head = Index(KEY, 1.0, (len(MANIFEST), files.digest(MANIFEST)))
    fd = os.memfd_create("neff")
    source = _source("neff", NEFF, fd)
    os.ftruncate(fd, 100)
    with (tmp_path / "b").open("wb") as out, pytest.raises(OSError, match="shorter"):
        build.write(out.fileno(), head, MANIFEST, [source], lambda _data: None)
    os.close(fd)
