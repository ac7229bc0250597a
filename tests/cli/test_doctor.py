"""`neffcache doctor`: healthy here, and each thing that may be wrong is found and named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import hung
import mounts
from hosts import BIN, TRAIN, Host

# A compile cache in a bucket: the machine's own, if it has one, is none of these tests' business.
QUIET = {"NEFFCACHE_STRICT": "\0unset", "NEURON_COMPILE_CACHE_URL": "s3://bucket/cache"}


def doctor(host: Host, **variables: str) -> tuple[int, list[dict[str, Any]]]:
    done = host.neffcache("doctor", "--json", variables={**QUIET, **variables})
    assert done.err == ""
    made = json.loads(done.out)
    assert made["healthy"] == (done.status == 0)
    found: list[dict[str, Any]] = made["findings"]
    assert all(set(row) == {"topic", "level", "line", "remedy"} for row in found)
    assert all(row["remedy"] for row in found if row["level"] != "ok")
    return done.status, found


def lines(found: list[dict[str, Any]], level: str) -> list[str]:
    return [f"{row['topic']}: {row['line']}" for row in found if row["level"] == level]


def the_failure(host: Host, **variables: str) -> str:
    """The one thing that is wrong."""
    status, found = doctor(host, **variables)
    [line] = lines(found, "fail")
    assert status == 1
    return line


def the_warning(host: Host, **variables: str) -> str:
    status, found = doctor(host, **variables)
    [line] = lines(found, "warn")
    assert status == 0
    return line


def path(host: Host, *before: Path) -> str:
    return ":".join([*map(str, before), host.environ()["PATH"]])


def test_a_healthy_host(host: Host, tmp_path: Path) -> None:
    before = doctor(host)
    host.compile(tmp_path, TRAIN)
    status, found = doctor(host)
    for rows in (before[1], found):
        assert [row for row in rows if row["level"] != "ok"] == []
    assert (before[0], status) == (0, 0)
    topics = {row["topic"] for row in found}
    assert topics == {"path", "shim", "compiler", "store", "remotes", "environment", "hooks"}


def test_people_see_the_remedy(host: Host) -> None:
    done = host.neffcache("doctor", variables={**QUIET, "NEFFCACHE_DISABLE": "1"})
    assert done.status == 1
    assert "fail  settings: disable is on (environment)" in done.out
    assert "\n      -> unset it\n" in done.out
    assert "1 finding would stop hits" in done.out


def test_no_shim_on_path(host: Host) -> None:
    assert "the shim is not on PATH" in the_failure(host, PATH=f"{BIN}:/usr/bin:/bin")


def test_hooks_come_to_a_shim_that_is_not_on_path(host: Host) -> None:
    more = {"PATH": f"{BIN}:/usr/bin:/bin", "NEFFCACHE_HOOKS": "1"}
    status, found = doctor(host, **more)
    assert (status, lines(found, "fail")) == (0, [])
    [line] = [row["line"] for row in found if row["topic"] == "path" and row["level"] == "warn"]
    assert "the shim is not on PATH" in line
    assert "Python processes with the hooks" in line


def test_the_public_cache_that_hooks_ask_is_named(host: Host) -> None:
    wanted = "remotes: hf://aws-neuron/optimum-neuron-cache, the public cache: "
    off, on = (doctor(host, NEFFCACHE_HOOKS=word)[1] for word in ("0", "1"))
    assert [line for line in lines(off, "ok") if line.startswith(wanted)] == []
    [line] = [line for line in lines(on, "ok") if line.startswith(wanted)]
    assert "asked by the hooks" in line
    found = doctor(host, NEFFCACHE_HOOKS="1", HF_HUB_OFFLINE="1")[1]
    assert f"{wanted}not asked, HF_HUB_OFFLINE is set" in lines(found, "ok")
    found = doctor(host, NEFFCACHE_HOOKS="1", NEFFCACHE_HUB_EVERYBODY="0")[1]
    assert f"{wanted}not asked, NEFFCACHE_HUB_EVERYBODY is off" in lines(found, "ok")


def test_the_compiler_before_the_shim(host: Host) -> None:
    assert f"{BIN}/neuronx-cc comes before" in the_failure(host, PATH=path(host, BIN))


def test_no_compiler_behind_the_shim(host: Host) -> None:
    status, found = doctor(host, PATH=f"{host.shims}:/usr/bin:/bin")
    assert (status, len(lines(found, "fail"))) == (1, 1)


def test_a_copy_of_the_shim_is_fine(host: Host) -> None:
    other = host.root / "other"
    other.mkdir()
    shutil.copy(host.shims / "neuronx-cc", other)
    status, found = doctor(host, PATH=path(host, other))
    assert (status, lines(found, "warn")) == (0, [])


def test_another_shim_is_pointed_at(host: Host) -> None:
    other = host.root / "other"
    other.mkdir()
    (other / "neuronx-cc").write_text("#!/bin/sh\n# neffcache-shim 1\n")
    (other / "neuronx-cc").chmod(0o755)
    variables = {"PATH": f"{host.shims}:{other}:{BIN}:/usr/bin:/bin"}
    assert "another installation" in the_warning(host, **variables)


@pytest.mark.parametrize("gone", ["gone", "mode", "broken"])
def test_the_interpreter_is_gone(host: Host, gone: str) -> None:
    python = host.root / "python"
    if gone != "gone":
        python.write_text("#!/bin/sh\nexit 1\n")
        python.chmod(0o644 if gone == "mode" else 0o755)
    shim = host.shims / "neuronx-cc"
    text = shim.read_text()
    real = text.partition("    exec '")[2].partition("'")[0]
    shim.write_text(text.replace(real, str(python)))
    assert str(python) in the_failure(host)


def test_the_package_is_gone(host: Host) -> None:
    shim = host.shims / "neuronx-cc"
    shim.write_text(shim.read_text().replace("/start.py", "/gone/start.py"))
    assert "its package is gone" in the_failure(host)


def test_a_shim_of_another_version(host: Host) -> None:
    shim = host.shims / "neuronx-cc"
    shim.write_text(shim.read_text() + "# older\n")
    assert "another version wrote it" in the_warning(host)


def test_no_byte_code(host: Host, tmp_path: Path) -> None:
    """A copy of the package, with its own shim, whose byte code is then removed."""
    import neffcache

    package = tmp_path / "lib" / "neffcache"
    shutil.copytree(Path(neffcache.__file__).parent, package)
    variables = host.environ(PYTHONPATH=str(package.parent), **QUIET)

    def run(*argv: str) -> str:
        python = [os.path.realpath(BIN / "python"), "-S", "-B", "-m", "neffcache", *argv]
        done = subprocess.run(python, env=variables, capture_output=True, text=True, check=True)
        return done.stdout

    run("install", str(host.shims))
    for folder in package.rglob("__pycache__"):
        shutil.rmtree(folder)
    assert "no byte code for" in run("doctor")


def test_an_unidentified_compiler(host: Host) -> None:
    other = host.root / "other"
    other.mkdir()
    (other / "neuronx-cc").write_text("#!/bin/sh\nexit 0\n")
    (other / "neuronx-cc").chmod(0o755)
    variables = {"PATH": f"{host.shims}:{other}:/usr/bin:/bin"}
    assert "not identified" in the_failure(host, **variables)
    status, _found = doctor(host, NEFFCACHE_COMPILER_ID="mine 1", **variables)
    assert status == 0


def test_a_named_compiler_that_is_none(host: Host) -> None:
    assert "NEFFCACHE_COMPILER" in the_failure(host, NEFFCACHE_COMPILER="/gone")


@pytest.mark.parametrize("kind", ["file", "link", "mode"])
def test_a_store_that_cannot_be_used(host: Host, kind: str) -> None:
    host.store.parent.mkdir(parents=True)
    if kind == "file":
        host.store.touch()
    elif kind == "link":
        host.store.symlink_to(host.root)
    else:
        host.store.mkdir()
        host.store.chmod(0o755)
    assert str(host.store) in the_failure(host)


def test_a_store_below_a_file(host: Host) -> None:
    (host.root / "file").touch()
    assert "/file" in the_failure(host, NEFFCACHE_DIR=f"{host.root}/file/x")


def test_several_bad_settings_are_all_named(host: Host) -> None:
    status, found = doctor(
        host, NEFFCACHE_WAIT="x", NEFFCACHE_FOO="1", NEFFCACHE_REMOTES="gopher://"
    )
    assert (status, len(lines(found, "fail"))) == (1, 3)


@pytest.mark.parametrize("name", ["DISABLE", "RECACHE"])
def test_switches_that_stop_hits(host: Host, name: str) -> None:
    assert name.lower() in the_failure(host, **{f"NEFFCACHE_{name}": "1"})


@pytest.mark.parametrize("name", ["REQUIRE_HIT", "STRICT"])
def test_switches_to_know_of(host: Host, name: str) -> None:
    assert name.lower() in the_warning(host, **{f"NEFFCACHE_{name}": "1"})


def test_a_variable_that_differs_by_rank(host: Host) -> None:
    assert "NEURON_NODE_RANK=3" in the_warning(host, NEURON_NODE_RANK="3")


def test_a_variable_that_is_kept_out_is_no_warning(host: Host) -> None:
    variables = {"NEURON_NODE_RANK": "3", "NEFFCACHE_KEY_IGNORE_ENV": "NEURON_NODE*"}
    status, found = doctor(host, **variables)
    assert (status, lines(found, "warn")) == (0, [])
    said = lines(found, "ok")
    assert "environment: variables in the key: none" in said
    assert any("left out of keys on request: NEURON_NODE*" in line for line in said)


def test_a_variable_that_is_put_in_is_looked_at(host: Host) -> None:
    variables = {"MY_RANK": "3", "NEFFCACHE_KEY_EXTRA_ENV": "MY_*"}
    assert "MY_RANK=3" in the_warning(host, **variables)
    [row] = [row for row in doctor(host, **variables)[1] if row["level"] == "warn"]
    assert "NEFFCACHE_KEY_EXTRA_ENV" in row["remedy"]


def test_a_remote_that_answers(host: Host) -> None:
    (host.root / "remote").mkdir()
    status, found = doctor(host, NEFFCACHE_REMOTES=f"file://{host.root}/remote")
    assert (status, lines(found, "warn")) == (0, [])
    assert any("answers (rw)" in line for line in lines(found, "ok"))
    assert not os.listdir(host.root / "remote")


def test_a_remote_that_is_not_there(host: Host) -> None:
    url = f"file://{host.root}/not/mounted"
    assert "does not answer" in the_warning(host, NEFFCACHE_REMOTES=url)


def test_a_remote_without_its_credential(host: Host) -> None:
    url = f"file://{host.root}/remote?credential=env:TOKEN_A"
    assert "TOKEN_A is not set" in the_warning(host, NEFFCACHE_REMOTES=url)


def test_a_store_in_memory_without_a_remote(host: Host) -> None:
    store = {"NEFFCACHE_DIR": "/dev/shm/neffcache-doctor-test"}
    assert "it may be gone" in the_warning(host, **store)


def test_a_store_in_memory_with_a_remote(host: Host) -> None:
    (host.root / "remote").mkdir()
    variables = {
        "NEFFCACHE_DIR": "/dev/shm/neffcache-doctor-test",
        "NEFFCACHE_REMOTES": f"file://{host.root}/remote",
    }
    _status, found = doctor(host, **variables)
    [warning] = [row for row in found if row["level"] == "warn"]
    assert "NEFFCACHE_UPLOAD_WAIT" in warning["remedy"]
    status, found = doctor(host, NEFFCACHE_UPLOAD_WAIT="30", **variables)
    assert (status, lines(found, "warn")) == (0, [])


@pytest.mark.skipif(bool(hung.why_not()), reason=hung.why_not() or "-")
def test_a_remote_whose_stat_never_returns(host: Host, tmp_path: Path) -> None:
    place = tmp_path / "hung"
    place.mkdir()
    variables = {"NEFFCACHE_REMOTES": f"file://{place}", "NEFFCACHE_REMOTE_TIMEOUT": "1"}
    with hung.mount(place):
        assert "silent for 1 s" in the_warning(host, **variables)


def test_a_store_on_a_read_only_disk(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path, TRAIN)
    with mounts.read_only(host.store):
        assert "read-only" in the_warning(host)
        assert host.neffcache("stats").status == 0
        assert host.neffcache("explain").status == 0
        done = host.neffcache("stats", "--zero")
    assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)
