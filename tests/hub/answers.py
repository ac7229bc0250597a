"""Hub peer: what a route is given and what it gives back."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from hub.state import State

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


@dataclass
class Reply:
    """An answer; the body of a Path is the file's content, and Range is honoured."""

    status: int = 200
    body: bytes | Path = b""
    kind: str = TEXT
    headers: dict[str, str] = field(default_factory=dict)


class HubError(Exception):
    """An answer that says no, as the Hub says it."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str = "",
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers, self.extra = dict(headers or {}), dict(extra or {})

    def reply(self) -> Reply:
        """Headers and JSON that the clients read the cause from."""
        headers = {"X-Error-Message": self.message}
        if self.code:
            headers["X-Error-Code"] = self.code
        headers.update(self.headers)
        return as_json({"error": self.message, **self.extra}, self.status, headers)


def as_json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer in JSON."""
    return Reply(status, json.dumps(value).encode(), JSON, dict(headers or {}))


@dataclass
class Call:
    """One request, read completely.

    Attributes:
        target: path and query, percent-encoded.
        headers: names in lower case.
        base: scheme, host and port as the client spelled them.
    """

    state: State
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    base: str

    @property
    def path(self) -> str:
        """Without the query; still encoded, because a revision may hold %2F."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's values by name."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    def flag(self, name: str) -> bool:
        """A yes in the query, in either client's spelling."""
        return self.query.get(name, ["false"])[0].lower() in ("true", "1")

    def json(self) -> Any:
        """The body as JSON; {} when there is none."""
        try:
            return json.loads(self.body or b"{}")
        except ValueError as error:
            raise HubError(400, f"not JSON: {error}") from error

    def form(self) -> dict[str, Any]:
        """The body's fields: the Python clients send a form, others JSON."""
        if "json" in self.headers.get("content-type", ""):
            made: dict[str, Any] = self.json()
            return made
        return dict(parse_qs(self.body.decode(), keep_blank_values=True))

    def token(self) -> str:
        """The token sent, as Bearer or as the password of Basic; '' for none."""
        header = self.headers.get("authorization", "")
        word, _, rest = header.partition(" ")
        if word.lower() == "basic":
            try:
                return base64.b64decode(rest).decode().partition(":")[2]
            except ValueError:
                return "unreadable"
        return rest.strip() if header else ""


Route = tuple[str, re.Pattern[str], Callable[..., Reply]]


def route(method: str, pattern: str, answer: Callable[..., Reply]) -> Route:
    """A row of a table of routes; `answer` gets the Call and the pattern's groups."""
    return method, re.compile(pattern), answer


def dispatch(routes: Sequence[Route], call: Call) -> Reply:
    """The answer of the first route that fits; HEAD is GET without the body."""
    method = "GET" if call.method == "HEAD" else call.method
    for wanted, pattern, answer in routes:
        found = pattern.fullmatch(call.path) if wanted == method else None
        if found:
            try:
                return answer(call, *found.groups())
            except HubError as error:
                return error.reply()
    return HubError(404, "Sorry, we can't find the page you are looking for.").reply()
