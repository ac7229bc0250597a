"""Nothing that tests do in their own process may connect to another machine."""

from __future__ import annotations

import sys

# Where no machine's metadata answer: for every process that a test starts.
NOWHERE = "127.0.0.1:9"
_NAMES = ("metadata.google.internal", "metadata")
_found: list[str] = []


def forbid() -> None:
    """From now on: a connection elsewhere fails, and is told by `found`."""
    sys.addaudithook(_look)


def found() -> list[str]:
    """Where connections were to go since this was last asked."""
    told = list(_found)
    _found.clear()
    return told


def _look(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and not _is_here(str(address[0])):
            _refuse(f"{address[0]}:{address[1]}")
    elif event == "socket.getaddrinfo" and arguments[0] in _NAMES:
        _refuse(str(arguments[0]))


def _is_here(host: str) -> bool:
    return host.startswith("127.") or host in ("::1", "localhost")


def _refuse(where: str) -> None:
    _found.append(where)
    raise OSError(101, f"tests may not connect to {where}")
