"""Story: how far the compiler's files are trusted, and who vouches for one that nothing proves."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hosts import TRAIN, Host
from story.doubles import status_of
from test_sdk.forms import DIST_INFO, make_form
from waiting import until

VENV = Path(sys.executable).parent.parent
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
MODES = ("record", "stat", "content")
EDITED = "neuronxcc/xla.py"
Install = Callable[..., Host]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """A host of that name with an SDK of its own, and further variables."""

    def made(name: str, kind: str = "other-venv", **variables: str) -> Host:
        script = make_form(kind, tmp_path / name / "sdk", VENV)
        return Host(tmp_path / name / "host", {"SDKSTANDIN_FAKE": "1", **variables}, script.parent)

    return made


def _site(host: Host) -> Path:
    return host.real.parent / "lib" / VERSION / "site-packages"


def _compile(host: Host, **variables: str) -> str:
    """Compile; the key, "" when there was none."""
    host.compile(host.root / "work", TRAIN, variables=variables)
    return str(host.journal()[-1].get("key", ""))


def _edit(host: Host, text: str) -> None:
    with open(_site(host) / EDITED, "a") as file:
        file.write(f"# {text}\n")


def test_an_unedited_compiler_has_one_key_on_every_host_in_every_mode(install: Install) -> None:
    hosts = [install(mode, NEFFCACHE_COMPILER_CHECK=mode) for mode in MODES]
    keys = [_compile(host) for host in hosts for _again in range(2)]
    assert len(set(keys)) == 1
    assert [host.outcomes() for host in hosts] == [["compiled", "hit_local"]] * 3


@pytest.mark.parametrize("mode", ["stat", "content"])
def test_an_edited_compiler_is_another_one(install: Install, mode: str) -> None:
    one, two = (install(name, NEFFCACHE_COMPILER_CHECK=mode) for name in ("one", "two"))
    plain = _compile(one)
    _edit(one, "one")
    _edit(two, "two")
    keys = {plain, _compile(one), _compile(two)}
    assert len(keys) == 3
    assert "" not in keys
    assert one.outcomes() == ["compiled", "compiled"]
    assert EDITED in one.neffcache("explain").out


def test_record_believes_what_the_installer_wrote(install: Install) -> None:
    host = install("one", NEFFCACHE_COMPILER_CHECK="record")
    before = _compile(host)
    _edit(host, "edited")
    assert _compile(host) == before


def test_a_compiler_edited_during_a_compile_keeps_nothing(install: Install) -> None:
    host = install("one", NEFFCACHE_COMPILER_CHECK="content")
    os.mkfifo(host.count_file)  # holds the compiler at its start until somebody reads
    line = ("compile", "--framework=XLA", str(TRAIN), "--target=trn1")
    process = host.start(host.root / "work", *line)
    until(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "neffcache\n")
    _edit(host, "edited")
    assert host.count_file.read_text()
    assert status_of(process) == 0
    assert host.outcomes() == ["compiler_changed"]
    assert host.entries() == []


@pytest.mark.parametrize("mode", MODES)
def test_the_compiler_is_started_to_compile_and_for_nothing_else(
    install: Install, mode: str
) -> None:
    host = install("one", NEFFCACHE_COMPILER_CHECK=mode)
    calls = host.root / "calls"
    for _ in range(3):
        _compile(host, SDKSTANDIN_CALLS=str(calls))
    assert host.outcomes() == ["compiled", "hit_local", "hit_local"]
    assert len(calls.read_text().splitlines()) == 1


def _no_metadata(host: Host) -> dict[str, str]:
    shutil.rmtree(_site(host) / DIST_INFO)
    return {}


def _on_pythonpath(host: Host) -> dict[str, str]:
    other = host.root / "other"
    shutil.copytree(_site(host) / "neuronxcc", other / "neuronxcc")
    return {"PYTHONPATH": str(other)}


def _in_an_archive(host: Host) -> dict[str, str]:
    made = shutil.make_archive(str(host.root / "other"), "zip", _site(host), "neuronxcc")
    return {"PYTHONPATH": made}


def _home(_host: Host) -> dict[str, str]:
    return {"PYTHONHOME": sys.base_prefix}


def _of_the_user(host: Host) -> dict[str, str]:
    site = host.home / ".local" / "lib" / VERSION / "site-packages"
    shutil.copytree(_site(host) / "neuronxcc", site / "neuronxcc")
    return {}


def _added_by_the_user(host: Host) -> dict[str, str]:
    """As `pip install --user --editable` does."""
    site = host.home / ".local" / "lib" / VERSION / "site-packages"
    shutil.copytree(_site(host) / "neuronxcc", host.root / "src" / "neuronxcc")
    site.mkdir(parents=True)
    (site / "x.pth").write_text(f"import sys\n# no\n\n{host.root / 'src'}\n")
    return {}


def _nothing(_host: Host) -> dict[str, str]:
    return {}


# What hides the package, the form it is done to, and a word of the reason.
HIDDEN: dict[str, tuple[str, Callable[[Host], dict[str, str]], str]] = {
    "editable": ("editable", _nothing, "editable"),
    "container script": ("probe", _nothing, "not run by a Python"),
    "no dist-info": ("other-venv", _no_metadata, "dist-info"),
    "PYTHONPATH": ("other-venv", _on_pythonpath, "PYTHONPATH="),
    "archive on PYTHONPATH": ("other-venv", _in_an_archive, "PYTHONPATH="),
    "PYTHONHOME": ("other-venv", _home, "PYTHONHOME"),
    "user site": ("conda", _of_the_user, "the user's"),
    "user site by a .pth file": ("conda", _added_by_the_user, "the user's"),
}


@pytest.mark.parametrize("how", HIDDEN)
def test_a_compiler_that_nothing_proves_needs_a_name(install: Install, how: str) -> None:
    """Without one it is passed on with the reason; with one it has a key of its own."""
    kind, hide, reason = HIDDEN[how]
    host = install("one", kind)
    variables = hide(host)
    assert _compile(host, **variables) == ""
    last = host.journal()[-1]
    assert last["outcome"] == "compiler_unidentified"
    assert reason in str(last["detail"])
    keys = [_compile(host, NEFFCACHE_COMPILER_ID=name, **variables) for name in ("a", "b", "a")]
    assert keys[0] == keys[2] != keys[1]
    assert "" not in keys
