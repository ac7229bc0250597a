"""Story: which compiler it is: every form of the SDK, shadowed packages, upgrades."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hosts import TRAIN, Host
from story.doubles import status_of
from test_sdk.forms import DIST_INFO, SOURCE, make_form
from waiting import until

VENV = Path(sys.executable).parent.parent
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
CACHEABLE = ("same-venv", "other-venv", "prefix", "conda", "polyglot")
OTHER_PACKAGE = "raise ImportError('the wrong package')\n"
Install = Callable[[str, str], Host]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """A host of that name with an SDK of its own in that form."""

    def made(name: str, kind: str) -> Host:
        script = make_form(kind, tmp_path / name / "sdk", VENV)
        return Host(tmp_path / name / "host", {"SDKSTANDIN_FAKE": "1"}, script.parent)

    return made


def _site(host: Host) -> Path:
    return host.real.parent / "lib" / VERSION / "site-packages"


def _compile(host: Host, **variables: str) -> str:
    """Compile, which must succeed; the key, "" when there was none."""
    done = host.compile(host.root / "work", TRAIN, variables=variables)
    assert (done.status, done.err) == (0, "")
    return str(host.journal()[-1].get("key", ""))


def _detail(host: Host) -> str:
    """Why the last call was passed on as one of an unknown compiler."""
    last = host.journal()[-1]
    assert last["outcome"] == "compiler_unidentified"
    return str(last["detail"])


@pytest.mark.parametrize("kind", CACHEABLE)
def test_form_is_cacheable(install: Install, kind: str) -> None:
    host = install("a", kind)
    assert _compile(host) == _compile(host) != ""
    assert host.outcomes() == ["compiled", "hit_local"]


def test_one_package_has_one_key_wherever_it_lies(install: Install) -> None:
    kinds = [kind for kind in CACHEABLE if kind != "same-venv"]
    keys = {kind: _compile(install(kind, kind)) for kind in kinds}
    keys["again"] = _compile(install("again", "other-venv"))
    assert len(set(keys.values())) == 1, keys


def test_editable_install_is_passed_on(install: Install) -> None:
    host = install("a", "editable")
    assert _compile(host) == _compile(host) == ""
    assert "editable" in _detail(host)
    assert host.compiles == 2


@pytest.mark.parametrize("name", ["neuronxcc", "neuronxcc.py"])
def test_package_on_pythonpath_is_another_compiler(install: Install, name: str) -> None:
    host = install("a", "other-venv")
    key = _compile(host)
    other = host.root / "other"
    other.mkdir()
    if name.endswith(".py"):
        (other / name).write_text(OTHER_PACKAGE)
    else:
        (other / name).mkdir()
        (other / name / "__init__.py").write_text(OTHER_PACKAGE)
    variables = {"PYTHONPATH": f"/nowhere:{other}"}
    done = host.compile(host.root / "work", TRAIN, variables=variables)
    assert done.status == 1
    assert "the wrong package" in done.err
    assert "PYTHONPATH" in _detail(host)
    assert _compile(host, PYTHONPATH="/nowhere") == key


@pytest.mark.parametrize("base", ["HOME", "PYTHONUSERBASE"])
def test_package_of_the_user_is_another_compiler(install: Install, base: str) -> None:
    host = install("a", "conda")
    key = _compile(host)
    top = host.home / ".local" if base == "HOME" else host.root / "user"
    site = top / "lib" / VERSION / "site-packages" / "neuronxcc"
    site.mkdir(parents=True)
    (site / "__init__.py").write_text(OTHER_PACKAGE)
    variables = {} if base == "HOME" else {base: str(top)}
    done = host.compile(host.root / "work", TRAIN, variables=variables)
    assert (done.status, "the wrong package" in done.err) == (1, True)
    assert "user's" in _detail(host)
    assert _compile(host, PYTHONNOUSERSITE="1", **variables) == key


def test_pythonhome_is_another_compiler(install: Install) -> None:
    host = install("a", "other-venv")
    _compile(host)
    host.compile(host.root / "work", TRAIN, variables={"PYTHONHOME": sys.base_prefix})
    assert "PYTHONHOME" in _detail(host)


def test_package_in_two_places_is_passed_on(install: Install) -> None:
    """One in site-packages, one in a directory that a .pth file adds."""
    host = install("a", "prefix")
    _compile(host)
    (added,) = host.real.parent.parent.glob("sdk-python/lib/*/site-packages")
    (added / "neuronxcc").mkdir()
    (added / "neuronxcc" / "__init__.py").write_text(OTHER_PACKAGE)
    assert host.compile(host.root / "work", TRAIN).status == 1  # that one comes first
    assert "several neuronxcc" in _detail(host)


def _upgrade_version(site: Path) -> None:
    (site / DIST_INFO).rename(site / DIST_INFO.replace("2.21.33363.0", "2.22.1.0"))


def _upgrade_record(site: Path) -> None:
    record = site / DIST_INFO / "RECORD"
    record.write_text(
        record.read_text().replace("neuronxcc/xla.py,sha256=", "neuronxcc/xla.py,sha256=A")
    )


def _upgrade_dependency(site: Path) -> None:
    metadata = site / DIST_INFO / "METADATA"
    metadata.write_text(metadata.read_text() + "Requires-Dist: helper>=1\n")
    (site / "helper-1.0.dist-info").mkdir()
    (site / "helper-1.0.dist-info" / "METADATA").write_text("Name: helper\n")


@pytest.mark.parametrize("upgrade", [_upgrade_version, _upgrade_record, _upgrade_dependency])
def test_upgraded_compiler_has_a_new_key(install: Install, upgrade: Callable[[Path], None]) -> None:
    host = install("a", "other-venv")
    before = _compile(host)
    upgrade(_site(host))
    assert _compile(host) not in ("", before)
    assert host.outcomes() == ["compiled", "compiled"]


def test_compiler_upgraded_during_a_compile_keeps_nothing(install: Install) -> None:
    host = install("a", "other-venv")
    os.mkfifo(host.count_file)  # holds the compiler at its start until somebody reads
    (host.root / "work").mkdir()
    line = ("compile", "--framework=XLA", str(TRAIN), "--target=trn1")
    process = host.start(host.root / "work", *line)
    until(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "neffcache\n")
    _upgrade_record(_site(host))
    assert host.count_file.read_text()
    assert status_of(process) == 0
    assert host.outcomes() == ["compiler_changed"]
    assert host.entries() == []


def test_sources_of_the_stand_in_are_what_the_forms_hold(install: Install) -> None:
    host = install("a", "conda")
    assert (_site(host) / "neuronxcc" / "xla.py").read_text() == (
        SOURCE / "neuronxcc" / "xla.py"
    ).read_text()
