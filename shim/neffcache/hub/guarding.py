"""World: the Hub's own client goes wherever a Hub sends it; a token of ours does not go along."""

from neffcache.errors import RemoteError
from neffcache.hub.transport import library

_HEADER = "authorization"
# Token → where it may be shown: (scheme, host, port) of the Hubs that were opened with it.
_homes: "dict[str, set[tuple[str, str, int]]]" = {}
_guarded: "set[type]" = set()

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def allow(token: str, home: "tuple[str, str, int]") -> None:
    """A token is meant for this origin."""
    if token:
        _homes.setdefault(token, set()).add(home)


def keep_tokens_home() -> None:
    """From now on nothing in this process shows a token to an origin that it is not meant for.

    By itself huggingface_hub follows some redirects to other ports (1.x), and asks whatever address
    a Hub names for the verification of an upload, with the token (all versions).
    """
    session = type(library().get_session())
    if session in _guarded:
        return
    _guarded.add(session)
    plain = session.send

    def send(self: "Any", request: "Any", *rest: "Any", **more: "Any") -> "Any":
        _strip(request)
        return plain(self, request, *rest, **more)

    # Of requests and of httpx: every request of a session goes through this one method; redirects
    # that httpx follows by itself lose the token when they lead to another origin.
    session.send = send


def _strip(request: "Any") -> None:
    shown = request.headers.get(_HEADER, "")
    for token, homes in _homes.items():
        if token in shown and _origin(request.url) not in homes:
            del request.headers[_HEADER]
            return


def _origin(url: object) -> "tuple[str, str, int] | None":
    from neffcache.hub.client import origin

    try:
        return origin(str(url))
    except RemoteError:
        return None
