"""The command line as a whole: help, statuses, one line for every mistake, quiet pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hosts import BIN, Host

COMMANDS = ("install", "env", "stats", "explain", "key", "config", "remotes", "doctor", "flush")
WRONG = [
    ([], "no command"),
    (["stat"], "did you mean stats?"),
    (["frobnicate"], "unknown command 'frobnicate'"),
    (["\x1b[31m"], "unknown command"),
    (["stats", "--foo"], "--foo"),
    (["stats", "extra"], "extra"),
    (["stats", "--js"], "--js"),
    (["install"], "DIR"),
    (["install", "a", "b"], "b"),
    (["install", "/dev/null"], "/dev/null is not a directory"),
    (["install", "/dev/null/x"], "/dev/null/x is not a directory"),
    (["install", "/tmp/a:b"], "colon"),
    (["env", "/tmp/a\nb"], "line break"),
    (["explain", "--last", "0"], "'0'"),
    (["explain", "--last", "-1"], "-1"),
    (["explain", "--last", "x"], "'x'"),
    (["explain", "--last", "9" * 5000], "999"),
    (["explain", "abc"], "'abc'"),
    (["explain", "zzzzzzz"], "'zzzzzzz'"),
    (["explain", "a" * 65], "aaa"),
    (["explain", "abcdef", "--last", "2"], "--last"),
    (["key"], "GRAPH"),
    (["key", "--level", "loose", "a"], "loose"),
    (["key", "a", "b", "c"], "c"),
    (["key", "--", "a"], "GRAPH"),
    (["key", "a", "--target=trn1"], "--target"),
    (["key", "a", "b", "--", "--target=trn1"], "flags go with one graph"),
    (["config", "--json", "--markdown"], "--markdown"),
    (["flush", "--timeout", "soon"], "'soon'"),
    (["flush", "--timeout", "-1"], "-1"),
    (["flush", "--timeout", "nan"], "'nan'"),
]
BAD_SETTINGS = [
    ("NEFFCACHE_MAX_SIZE", "plenty"),
    ("NEFFCACHE_WAIT", "-5"),
    ("NEFFCACHE_GRACE", "soon"),
    ("NEFFCACHE_DISABLE", "maybe"),
    ("NEFFCACHE_COLOUR", "green"),
    ("NEFFCACHE_DIR", "relative/path"),
    ("NEFFCACHE_CONFIG", "/dev/null/x"),
    ("NEFFCACHE_REMOTES", "gopher://x"),
    ("NEFFCACHE_REMOTES", "file://relative"),
    ("NEFFCACHE_REMOTES", "file:///x?mode=maybe"),
    ("NEFFCACHE_REMOTES", "nonsense"),
]


@pytest.mark.parametrize(("argv", "said"), WRONG)
def test_a_mistake_is_status_2_and_one_line(host: Host, argv: list[str], said: str) -> None:
    done = host.neffcache(*argv)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err
    assert "\x1b" not in done.err


def test_arguments_that_are_no_text_are_shown_escaped(host: Host) -> None:
    done = subprocess.run(
        [os.fsencode(BIN / "neffcache"), b"stats", b"\xff\x1b[0m"],
        env=host.environ(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"\\xff\\x1b[0m" in done.stderr


@pytest.mark.parametrize(("name", "value"), BAD_SETTINGS)
@pytest.mark.parametrize("command", ["stats", "explain", "env", "flush", "config"])
def test_a_bad_setting_is_status_2_and_one_line(
    host: Host, command: str, name: str, value: str
) -> None:
    done = host.neffcache(command, variables={name: value})
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert name in done.err
    assert "; " in done.err  # what is wrong; what to do
    assert "could not convert" not in done.err  # Python's words


@pytest.mark.parametrize("argv", [["--help"], ["-h"], *([name, "--help"] for name in COMMANDS)])
def test_help_is_given_with_an_example(host: Host, argv: list[str]) -> None:
    done = host.neffcache(*argv)
    assert (done.status, done.err) == (0, "")
    assert "example:\n  " in done.out
    assert "status: 0 fine" in done.out


@pytest.mark.parametrize("argv", [["--version"], ["-V"]])
def test_version(host: Host, argv: list[str]) -> None:
    done = host.neffcache(*argv)
    assert done.status == 0
    assert done.out.startswith("neffcache ")


def test_the_module_is_the_command(host: Host) -> None:
    argv = [sys.executable, "-m", "neffcache", "--version"]
    done = subprocess.run(argv, env=host.environ(), capture_output=True, text=True, check=True)
    assert done.stdout == host.neffcache("--version").out


@pytest.mark.parametrize("command", ["stats", "config", "doctor", "--help"])
def test_a_reader_that_leaves_is_no_error(host: Host, command: str) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [BIN / "neffcache", command],
        env=host.environ(),
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert done.stderr == b""
    assert done.returncode == host.neffcache(command).status


def test_a_full_disk_is_said_in_one_line(host: Host) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [BIN / "neffcache", "config"],
            env=host.environ(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "No space left" in done.stderr


def test_closed_outputs_are_no_fault(host: Host) -> None:
    script = f"exec '{BIN}/neffcache' stats >&- 2>&-"
    done = subprocess.run(["sh", "-c", script], env=host.environ(), check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
def test_any_locale_will_do(host: Host, locale: str, tmp_path: Path) -> None:
    odd = tmp_path / "größe"
    odd.mkdir()
    variables = {"LANG": locale, "LC_ALL": locale, "NEFFCACHE_DIR": str(odd)}
    done = host.neffcache("stats", variables={**variables, "PYTHONCOERCECLOCALE": "0"})
    assert (done.status, done.err) == (0, "")


def test_a_store_that_cannot_be_used_is_status_1(host: Host, tmp_path: Path) -> None:
    path = tmp_path / f"store-{os.geteuid()}"
    path.write_text("a file")
    for command in ("stats", "explain", "flush", "env"):
        done = host.neffcache(command, variables={"NEFFCACHE_DIR": str(tmp_path)})
        assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)
        assert str(path) in done.err


@pytest.mark.parametrize("command", ["stats", "explain", "config", "remotes", "doctor", "flush"])
def test_looking_makes_no_store(host: Host, command: str) -> None:
    host.neffcache(command)
    assert not host.store.exists()
