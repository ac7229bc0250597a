"""Door: spots values in a key that differ by process, run or host for no good reason."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass

ENVIRONMENT, OPTION = "env ", "option"
_RANK_WORDS = frozenset((
    "RANK", "RANKID", "NODERANK", "LOCALRANK", "PROCESS", "PROCID", "PROCINDEX", "NODEID",
    "TASKID", "WORKERID", "WORKER", "INDEX", "JOBID", "STEPID",
))  # fmt: skip
_ID_BEFORE = frozenset(
    ("NODE", "TASK", "PROC", "PROCESS", "WORKER", "JOB", "STEP", "LOCAL", "HOST")
)
_HOST_WORDS = frozenset(("HOST", "HOSTNAME", "ADDR", "ADDRESS", "MASTER", "COORDINATOR", "IP"))
_PORT_WORDS = frozenset(("PORT",))
_PID_WORDS = frozenset(("PID", "PPID"))
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_HOST_AND_PORT = re.compile(r"(?:[A-Za-z][\w.-]*|(?:\d{1,3}\.){3}\d{1,3}|\]):(\d{4,5})(?!\d)")
_HOST_NAME = re.compile(
    r"^(?:ip-\d+-\d+-\d+-\d+\b.*|[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:internal|local|cluster|lan|compute))$",
    re.IGNORECASE,
)
_PATH = re.compile(r"(?:^|[=,:;\s\"'])(/[^\s,;:\"']+)")
_TEMPORARY = re.compile(r"^/(?:tmp|var/tmp|dev/shm|run|scratch|local|proc)/")
_UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE)
_LONGEST_RANK = 9


@dataclass(frozen=True)
class Host:
    """What identifies this machine and the processes that lead to this one."""

    names: frozenset[str]
    pids: frozenset[int]

    @classmethod
    def here(cls) -> Host:
        """This one."""
        name = socket.gethostname()
        names = {part for part in (name, name.partition(".")[0]) if len(part) >= 4}
        return cls(frozenset(names - {"localhost"}), frozenset(_ancestors(os.getpid())))


def look(label: str, value: str, host: Host) -> str:
    """Why a part of a key may differ where it should not; "" when nothing is suspicious.

    Args:
        label: the part's label, "env NAME" or "option"; others are never suspicious.
        value: its text.
        host: the machine that the key was made on.
    """
    if label.startswith(ENVIRONMENT):
        words = set(label[len(ENVIRONMENT) :].upper().split("_"))
        return _by_name(words, value.strip()) or _by_value(value.strip(), host, words)
    if label == OPTION:
        return _by_value(value, host, frozenset())
    return ""


def _by_name(words: set[str], value: str) -> str:
    if not value.isascii() or not value.isdigit():
        return ""
    if words & _PID_WORDS:
        return "looks like a process id: different in every process"
    if words & _PORT_WORDS:
        return "looks like a port: may differ from run to run"
    rank = words & _RANK_WORDS or ("ID" in words and words & _ID_BEFORE)
    if rank and len(value) <= _LONGEST_RANK:
        return "looks like a rank or node number: different in every process of a job"
    return ""


def _by_value(value: str, host: Host, words: set[str] | frozenset[str]) -> str:
    for name in host.names:
        if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", value):
            return f"holds the name of this host ({name}): different on every host"
    if words & _HOST_WORDS and value and not value.isdigit():
        return "looks like a host name: may differ from host to host"
    if _HOST_NAME.match(value) or _IPV4.search(value):
        return "looks like a host name or address: may differ from host to host"
    found = _HOST_AND_PORT.search(value)
    if found and 1024 <= int(found[1]) <= 65535:
        return "looks like a host and port: may differ from run to run"
    if value.isascii() and value.isdigit() and int(value[:18]) in host.pids:
        return "is the id of a process that runs now: different in every process"
    if _UUID.search(value):
        return "holds a random id: different in every run"
    return _path(value)


def _path(value: str) -> str:
    found = _PATH.search(value)
    if not found:
        return ""
    if _TEMPORARY.match(found[1]):
        return "holds a temporary path: may differ from run to run"
    return "holds a path: may differ between users and hosts"


def _ancestors(pid: int) -> list[int]:
    """A process and those above it, except the first one of the host."""
    found: list[int] = []
    while pid > 1 and pid not in found:
        found.append(pid)
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                pid = int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            break
    return found
