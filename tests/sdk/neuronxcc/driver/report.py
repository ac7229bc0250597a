"""What the compiler says: dots and a status on stdout, messages on stderr, all of it in a log."""

from __future__ import annotations

import os
import sys
import time


class Report:
    """The log file and the two streams of one compile."""

    def __init__(self, logfile: str) -> None:
        self._log = open(logfile, "a", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115

    def log(self, level: str, message: str) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._log.write(f"{stamp} {level} {os.getpid()} [root]: {message}\n")
        self._log.flush()

    def dot(self) -> None:
        sys.stdout.write(".")
        sys.stdout.flush()

    def passed(self) -> None:
        sys.stdout.write("\nCompiler status PASS\n")
        sys.stdout.flush()
        self.log("INFO", "Compiler status PASS")

    def failed(self, message: str) -> None:
        sys.stdout.write("\n")
        sys.stdout.flush()
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        sys.stderr.write(f"{stamp}: ERROR ||NCC_WRAPPER||: {message}\n")
        sys.stderr.flush()
        self.log("ERROR", message)
