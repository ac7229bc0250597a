"""`neffcache run` where it is used wrongly, or in an odd place: one line that says what to do."""

from __future__ import annotations

import pytest

from cli.test_run import run
from hosts import BIN, Host


@pytest.mark.parametrize("argv", [["python", "train.py", "--lr", "3"], ["python", "--", "x.py"]])
def test_a_command_without_the_dashes_is_told_where_they_go(host: Host, argv: list[str]) -> None:
    done = run(host, "--quiet", *argv)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert "'python': write `--` before the command" in done.err


def test_a_directory_that_is_gone_is_named(host: Host) -> None:
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" run -- echo out'
    done = run(host, "--", "sh", "-c", f"unset NEFFCACHE_JOB; {script}", str(BIN / "neffcache"))
    assert (done.status, done.out) == (0, "out\n")
    assert "the working directory is gone" in done.err
