"""Unit: a package's files held against its RECORD: what was edited in place enters the key."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import pytest

from neffcache.compiler import contents, identity
from neffcache.compiler.identity import Identity
from neffcache.invocation import Bypass
from unit.prefixes import DIST, Prefix

FILES = {
    "neuronxcc/__init__.py": b"version = 1\n",
    "neuronxcc/driver/a.py": b"def f(): return 1\n",
    'neuronxcc/odd, "name".py': b"pass\n",
    "neuronxcc/lib/libwalrus.so": bytes(range(256)) * 4000,
    "neuronxcc/empty.py": b"",
}
PLAIN, ODD = "neuronxcc/driver/a.py", 'neuronxcc/odd, "name".py'
SAME_SIZE = b"def f(): return 2\n"
MODES = ("stat", "content")
# Long before the tests: what is older than RECORD needs no second look, what is young does.
INSTALLED = 1_600_000_000


class Package:
    """An installation whose RECORD tells the truth about its files."""

    def __init__(self, root: Path) -> None:
        self.prefix = Prefix(root).make()
        self.record = self.prefix.dist / "RECORD"
        for name, data in FILES.items():
            (self.prefix.site / name).parent.mkdir(parents=True, exist_ok=True)
            (self.prefix.site / name).write_bytes(data)
            os.utime(self.prefix.site / name, (INSTALLED, INSTALLED))
        self.write_record([_line(name, data) for name, data in FILES.items()])

    def write_record(self, lines: list[str]) -> None:
        self.record.write_text("\n".join([*lines, f"{DIST}/RECORD,,"]) + "\n")
        os.utime(self.record, (INSTALLED, INSTALLED))

    def edit(self, name: str, data: bytes, mtime: int | None = None) -> None:
        """Write into a file as an editor without a backup does."""
        with open(self.prefix.site / name, "r+b") as file:
            file.truncate(0)
            file.write(data)
        if mtime is not None:
            os.utime(self.prefix.site / name, (mtime, mtime))

    def identify(self, check: str, memory: Path | str = "") -> Identity:
        return identity.identify(str(self.prefix.script), {}, str(memory), check)

    def altered(self, check: str, memory: Path | str = "") -> list[str]:
        """The lines that the key has about edits."""
        value = dict(self.identify(check, memory).parts).get(contents.ALTERED, b"")
        return value.decode().split("\n") if value else []


def _line(name: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    quoted = '"' + name.replace('"', '""') + '"' if '"' in name else name
    return f"{quoted},sha256={digest},{len(data)}"


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return Package(tmp_path / "prefix")


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "store" / "compilers"


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose content was read, in order."""
    seen: list[str] = []
    real = contents._hash

    def read(path: str, size: int, tick: object) -> str:
        seen.append(path.partition("site-packages/")[2])
        assert callable(tick)
        return real(path, size, tick)

    monkeypatch.setattr(contents, "_hash", read)
    return seen


@pytest.mark.parametrize("check", MODES)
def test_an_unedited_package_has_the_parts_of_record(package: Package, check: str) -> None:
    assert package.identify(check).parts == package.identify("record").parts


def test_two_prefixes_and_three_modes_have_one_identity(package: Package, tmp_path: Path) -> None:
    other = Package(tmp_path / "other" / "place")
    found = [one.identify(mode).parts for one in (package, other) for mode in ("record", *MODES)]
    assert all(parts == found[0] for parts in found)


@pytest.mark.parametrize("check", MODES)
@pytest.mark.parametrize("name", [PLAIN, ODD])
def test_a_file_of_another_size_is_found(package: Package, check: str, name: str) -> None:
    package.edit(name, b"something else", INSTALLED)
    assert package.altered(check) == [f"{name} {_sha(b'something else')}"]


@pytest.mark.parametrize("check", MODES)
def test_a_newer_file_of_the_same_size_is_found(package: Package, check: str) -> None:
    package.edit(PLAIN, SAME_SIZE)
    assert package.altered(check) == [f"{PLAIN} {_sha(SAME_SIZE)}"]


def test_content_finds_what_hides_behind_size_and_time(package: Package) -> None:
    package.edit(PLAIN, SAME_SIZE, INSTALLED)
    assert package.altered("stat") == []
    assert len(package.altered("content")) == 1


@pytest.mark.parametrize("check", MODES)
def test_what_changed_since_it_was_seen_is_found(
    package: Package, memory: Path, check: str
) -> None:
    """By stat as well: not even a time that is put back hides it."""
    assert package.altered(check, memory) == []
    package.edit(PLAIN, SAME_SIZE, INSTALLED)
    assert len(package.altered(check, memory)) == 1


@pytest.mark.parametrize("check", MODES)
def test_a_missing_file_is_found(package: Package, memory: Path, check: str) -> None:
    assert package.altered(check, memory) == []
    (package.prefix.site / PLAIN).unlink()
    assert package.altered(check, memory) == [f"{PLAIN} missing"]
    assert package.altered(check, memory) == [f"{PLAIN} missing"]


@pytest.mark.parametrize("check", MODES)
def test_a_file_that_comes_back_is_the_installed_one(
    package: Package, memory: Path, check: str
) -> None:
    (package.prefix.site / PLAIN).rename(package.prefix.root / "aside")
    assert package.altered(check, memory)
    (package.prefix.root / "aside").rename(package.prefix.site / PLAIN)
    assert package.altered(check, memory) == []


@pytest.mark.parametrize("check", MODES)
def test_an_edit_that_is_undone_is_forgotten(package: Package, memory: Path, check: str) -> None:
    package.edit(PLAIN, SAME_SIZE)
    assert package.altered(check, memory)
    package.edit(PLAIN, FILES[PLAIN])
    assert package.altered(check, memory) == []


@pytest.mark.parametrize("check", MODES)
def test_a_file_that_was_only_touched_is_the_installed_one(
    package: Package, memory: Path, check: str
) -> None:
    package.altered(check, memory)
    os.utime(package.prefix.site / PLAIN)
    assert package.altered(check, memory) == []


@pytest.mark.parametrize("check", MODES)
def test_other_edits_are_another_compiler(package: Package, tmp_path: Path, check: str) -> None:
    other = Package(tmp_path / "other")
    package.edit(PLAIN, b"one")
    other.edit(PLAIN, b"two")
    assert package.identify(check).parts != other.identify(check).parts
    other.edit(PLAIN, b"one")
    assert package.identify(check).parts == other.identify(check).parts


def test_what_was_only_seen_by_stat_is_read_by_content(package: Package, memory: Path) -> None:
    package.edit(PLAIN, SAME_SIZE, INSTALLED)
    assert package.altered("stat", memory) == []
    assert len(package.altered("content", memory)) == 1
    assert len(package.altered("stat", memory)) == 1  # which knows better now


def test_record_reads_and_remembers_nothing_of_the_files(
    package: Package, memory: Path, hashed: list[str]
) -> None:
    package.edit(PLAIN, b"edited")
    assert package.altered("record", memory) == []
    assert hashed == []
    assert [path.suffix for path in memory.iterdir()] == [""]


def test_stat_reads_only_what_is_suspicious(
    package: Package, memory: Path, hashed: list[str]
) -> None:
    package.edit(PLAIN, b"edited")
    package.altered("stat", memory)
    assert hashed == [PLAIN]


def test_content_reads_each_file_once(
    package: Package, memory: Path, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "_SETTLED", 0)
    package.altered("content", memory)
    assert sorted(hashed) == sorted(FILES)
    package.altered("content", memory)
    package.altered("stat", memory)
    assert len(hashed) == len(FILES)


def test_a_young_file_is_read_again(package: Package, memory: Path, hashed: list[str]) -> None:
    """Touched once more in the same instant its times would not show it."""
    package.altered("content", memory)
    package.altered("content", memory)
    assert len(hashed) == 2 * len(FILES)


def test_every_character_of_the_memory_is_checked(package: Package, memory: Path) -> None:
    package.edit(PLAIN, b"edited")
    expected = package.altered("content", memory)
    (place,) = memory.glob("*.files")
    text = place.read_bytes()
    for at in range(0, len(text) - 1, 29):
        place.write_bytes(text[:at] + bytes((text[at] ^ 1,)) + text[at + 1 :])
        assert package.altered("content", memory) == expected


def test_the_memory_of_another_package_is_not_taken(package: Package, memory: Path) -> None:
    package.altered("content", memory)
    changed = dict(FILES, **{PLAIN: b"next release\n"})
    package.write_record([_line(name, data) for name, data in changed.items()])
    assert package.altered("content", memory) == [f"{PLAIN} {_sha(FILES[PLAIN])}"]


@pytest.mark.parametrize("check", MODES)
def test_a_file_without_a_digest_always_counts(package: Package, check: str) -> None:
    """Nothing proves it, so it is in the key itself."""
    lines = [_line(name, data) for name, data in FILES.items() if name != PLAIN]
    package.write_record([*lines, f"{PLAIN},,"])
    assert package.altered(check) == [f"{PLAIN} {_sha(FILES[PLAIN])}"]


def test_a_line_that_is_not_understood_is_not_certain(package: Package) -> None:
    package.write_record(["neuronxcc/a.py,sha256=aaa,many"])
    with pytest.raises(Bypass, match="not understood"):
        package.identify("stat")


def test_a_file_that_cannot_be_read_is_not_certain(package: Package) -> None:
    (package.prefix.site / PLAIN).unlink()
    (package.prefix.site / PLAIN).mkdir()
    with pytest.raises(Bypass) as caught:
        package.identify("content")
    assert caught.value.outcome == "compiler_unidentified"
    assert PLAIN in caught.value.detail


@pytest.mark.parametrize("check", MODES)
def test_a_file_edited_later_breaks_the_identity(package: Package, check: str) -> None:
    made = package.identify(check)
    assert made.holds()
    package.edit(PLAIN, SAME_SIZE, INSTALLED)
    assert not made.holds()


def test_a_memory_that_cannot_be_written_is_no_error(package: Package, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert package.altered("content", tmp_path / "file" / "compilers") == []


def test_compare_reads_all_and_can_be_given_up(package: Package) -> None:
    package.edit(PLAIN, SAME_SIZE, INSTALLED)
    made = package.identify("record")
    altered, number = contents.compare(made, 60)
    assert ([found.name for found in altered], number) == ([PLAIN], len(FILES))
    with pytest.raises(contents.TimeIsUp) as caught:
        contents.compare(made, -1)
    assert (caught.value.found, caught.value.looked_at, caught.value.of) == ([], 0, len(FILES))
