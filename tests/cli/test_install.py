"""`neffcache install` and `neffcache env`: what they write, what they refuse."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from hosts import BIN, TRAIN, Host, run_neffcache

SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)]
ODD = ["plain", "a b", "a'b", 'a"b', "$HOME`id`", "é*?", "-n"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002, 0])
def test_the_shim_is_an_executable_regular_file(host: Host, tmp_path: Path, umask: int) -> None:
    script = f"umask {umask:o}; exec '{BIN}/neffcache' install '{tmp_path}/bin'"
    subprocess.run(["sh", "-c", script], env=host.environ(), check=True, capture_output=True)
    mode = (tmp_path / "bin" / "neuronx-cc").lstat().st_mode
    assert stat.S_ISREG(mode)
    assert stat.S_IMODE(mode) == 0o755 & ~umask


def test_installing_twice_changes_nothing(host: Host, tmp_path: Path) -> None:
    host.neffcache("install", str(tmp_path))
    before = (tmp_path / "neuronx-cc").read_bytes()
    assert host.neffcache("install", str(tmp_path)).status == 0
    assert (tmp_path / "neuronx-cc").read_bytes() == before
    assert [path.name for path in tmp_path.glob("*neuronx*")] == ["neuronx-cc"]


def test_an_older_shim_is_replaced(host: Host, tmp_path: Path) -> None:
    old = tmp_path / "neuronx-cc"
    old.write_text("#!/bin/sh\n# neffcache-shim 1\nexit 9\n")
    assert host.neffcache("install", str(tmp_path)).status == 0
    assert "exit 9" not in old.read_text()


@pytest.mark.parametrize("kind", ["compiler", "empty", "directory", "link", "dangling", "pipe"])
def test_what_is_not_ours_is_never_overwritten(host: Host, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bin" / "neuronx-cc"
    path.parent.mkdir()
    if kind == "directory":
        path.mkdir()
    elif kind in ("link", "dangling"):
        path.symlink_to(host.shims / "neuronx-cc" if kind == "link" else "/gone")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_text("#!/usr/bin/python\n" if kind == "compiler" else "")
    before = _state(path)
    done = host.neffcache("install", str(path.parent))
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert str(path) in done.err
    assert _state(path) == before


def _state(path: Path) -> tuple[int, ...]:
    found = path.lstat()
    return found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns


def test_a_directory_that_cannot_be_written_is_one_line(host: Host) -> None:
    done = host.neffcache("install", "/proc/none")
    assert (done.status, done.err.count("\n")) == (1, 1)


def test_a_relative_directory_is_taken_from_here(host: Host) -> None:
    assert host.neffcache("install", "some/bin").status == 0
    assert (host.root / "some/bin/neuronx-cc").exists()


def test_the_package_is_byte_compiled(host: Host, tmp_path: Path) -> None:
    """Also when the installing process keeps its own byte code elsewhere, or writes none."""
    package = tmp_path / "lib" / "neffcache"
    import neffcache

    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(neffcache.__file__).parent, package, ignore=ignore)
    variables = {
        "PYTHONPATH": str(package.parent),
        "PYTHONPYCACHEPREFIX": str(tmp_path / "elsewhere"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = _run_copy(host, ["install", str(tmp_path / "bin")], variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert str(package) in (tmp_path / "bin" / "neuronx-cc").read_text()
    sources = {path.stem for path in package.glob("*.py")}
    assert {path.name.partition(".")[0] for path in package.glob("__pycache__/*.pyc")} == sources


def test_install_says_so_when_it_cannot_byte_compile(host: Host, tmp_path: Path) -> None:
    package = tmp_path / "lib" / "neffcache"
    import neffcache

    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(neffcache.__file__).parent, package, ignore=ignore)
    for folder in (package, *(path for path in package.rglob("*") if path.is_dir())):
        (folder / "__pycache__").write_text("in the way")
    variables = {"PYTHONPATH": str(package.parent)}
    done = _run_copy(host, ["install", str(tmp_path / "bin")], variables)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert "no byte code" in done.stderr


def _run_copy(
    host: Host, argv: list[str], variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Another copy of the package, by an interpreter that sees no installed one."""
    python = os.path.realpath(BIN / "python")
    return subprocess.run(
        [python, "-S", "-m", "neffcache", *argv],
        env=host.environ(**variables),
        capture_output=True,
        text=True,
        check=False,
    )


def test_env_prints_one_line_and_installs(host: Host) -> None:
    done = host.neffcache("env")
    shim = host.store / "bin" / "neuronx-cc"
    assert done.out == f"export PATH='{shim.parent}':\"$PATH\"\n"
    assert os.access(shim, os.X_OK)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", ODD)
def test_env_is_safe_to_eval(host: Host, tmp_path: Path, shell: str, name: str) -> None:
    directory = tmp_path / name
    script = f'eval "$("{BIN}/neffcache" env "$1")"; command -v neuronx-cc'
    done = subprocess.run(
        [shell, "-c", script, "sh", str(directory)],
        env=host.environ(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{directory}/neuronx-cc\n"


def test_env_twice_adds_once(host: Host) -> None:
    script = f"""
        eval "$('{BIN}/neffcache' env)"; first=$PATH
        eval "$('{BIN}/neffcache' env)"; [ "$first" = "$PATH" ]
    """
    subprocess.run(["sh", "-c", script], env=host.environ(), check=True)


def test_env_puts_it_first_again_when_something_came_before(host: Host) -> None:
    script = f"""
        eval "$('{BIN}/neffcache' env)"; PATH=/usr/bin:$PATH
        eval "$('{BIN}/neffcache' env)"; command -v neuronx-cc
    """
    done = subprocess.run(
        ["sh", "-c", script], env=host.environ(), check=True, capture_output=True, text=True
    )
    assert done.stdout == f"{host.store}/bin/neuronx-cc\n"


def test_the_installed_shim_hits(host: Host, tmp_path: Path) -> None:
    host.neffcache("install", str(host.shims))
    host.compile(tmp_path / "a", TRAIN)
    host.compile(tmp_path / "b", TRAIN)
    assert host.outcomes() == ["compiled", "hit_local"]


def test_the_recorded_interpreter_is_behind_every_link(host: Host, tmp_path: Path) -> None:
    run_neffcache(["install", str(tmp_path / "bin")], host.environ(), host.root)
    text = (tmp_path / "bin" / "neuronx-cc").read_text()
    python = text.partition("    exec '")[2].partition("'")[0]
    assert not os.path.islink(python)
    assert os.path.realpath(BIN / "python") == python
