"""Unit: a process forked from one that uses object stores refuses to, instead of hanging."""

from __future__ import annotations

import os
import subprocess
import sys

from servers.moto import Moto

_PROGRAM = """
import os, sys
from neffcache import remote
from neffcache.errors import RemoteError

def ask(opened):
    try:
        return sorted(opened.exists(["there"]))
    except RemoteError as error:
        return str(error)

def again():
    try:
        return ask(remote.open_remote(remote.parse(sys.argv[1]), dict(os.environb)))
    except RemoteError as error:
        return str(error)

early = os.fork()
if early == 0:
    print("before", again(), flush=True)
    os._exit(0)
os.waitpid(early, 0)
opened = remote.open_remote(remote.parse(sys.argv[1]), dict(os.environb))
print("parent", ask(opened), flush=True)
child = os.fork()
if child == 0:
    print("child", ask(opened), flush=True)
    print("anew", again(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print("parent", ask(opened), again(), flush=True)
"""


def test_a_forked_process_refuses_and_the_first_one_goes_on(moto: Moto) -> None:
    environ = {**moto.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, moto.remote()],
        env=environ, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    said = "object stores cannot be used in a process forked from one that uses them"
    refusal = f"{said}; start a new process instead"
    assert done.stdout.splitlines() == [
        "before []", "parent []", f"child {refusal}", f"anew {refusal}", "parent [] []",
    ]  # fmt: skip
