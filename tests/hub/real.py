"""Hub: the real client, of some version and some interpreter, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

from hub import clients
from hub.peer import Peer

_TIMEOUT = 100
_START = """
import io, json, os, sys
from huggingface_hub import CommitOperationAdd as Add, CommitOperationDelete as Delete, HfApi
from huggingface_hub.errors import *
api, given, found = HfApi(), json.load(sys.stdin), {}
def content(path):
    with open(path, "rb") as file:
        return file.read()
def refusal(call, *args, **keywords):
    try:
        call(*args, **keywords)
    except Exception as error:
        response = getattr(error, "response", None)
        return [type(error).__name__, getattr(response, "status_code", 0), str(error)]
    return ["", 0, ""]
"""
NEWEST = "2"
# The environments of the others, made where that may be done.
OLDER = {"1.33": "hub-1.33", "0.36": "hub-0.36"}


@dataclass(frozen=True)
class RealClient:
    """One version of huggingface_hub, with Xet or without; `home` is its user's, empty."""

    python: Path
    home: Path
    xet: bool

    def run(
        self,
        peer: Peer,
        code: str,
        given: object = None,
        *,
        token: str = "hf_alice_write",
        **variables: str,
    ) -> Any:
        """Run lines that use `api`, `given`, and leave an answer in `found`; that answer."""
        environ = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "HF_HUB_DISABLE_XET": "0" if self.xet else "1",
            **peer.environ(token),
            **variables,
        }
        program = f"{_START}{dedent(code)}\nprint(json.dumps(found))"
        done = subprocess.run(
            [str(self.python), "-c", program],
            cwd=self.home,
            env=environ,
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


def versions() -> list[str]:
    """The versions of the client that this run has: all in CI, else the newest."""
    return [NEWEST] if clients.why_not() else [NEWEST, *OLDER]


def python_with(version: str) -> Path:
    """The interpreter that has this version of the client."""
    return Path(sys.executable) if version == NEWEST else clients.python_of(OLDER[version])
