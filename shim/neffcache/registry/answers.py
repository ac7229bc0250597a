"""World: what a registry answered, and what an answer other than the wanted one means to people."""

from neffcache.errors import RefusedError, RemoteError
from neffcache.hub.answers import Answer, harmless, pause_of

_PAUSE = 60.0
_MOST = 160
_LOGIN = "log in (`docker login` or `podman login`), or name a variable: credential=env:NAME"
# Nothing here under that name, in the words of one registry or another.
_UNKNOWN = ("MANIFEST_UNKNOWN", "BLOB_UNKNOWN", "NOT_FOUND", "NAME_UNKNOWN", "TAG_UNKNOWN")
NAME_UNKNOWN = "NAME_UNKNOWN"
# ECR says so with 403, of a login that has ended after its twelve hours.
_ENDED = ("expired", "reauthenticate", "skew")


class Told:
    """A small answer, read as a whole.

    Attributes:
        status: the number; headers: names in lower case; body: bounded.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: "dict[str, str]", body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def errors(self) -> "list[tuple[str, str]]":
        """(code, message) of each error that the registry names."""
        import json

        try:
            told = json.loads(self.body)["errors"]
            return [(str(one.get("code", "")), str(one.get("message", ""))) for one in told]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return []

    def says(self, *codes: str) -> bool:
        """Whether one of the errors has such a code."""
        return any(code in codes for code, _message in self.errors())

    @property
    def absent(self) -> bool:
        """Whether a registry says that it has no such thing, not something before it."""
        if self.status != 404:
            return False
        return self.says(*_UNKNOWN) or ("docker-distribution-api-version" in self.headers)


def failure(told: Told, place: str, writing: bool = False) -> RemoteError:
    """What an unwanted answer means: one line with the remedy; `pause` where one is asked for.

    Args:
        place: registry and repository, for people.
        writing: whether it was to take something: then no is for good.
    """
    status, said = told.status, _said(told)
    pause = pause_of(Answer(status, told.headers, b""))
    if status == 429:
        return RemoteError(f"{place}: its rate limit is used up{said}", "", pause or _PAUSE)
    if status >= 500:
        return RemoteError(f"{place}: the registry answered {status}{said}", "", pause)
    if status == 401:
        return RemoteError(f"{place}: not logged in, or the login is not valid{said}", _LOGIN)
    if status == 403 and any(word in said.lower() for word in _ENDED):
        return RemoteError(f"{place}: the login has ended{said}", _LOGIN)
    if status in (403, 405):
        return _forbidden(f"{place}: not permitted ({status}){said}", writing)
    if status == 404:
        return _not_there(told, place, writing)
    return _odd(told, place, said)


def _odd(told: Told, place: str, said: str) -> RemoteError:
    status = told.status
    if 300 <= status < 400:
        return RemoteError(f"{place}: redirected ({status}) where that makes no sense")
    # In the words of Go's server or nginx, which read plain HTTP on such a port.
    if status == 400 and b"https" in told.body.lower() and not said:
        what = f"{place}: it speaks TLS, and was asked without"
        return RemoteError(what, "take plain=1 out; a registry on this host needs ca= or plain=0")
    return RemoteError(f"{place}: the registry answered {status}{said}")


def _forbidden(what: str, writing: bool) -> RemoteError:
    if writing:
        return RefusedError(what, "use a login that may push there, or mode=ro")
    return RemoteError(what, "use a login that may pull there")


def _not_there(told: Told, place: str, writing: bool) -> RemoteError:
    if told.says(NAME_UNKNOWN):
        kind = RefusedError if writing else RemoteError
        return kind(f"{place}: there is no such repository", "make it, or correct its name")
    what = f"{place}: 404 from something that does not answer like a registry"
    return RemoteError(what + _said(told), "look at the name and the proxy")


def _said(told: Told) -> str:
    """What the registry says itself, without what could be a secret."""
    words = "; ".join(f"{code}: {message}" for code, message in told.errors())
    shown = harmless(words)[:_MOST]
    return f" ({shown})" if shown else ""
