"""Hub peer: the log of requests, and faults by rule."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace


@dataclass(frozen=True)
class Request:
    """One request as it came in.

    It is in the log from its arrival on; `status` is set before the first byte of the answer
    leaves, so a client that has its answer finds the request complete in the log.

    Attributes:
        server: "hub", "cdn" or "cas".
        path: with the query, still percent-encoded.
        status: of the answer; 0 not answered (yet), -1 connection reset on purpose.
        headers: those of the request, names in lower case.
        connection: the client's port: the same number is the same connection.
        received: bytes of the body.
    """

    server: str
    method: str
    path: str
    headers: Mapping[str, str]
    connection: int
    status: int = 0
    received: int = 0

    @property
    def authorized(self) -> bool:
        """Whether it carried a token."""
        return "authorization" in self.headers


@dataclass
class Fault:
    """What goes wrong with the requests of a rule.

    Attributes:
        match: pattern, searched in path and query.
        method: only these, or all.
        times: how often it still strikes; None: always.
        skip: how many matching requests pass first.
        status: answered instead, with `message`, `code` (X-Error-Code) and `headers`;
            without it the headers are added to the true answer.
        delay: seconds before anything else happens.
        reset: the connection ends with a TCP reset.
        truncate: only so many bytes of the body are sent, then the connection ends.
        silence: nothing (more) is sent until the peer closes; with `truncate` after those bytes.
        after: the request is carried out first, and only its answer is lost.
        rate: bytes of body per second.
        hits: how often it has struck.
    """

    match: str
    method: str | None = None
    server: str | None = "hub"
    times: int | None = 1
    skip: int = 0
    status: int = 0
    message: str = "injected"
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    reset: bool = False
    truncate: int | None = None
    silence: bool = False
    after: bool = False
    rate: int = 0
    hits: int = 0

    def strikes(self, server: str, method: str, path: str) -> bool:
        """Whether this request meets it; counts."""
        if self.times == 0 or self.server not in (None, server):
            return False
        if self.method not in (None, method) or not re.search(self.match, path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.hits += 1
        return True


NO_FAULT = Fault("")
ACTIONS = frozenset(item.name for item in fields(Fault)) - {"hits"}


class Records:
    """The log and the rules of one peer; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._log: list[Request] = []
        self._faults: list[Fault] = []
        self._first = 0

    def arrive(self, request: Request) -> int:
        """Write down a request; the number to change it by."""
        with self._lock:
            self._log.append(request)
            return self._first + len(self._log) - 1

    def change(self, number: int, *, status: int = 0, received: int = 0) -> None:
        """Complete a request, unless it was cleared away; 0 leaves a number as it is."""
        with self._lock:
            at = number - self._first
            if at < 0:
                return
            old = self._log[at]
            status, received = status or old.status, received or old.received
            self._log[at] = replace(old, status=status, received=received)

    def requests(self) -> list[Request]:
        """All of them, in order of arrival."""
        with self._lock:
            return list(self._log)

    def clear(self) -> None:
        """Forget the requests; the faults stay."""
        with self._lock:
            self._first += len(self._log)
            self._log.clear()

    def add(self, fault: Fault) -> None:
        """One more rule; earlier ones go first."""
        with self._lock:
            self._faults.append(fault)

    def mend(self) -> None:
        """Drop all rules."""
        with self._lock:
            self._faults.clear()

    def fault(self, server: str, method: str, path: str) -> Fault:
        """What goes wrong with this request: NO_FAULT, mostly."""
        with self._lock:
            for fault in self._faults:
                if fault.strikes(server, method, path):
                    return fault
            return NO_FAULT
