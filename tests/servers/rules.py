"""Faulty proxy: the log of requests, and faults by rule."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote


@dataclass(frozen=True)
class Request:
    """One request as it came in.

    It is in the log from its arrival on; `status` is set before the first byte of the answer
    leaves, so a client that has its answer finds the request complete in the log.

    Attributes:
        path: with the query, still percent-encoded.
        headers: those of the request, names in lower case.
        connection: the client's port: the same number is the same connection.
        status: of the answer; 0 not answered (yet), -1 connection reset on purpose.
        received: bytes of the body, as far as it was read.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    connection: int
    status: int = 0
    received: int = 0


@dataclass
class Fault:
    """What goes wrong with the requests of a rule.

    Attributes:
        match: pattern, searched in path and query, their percent-encoding undone.
        method: a pattern for the whole of it, or all.
        headers_match: pattern by name (lower case), searched in the request's headers.
        times: how often it still strikes; None: always.
        skip: how many matching requests pass first.
        before: called before the request goes on, in the connection's thread.
        delay: seconds before anything else happens.
        status: answered instead, with `body` and `headers`, once the whole request was read;
            without it the headers are added to the true answer (those with "" are taken away).
        upto: only so many bytes of the request's body are read, and none of it goes on; then
            `reset` or `silence`.
        reset: the connection ends with a TCP reset; with `cut` after those bytes of the answer.
        silence: nothing (more) is sent until the proxy closes; with `cut` after those bytes.
        cut: only so many bytes of the answer's body are sent, then the connection ends.
        after: the request is carried out first, and only its answer is lost.
        longer: how much more than there is the Content-Length of the answer says.
        flip: the byte of the answer's body at this place is a wrong one; negative: from its end.
        rate: bytes of the answer's body per second.
        hits: how often it has struck.
    """

    match: str = ""
    method: str | None = None
    headers_match: Mapping[str, str] = field(default_factory=dict)
    times: int | None = 1
    skip: int = 0
    before: Callable[[], object] | None = None
    delay: float = 0.0
    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    upto: int | None = None
    reset: bool = False
    silence: bool = False
    cut: int | None = None
    after: bool = False
    longer: int = 0
    flip: int | None = None
    rate: int = 0
    hits: int = 0

    def strikes(self, request: Request) -> bool:
        """Whether this request meets it; counts."""
        if self.times == 0 or not self._means(request):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.hits += 1
        return True

    def _means(self, request: Request) -> bool:
        if self.method is not None and not re.fullmatch(self.method, request.method):
            return False
        if not re.search(self.match, unquote(request.path)):
            return False
        return all(
            re.search(pattern, request.headers.get(name, ""))
            for name, pattern in self.headers_match.items()
        )


class Rules:
    """The log and the rules of one proxy; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._log: list[Request] = []
        self._faults: list[Fault] = []
        self._first = 0

    def arrive(self, request: Request) -> tuple[int, Fault]:
        """Write a request down: the number to change it by, and what goes wrong with it."""
        with self._lock:
            self._log.append(request)
            number = self._first + len(self._log) - 1
            for fault in self._faults:
                if fault.strikes(request):
                    return number, fault
            return number, Fault()

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

    def add(self, fault: Fault) -> Fault:
        """One more rule; earlier ones go first."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def mend(self) -> None:
        """Drop all rules."""
        with self._lock:
            self._faults.clear()
