"""Unit: an identity remembered between calls, as long as nothing moved and nothing shadows it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from neffcache import files
from neffcache.compiler import identity, package
from neffcache.compiler.identity import Identity
from neffcache.invocation import Bypass
from unit.prefixes import Prefix, make_venv


@pytest.fixture
def prefix(tmp_path: Path) -> Prefix:
    """An installation beside its own interpreter, which looks in the user's site, too."""
    return Prefix(tmp_path / "prefix").make()


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """A directory for remembered identities, not there yet."""
    return tmp_path / "store" / "compilers"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scripts that were really examined."""
    seen: list[str] = []
    real = package.examine

    def examine(path: str) -> Identity:
        seen.append(path)
        return real(path)

    monkeypatch.setattr(package, "examine", examine)
    return seen


def _identify(prefix: Prefix, memory: Path | str, **environ: str) -> Identity:
    variables = {name.encode(): os.fsencode(value) for name, value in environ.items()}
    return identity.identify(str(prefix.script), variables, str(memory))


def _shadowed(prefix: Prefix, **environ: str) -> str:
    with pytest.raises(Bypass) as caught:
        _identify(prefix, "", **environ)
    assert caught.value.outcome == "compiler_unidentified"
    return caught.value.detail


def test_the_second_call_examines_nothing(prefix: Prefix, memory: Path, counted: list[str]) -> None:
    first = _identify(prefix, memory)
    again = _identify(prefix, memory)
    assert (again.parts, again.watched, again.user_site, again.script) == (
        first.parts,
        first.watched,
        first.user_site,
        first.script,
    )
    assert counted == [str(prefix.script)]


def test_without_memory_every_call_examines(prefix: Prefix, counted: list[str]) -> None:
    _identify(prefix, "")
    _identify(prefix, "")
    assert len(counted) == 2


def test_a_changed_package_is_examined_anew(
    prefix: Prefix, memory: Path, counted: list[str]
) -> None:
    before = _identify(prefix, memory)
    record = prefix.dist / "RECORD"
    files.publish(str(record), record.read_bytes().replace(b"sha256=aaa", b"sha256=new"))
    assert not before.holds()
    assert _identify(prefix, memory).parts != before.parts
    assert len(counted) == 2


def test_an_upgraded_dependency_is_seen(prefix: Prefix, memory: Path) -> None:
    before = _identify(prefix, memory)
    os.rename(prefix.site / "numpy-1.26.4.dist-info", prefix.site / "numpy-2.0.0.dist-info")
    assert _identify(prefix, memory).parts != before.parts


def test_a_second_package_that_appears_is_seen(prefix: Prefix, memory: Path) -> None:
    _identify(prefix, memory)
    prefix.package(prefix.root / "lib64" / "python3.11" / "site-packages")
    with pytest.raises(Bypass, match="several"):
        _identify(prefix, memory)


def test_every_character_of_the_memory_is_checked(
    prefix: Prefix, memory: Path, counted: list[str]
) -> None:
    _identify(prefix, memory)
    (place,) = memory.iterdir()
    text = place.read_bytes()
    for at in range(0, len(text) - 1, 37):
        place.write_bytes(text[:at] + bytes((text[at] ^ 1,)) + text[at + 1 :])
        _identify(prefix, memory)
        assert place.read_bytes() == text
    assert len(counted) == 1 + len(range(0, len(text) - 1, 37))


def test_another_scripts_memory_is_not_taken(
    prefix: Prefix, memory: Path, tmp_path: Path, counted: list[str]
) -> None:
    _identify(prefix, memory)
    other = Prefix(tmp_path / "other").make()
    (place,) = memory.iterdir()
    wanted = memory / files.digest(str(other.script).encode())[:32]
    place.rename(wanted)
    assert _identify(other, memory).script == str(other.script)
    assert len(counted) == 2


def test_a_memory_that_cannot_be_written_is_no_error(prefix: Prefix, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert _identify(prefix, tmp_path / "file" / "compilers").parts


@pytest.mark.parametrize("name", ["a\nb", "a\tb"])
def test_a_path_that_would_break_the_lines_is_not_remembered(memory: Path, name: str) -> None:
    made = Identity("/opt/neuronx-cc", [], [(f"/opt/{name}", None)], "")
    identity._remember(str(memory / "x"), made)
    assert not memory.exists()


def test_pythonhome_is_not_certain(prefix: Prefix) -> None:
    assert _shadowed(prefix, PYTHONHOME="/x") == "PYTHONHOME is set"


@pytest.mark.parametrize("name", ["neuronxcc", "neuronxcc.py", "neuronxcc.pyc"])
@pytest.mark.parametrize("form", ["{d}", "/nonexistent:{d}", "{d}:/nonexistent"])
def test_a_package_on_pythonpath_is_seen(
    prefix: Prefix, tmp_path: Path, name: str, form: str
) -> None:
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / name).touch()
    places = form.format(d=tmp_path / "shadow")
    assert "PYTHONPATH=" in _shadowed(prefix, PYTHONPATH=places)


@pytest.mark.parametrize("places", [":/nonexistent", "/nonexistent:", "/nonexistent::/x", "."])
def test_an_empty_place_on_pythonpath_is_the_working_directory(
    prefix: Prefix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: str
) -> None:
    (tmp_path / "cwd" / "neuronxcc").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "cwd")
    assert "PYTHONPATH=." in _shadowed(prefix, PYTHONPATH=places)


def test_an_empty_pythonpath_is_none(
    prefix: Prefix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cwd" / "neuronxcc").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "cwd")
    assert _identify(prefix, "", PYTHONPATH="").parts


def test_a_harmless_pythonpath_is_fine(prefix: Prefix, tmp_path: Path) -> None:
    assert _identify(prefix, "", PYTHONPATH=f"{tmp_path}:/nonexistent").parts


def _user_package(base: Path) -> None:
    (base / "lib" / "python3.11" / "site-packages" / "neuronxcc").mkdir(parents=True)


def test_a_package_in_the_users_site_is_seen(prefix: Prefix, tmp_path: Path) -> None:
    _user_package(tmp_path / "home" / ".local")
    _user_package(tmp_path / "base")
    home = str(tmp_path / "home")
    assert "the user's" in _shadowed(prefix, HOME=home)
    assert "the user's" in _shadowed(prefix, PYTHONUSERBASE=str(tmp_path / "base"))
    assert _identify(prefix, "", HOME=home, PYTHONNOUSERSITE="1").parts
    assert _identify(prefix, "", HOME=home, PYTHONUSERBASE="/nonexistent").parts


def test_a_venv_does_not_look_in_the_users_site(prefix: Prefix, tmp_path: Path) -> None:
    _user_package(tmp_path / "home" / ".local")
    make_venv(prefix, tmp_path / "base")
    assert _identify(prefix, "", HOME=str(tmp_path / "home")).user_site == ""


def test_a_shadow_is_looked_for_on_every_call(prefix: Prefix, memory: Path) -> None:
    _identify(prefix, memory)
    with pytest.raises(Bypass):
        _identify(prefix, memory, PYTHONHOME="/x")


def test_a_named_compiler_is_its_name_alone() -> None:
    made = identity.named("our build 7", "/opt/neuronx-cc")
    assert made.parts == [("compiler", b"named our build 7")]
    assert made.holds()
