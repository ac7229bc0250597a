"""Servers: one process on a port of its own, waited for and always ended."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from waiting import until

# Below those that the kernel gives to outgoing connections: who asks an unused one of these
# whether a server is there may be connected to itself.
_PORTS = range(15000, 32000)
_START = 60.0
_END = 5.0


class StartError(Exception):
    """A server did not come up; holds the end of its log."""


@contextmanager
def claimed(count: int = 1) -> Iterator[list[int]]:
    """Ports on 127.0.0.1 that no other test of this machine takes meanwhile."""
    claims: list[socket.socket] = []
    ports: list[int] = []
    try:
        for port in random.Random(os.urandom(8)).sample(_PORTS, len(_PORTS)):
            if len(ports) == count:
                break
            claim = _claim(port)
            if claim is not None:
                claims.append(claim)
                ports.append(port)
        yield ports
    finally:
        for claim in claims:
            claim.close()


def _claim(port: int) -> socket.socket | None:
    """Hold a name that belongs to the port, if nobody holds it and nobody listens there."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0neffcache-test-port-{port}")
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(("127.0.0.1", port))
    except OSError:
        claim.close()
        return None
    return claim


@contextmanager
def running(
    command: Sequence[object],
    log: Path,
    ready: Callable[[], bool] = lambda: True,
    environ: Mapping[str, str] | None = None,
    patience: float = _END,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the end of the block; it also ends with the thread that started it.

    Args:
        log: where its output goes.
        ready: asked until it holds.
        environ: all of the server's environment; by default PATH alone.
        patience: seconds that it has to end by itself.

    Raises:
        StartError: it ended by itself, or is not ready in time.
    """
    tied = shutil.which("setpriv")
    words = [tied, "--pdeathsig", "KILL"] if tied else []
    words += [str(word) for word in command]
    with log.open("ab") as file:
        server = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env=dict(environ) if environ is not None else {"PATH": os.environ.get("PATH", "")},
            start_new_session=True,
        )
    try:
        _await(server, ready, log)
        yield server
    finally:
        _end(server, patience)


def answers(port: int) -> bool:
    """Whether somebody listens on a port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _await(server: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    try:
        until(lambda: server.poll() is not None or ready(), _START)
    except AssertionError:
        raise StartError(f"{server.args!r} is not ready: {_tail(log)}") from None
    if server.poll() is not None:
        raise StartError(f"{server.args!r} ended with {server.returncode}: {_tail(log)}")


def _end(server: subprocess.Popen[bytes], patience: float) -> None:
    """End it and whatever it started."""
    try:
        if patience:
            _signal(server, signal.SIGTERM)
            server.wait(patience)
    except subprocess.TimeoutExpired:
        pass
    _signal(server, signal.SIGKILL)
    server.wait()


def _signal(server: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(server.pid, number)
    except ProcessLookupError:
        pass


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
