"""`neffcache run`: the command as it was asked for, the cache around it, nothing else changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from cli.sites import compiling
from hosts import BIN, FORWARD, TRAIN, Done, Host
from mounts import read_only
from running import end_all

LINE = ("compile", "--framework=XLA", str(TRAIN), "--output", "out.neff", "--target=trn1")
_SHOW = "import json, os, sys; print(json.dumps(dict(os.environ)))"


def run(host: Host, *argv: str, variables: Mapping[str, str] | None = None) -> Done:
    """`neffcache run argv`, ended together with what it started; PATH holds no shim."""
    bare = f"{host.real}:/usr/local/bin:/usr/bin:/bin"
    try:
        return host.neffcache("run", *argv, variables={"PATH": bare, **(variables or {})})
    finally:
        end_all(host.root)


def environment(done: Done) -> dict[str, str]:
    """What a command found that showed its environment."""
    made = json.loads(done.out)
    assert isinstance(made, dict)
    return made


@pytest.mark.parametrize("status", [0, 1, 3, 70, 255])
def test_the_status_is_the_commands(host: Host, status: int) -> None:
    done = run(host, "--", "sh", "-c", f"echo out; exit {status}")
    assert (done.status, done.out) == (status, "out\n")


def test_stderr_gets_the_commands_lines_and_one_of_ours(host: Host) -> None:
    done = run(host, "--", "sh", "-c", "echo oops >&2")
    assert done.err == "oops\nneffcache: 0 hits, 0 compiled, 0 uploaded\n"


def test_quiet_says_nothing(host: Host) -> None:
    done = run(host, "--quiet", "--", "sh", "-c", "exit 5")
    assert (done.status, done.out, done.err) == (5, "", "")


def test_arguments_arrive_as_they_are(host: Host) -> None:
    words = ["", "a b", "--", "--quiet", "$HOME", "*", "\n"]
    show = "import sys; print(repr(sys.argv[1:]))"
    done = run(host, "--", sys.executable, "-c", show, *words)
    assert done.out == f"{words!r}\n"


def test_a_compile_by_its_bare_name_goes_through_the_cache(host: Host) -> None:
    done = run(host, "--", "sh", "-c", compiling(TRAIN, TRAIN, FORWARD))
    assert (done.status, host.compiles) == (0, 2)
    assert host.outcomes() == ["compiled", "hit_local", "compiled"]
    assert done.err.splitlines()[-1].startswith(
        "neffcache: 1 hit (1 local, 0 remote), 2 compiled, 0 uploaded, "
    )
    assert done.err.endswith(" saved\n")


def test_failures_and_calls_passed_on_are_counted_too(host: Host) -> None:
    script = f"{compiling(TRAIN)}; neuronx-cc --version"
    done = run(host, "--", "sh", "-c", script, variables={"SDKSTANDIN_FAIL": "exit70"})
    assert "0 hits, 0 compiled, 1 failed, 1 passed on, 0 uploaded" in done.err


def test_the_line_counts_this_job_alone(host: Host) -> None:
    host.compile(host.root / "before", TRAIN)
    done = run(host, "--", "sh", "-c", compiling(TRAIN))
    assert "1 hit (1 local, 0 remote), 0 compiled" in done.err
    jobs = [record.get("job") for record in host.journal()]
    assert jobs[0] is None
    assert str(jobs[1]).startswith("job@")


def test_two_jobs_have_two_names_and_keep_the_users(host: Host) -> None:
    named = {"NEFFCACHE_JOB": "llama"}
    for _ in range(2):
        run(host, "--", "sh", "-c", compiling(TRAIN), variables=named)
    jobs = [str(record["job"]) for record in host.journal()]
    assert len(set(jobs)) == 2
    assert all(job.startswith("llama@") for job in jobs)


def test_a_job_leaves_no_directory_behind(host: Host) -> None:
    run(host, "--", "sh", "-c", compiling(TRAIN))
    assert list((host.store / "jobs").iterdir()) == []


def test_the_environment_is_the_callers_but_for_three_variables(host: Host) -> None:
    variables = {"LC_ALL": "", "LANG": "C", "ODD": "\udcff\n"}  # Python coerces this locale
    done = run(host, "--", sys.executable, "-ISc", _SHOW, variables=variables)
    plain = host.environ(PATH=f"{host.real}:/usr/local/bin:/usr/bin:/bin", **variables)
    bare = subprocess.run(
        [sys.executable, "-ISc", _SHOW], env=plain, capture_output=True, check=True, text=True
    )
    found, wanted = environment(done), json.loads(bare.stdout)
    assert found.pop("NEFFCACHE_JOB")
    assert found.pop("NEFFCACHE_HOOKS") == "1"
    path = found.pop("PATH")
    assert path == f"{host.store}/bin:{wanted.pop('PATH')}"
    assert found == wanted


def test_a_locale_of_pythons_own_is_not_handed_on(host: Host) -> None:
    """Looked at with a program that puts none there itself."""
    found = run(host, "--", "env", variables={"LANG": "\0unset"}).out
    assert "LC_CTYPE" not in found


@pytest.mark.parametrize(
    ("options", "variables"),
    [
        (["--no-hooks"], {}),
        (["--no-hooks"], {"NEFFCACHE_HOOKS": "1"}),
        ([], {"NEFFCACHE_HOOKS": "0"}),
    ],
)
def test_hooks_can_be_left_off(host: Host, options: list[str], variables: dict[str, str]) -> None:
    done = run(host, *options, "--", "env", variables=variables)
    assert "NEFFCACHE_HOOKS=" not in done.out


def test_without_path_the_command_is_still_found(host: Host) -> None:
    done = run(host, "--", "sh", "-c", "echo $PATH", variables={"PATH": "\0unset"})
    assert (done.status, done.out) == (0, f"{host.store}/bin:/bin:/usr/bin\n")


@pytest.mark.parametrize("argv", [[], ["--"], ["--quiet"], ["--grace", "5", "--"]])
def test_without_a_command_it_is_used_wrongly(host: Host, argv: list[str]) -> None:
    done = run(host, *argv)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert "neffcache run -- torchrun" in done.err
    assert not host.store.exists()


@pytest.mark.parametrize("option", ["--grace", "--flush-timeout"])
@pytest.mark.parametrize("value", ["soon", "-1", "nan"])
def test_a_wrong_number_of_seconds_is_named(host: Host, option: str, value: str) -> None:
    done = run(host, option, value, "--", "true")
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert value in done.err


def test_a_command_that_is_not_there_is_127(host: Host, tmp_path: Path) -> None:
    for name in ("no-such-command", str(tmp_path / "nothing"), ""):
        done = run(host, "--", name)
        assert (done.status, done.out, done.err.count("\n")) == (127, "", 1)
        assert name in done.err


def test_a_command_that_cannot_be_executed_is_126(host: Host, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("echo no\n")
    for name in (str(plain), str(tmp_path)):
        done = run(host, "--", name)
        assert (done.status, done.out, done.err.count("\n")) == (126, "", 1)
        assert name in done.err


def test_a_script_without_its_interpreter_is_one_line(host: Host, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    done = run(host, "--", str(script))
    assert (done.status, done.err.count("\n")) == (127, 1)
    assert f"{script}: what shall run it" in done.err


def test_a_script_without_a_first_line_runs_in_sh(host: Host, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo $1\n")
    script.chmod(0o755)
    done = run(host, "--", str(script), "word")
    assert (done.status, done.out) == (0, "word\n")


def test_standard_input_is_the_commands(host: Host) -> None:
    process = subprocess.Popen(
        [BIN / "neffcache", "run", "--", "cat"],
        env=host.environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, _err = process.communicate(b"\0words\n" * 9999, timeout=60)
    end_all(host.root)
    assert (process.returncode, out) == (0, b"\0words\n" * 9999)


def test_nobody_needs_to_listen(host: Host) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [BIN / "neffcache", "run", "--", "sh", "-c", "exit 9"],
        env=host.environ(),
        stderr=writer,
        check=False,
    )
    os.close(writer)
    end_all(host.root)
    assert process.returncode == 9


def test_a_job_within_a_job_is_the_outer_one(host: Host) -> None:
    inner = f"{BIN / 'neffcache'} run -- sh -c '{compiling(TRAIN)}; env; exit 6'"
    done = run(host, "--", "sh", "-c", inner)
    assert done.status == 6
    assert done.err.count("neffcache: ") == 1
    assert "1 compiled" in done.err
    path = next(line for line in done.out.splitlines() if line.startswith("PATH="))
    assert path.count(f"{host.store}/bin") == 1


def test_a_name_left_over_from_a_job_is_no_job(host: Host) -> None:
    """As in a shell that was started within one and lives on."""
    done = run(host, "--", "env", variables={"NEFFCACHE_JOB": "job@1-2-3"})
    assert "neffcache: 0 hits" in done.err
    assert "NEFFCACHE_JOB=job@1-2-3\n" not in done.out


def test_switched_off_the_command_runs_alone(host: Host) -> None:
    done = run(host, "--", "sh", "-c", "env; exit 4", variables={"NEFFCACHE_DISABLE": "1"})
    assert (done.status, done.err.count("\n")) == (4, 1)
    assert "NEFFCACHE_DISABLE" in done.err
    assert "NEFFCACHE_JOB" not in done.out
    assert not host.store.exists()


@pytest.mark.parametrize(
    ("name", "value"), [("NEFFCACHE_UPLOAD", "later"), ("NEFFCACHE_REMOTES", "gopher://x")]
)
def test_a_wrong_setting_is_said_before_anything_starts(host: Host, name: str, value: str) -> None:
    done = run(host, "--", "echo", "started", variables={name: value})
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert name in done.err


@pytest.mark.parametrize("strict", ["1", ""])
def test_with_a_broken_store_the_command_runs_nevertheless(host: Host, strict: str) -> None:
    host.store.parent.mkdir()
    host.store.write_text("in its place\n")
    done = run(host, "--", "sh", "-c", "echo ran; exit 8", variables={"NEFFCACHE_STRICT": strict})
    assert (done.status, done.out, done.err.count("\n")) == (8, "ran\n", 1)
    assert str(host.store) in done.err


def test_where_the_store_takes_no_shim_it_lies_in_the_users_cache(host: Host) -> None:
    host.store.mkdir(mode=0o700, parents=True)
    (host.store / "bin").write_text("in its place\n")
    done = run(host, "--", "sh", "-c", f"command -v neuronx-cc; {compiling(TRAIN)}")
    assert done.out.startswith(f"{host.home}/.cache/neffcache/bin/neuronx-cc\n")
    assert host.outcomes() == ["compiled"]
    assert done.err.count("\n") == 1


def test_a_shim_in_a_read_only_store_is_used_or_put_elsewhere(host: Host) -> None:
    run(host, "--", "true")
    (host.store / "bin" / "neuronx-cc").unlink()
    with read_only(host.store):
        done = run(host, "--", "sh", "-c", "command -v neuronx-cc; exit 3")
    assert done.status == 3
    assert done.out == f"{host.home}/.cache/neffcache/bin/neuronx-cc\n"


def test_where_no_shim_can_be_written_one_line_says_so(host: Host) -> None:
    host.store.mkdir(mode=0o700, parents=True)
    (host.store / "bin").write_text("in its place\n")
    (host.home / ".cache").write_text("in its place\n")
    done = run(host, "--", "sh", "-c", "echo ran; exit 3")
    assert (done.status, done.out) == (3, "ran\n")
    said = [line for line in done.err.splitlines() if "can be put on PATH" in line]
    assert len(said) == 1


def test_a_shim_that_is_current_is_left_alone(host: Host) -> None:
    run(host, "--", "true")
    shim = host.store / "bin" / "neuronx-cc"
    before = shim.stat().st_ino
    run(host, "--", "true")
    assert shim.stat().st_ino == before
    shim.write_text(shim.read_text().replace("(", "(9.9.", 1))
    run(host, "--", "true")
    assert shim.stat().st_ino != before


def test_the_overview_and_the_help_name_it(host: Host) -> None:
    assert "\n  run " in host.neffcache("--help").out
    assert "example:\n  neffcache run -- " in host.neffcache("run", "--help").out
