"""World: what a registry wants to be shown: the challenge in a 401, and the token it leads to."""

import time

from neffcache.errors import RefusedError, RemoteError
from neffcache.registry import answers, names
from neffcache.registry.answers import Told
from neffcache.registry.request import Request, split

# What a server means that does not say how long its token lasts; how early it is renewed.
_USUAL, _EARLY = 60.0, 0.8
_FORM = "application/x-www-form-urlencoded"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.registry.login import Login
    from neffcache.registry.wire import Net


class Token:
    """A token.

    Attributes:
        text: of its Authorization header; until: when it is time for another (monotonic).
    """

    __slots__ = ("text", "until")

    def __init__(self, text: str, seconds: float) -> None:
        self.text = text
        self.until = time.monotonic() + seconds * _EARLY


def challenge(header: str) -> "tuple[str, dict[str, str]]":
    """(scheme in small letters, parameters) of a WWW-Authenticate header; of several the best."""
    found: dict[str, dict[str, str]] = {}
    scheme = ""
    for part in _parts(header):
        name, mark, value = part.partition("=")
        words = name.split()
        if not mark or len(words) > 1:
            scheme = words[0].lower() if words else ""
            found.setdefault(scheme, {})
        if mark and words:
            found.setdefault(scheme, {})[words[-1].lower()] = value.strip().strip('"')
    for wanted in ("bearer", "basic"):
        if wanted in found:
            return wanted, found[wanted]
    return scheme, {}


def fetch(
    net: "Net", told: "dict[str, str]", scope: "list[str]", login: "Login", base: str
) -> Token:
    """A token for what a challenge describes.

    Args:
        told: the challenge's parameters. scope: what is to be done.
        base: of the registry's URLs: if those are https, so is whoever gives tokens.

    Raises:
        RemoteError: there is none now; RefusedError is never raised.
    """
    from urllib.parse import urlencode

    realm = told.get("realm", "")
    (scheme, host, _port), _target = split(realm)
    if scheme != "https" and not _plain_too(host, base):
        raise RemoteError(f"tokens come from {host} without TLS", "look at the registry's settings")
    pairs = [("service", told["service"])] if told.get("service") else []
    pairs += [("scope", one) for one in scope]
    if login.renewal:
        more = [("grant_type", "refresh_token"), ("client_id", "neffcache")]
        body = urlencode([*more, ("refresh_token", login.renewal), *pairs]).encode()
        request = Request("POST", realm, {"Content-Type": _FORM}, body)
    else:
        if login.user:
            pairs.insert(0, ("account", login.user))
        mark = "&" if "?" in realm else "?"
        request = Request("GET", f"{realm}{mark}{urlencode(pairs)}")
        if login.basic:
            request.headers["Authorization"] = login.basic
    return _ask(net, request, host, login)


def _plain_too(host: str, base: str) -> bool:
    (scheme, registry, _port), _target = split(base)
    near = names.is_loopback(f"[{host}]" if ":" in host else host)
    return scheme == "http" and (near or host == registry)


def _ask(net: "Net", request: "Request", host: str, login: "Login") -> Token:
    reply = net.send(request)
    told = Told(reply.status, reply.headers, reply.body())
    if told.status != 200:
        told.body = login.hide(told.body)
        failed = answers.failure(told, f"{host} (tokens)")
        if isinstance(failed, RefusedError) or told.status in (400, 403, 404):
            what = f"{host} gives no token ({told.status})"
            raise RemoteError(what, "look at the login and at what it may do")
        raise failed
    import json

    try:
        value = json.loads(told.body)
        text = value.get("token") or value.get("access_token")
        seconds = value.get("expires_in")
        if not isinstance(text, str) or not text.isascii() or not text.isprintable():
            raise ValueError("no token")
    except (ValueError, AttributeError, RecursionError):
        raise RemoteError(f"{host} gives no token that is one") from None
    lasts = float(seconds) if isinstance(seconds, int | float) and seconds > 0 else _USUAL
    return Token(f"Bearer {text}", lasts)


def _parts(header: str) -> "list[str]":
    """A header cut at its commas, but for those in quotes."""
    made, quoted = [""], False
    for letter in header:
        quoted ^= letter == '"'
        if letter == "," and not quoted:
            made.append("")
        else:
            made[-1] += letter
    return [part.strip() for part in made if part.strip()]
