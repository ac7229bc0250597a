"""The switches of the tests: SDKSTANDIN_* variables, none of which a cache key may contain."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass

from neuronxcc.errors import CompileError


@dataclass(frozen=True)
class Switches:
    """See README.md for what each does."""

    sleep: float = 0.0
    fail: str = ""
    neff_mb: int = 0
    memory_mb: int = 0
    count: str = ""
    calls: str = ""
    dump: str = ""
    wrapped: str = ""
    salt: str = ""
    fake: bool = False

    @staticmethod
    def read(environ: Mapping[str, str]) -> Switches:
        def get(name: str) -> str:
            return environ.get(f"SDKSTANDIN_{name}", "")

        return Switches(
            sleep=float(get("SLEEP") or 0),
            fail=get("FAIL"),
            neff_mb=int(get("NEFF_MB") or 0),
            memory_mb=int(get("MEMORY_MB") or 0),
            count=get("COUNT"),
            calls=get("CALLS"),
            dump=get("DUMP"),
            wrapped=get("WRAPPED"),
            salt=get("SALT"),
            fake=get("FAKE") not in ("", "0"),
        )

    def before(self) -> None:
        """What happens while the compiler works, before it reads the graph."""
        held = bytearray(self.memory_mb << 20)
        for page in range(0, len(held), 4096):  # touched, or the kernel gives no memory
            held[page] = 1
        time.sleep(self.sleep)
        if self.fail.startswith("exit") and self.fail != "exit0":
            number = int(self.fail[4:])
            if number == 70:
                raise CompileError("NCC_EINT001", "internal error (SDKSTANDIN_FAIL)")
            raise SystemExit(number)
        if self.fail.startswith("sig"):
            die(int(self.fail[3:]))

    @property
    def no_neff(self) -> bool:
        return self.fail in ("none", "exit0")


def die(number: int) -> None:
    """Die by a signal, whatever this process did with it before."""
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    time.sleep(60)  # the signal may reach us a moment later


def append_line(path: str, what: dict[str, object]) -> None:
    """Append one JSON line in one write, so that concurrent processes never mix theirs."""
    line = json.dumps({"pid": os.getpid(), "time": time.time(), **what}) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
