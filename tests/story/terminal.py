"""A terminal whose far end a test holds."""

from __future__ import annotations

import os
import subprocess

from story.caller import Caller, Streams
from story.doubles import Double


class Terminal:
    """A terminal whose far end a test holds; what is shown there is collected."""

    def __init__(self) -> None:
        self.keys, self.slave = os.openpty()
        os.set_blocking(self.keys, False)
        self._shown = b""

    def start(self, double: Double, *command: str) -> subprocess.Popen[bytes]:
        """Start a program as the leader of a session on this terminal."""
        streams = Streams(self.slave, self.slave, self.slave)
        return double.start(Caller(terminal=True), streams, command=command)

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.keys, keys.encode())

    def shown(self) -> str:
        """Everything shown so far."""
        try:
            self._shown += os.read(self.keys, 65536)
        except BlockingIOError:
            pass
        return self._shown.decode()

    def close(self) -> None:
        """Hang up."""
        os.close(self.keys)
        os.close(self.slave)
