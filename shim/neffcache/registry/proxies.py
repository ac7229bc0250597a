"""World: which proxy an address is asked through: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY."""

from neffcache import files
from neffcache.errors import RemoteError
from neffcache.registry import names

_PORT = 8080

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Proxy:
    """A server that passes requests on.

    Attributes:
        host, port: where it is; login: the value of Proxy-Authorization, or "".
    """

    __slots__ = ("host", "login", "port")

    def __init__(self, host: str, port: int, login: str) -> None:
        self.host = host
        self.port = port
        self.login = login


def find(scheme: str, host: str, port: int, environ: "Mapping[bytes, bytes]") -> "Proxy | None":
    """The proxy for a server; None: it is asked directly, as this machine itself always is.

    Raises:
        RemoteError: the variable does not name one that we can use.
    """
    if names.is_loopback(f"[{host}]" if ":" in host else host):
        return None
    for name in (f"{scheme}_proxy", "all_proxy"):
        text = _variable(environ, name)
        if text:
            return None if _excluded(host, port, environ) else _parse(text, name.upper())
    return None


def _variable(environ: "Mapping[bytes, bytes]", name: str) -> str:
    """Small letters count first, as everywhere."""
    found = environ.get(name.encode()) or environ.get(name.upper().encode(), b"")
    return files.decode(found).strip()


def _parse(text: str, name: str) -> Proxy:
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme != "http":
        what = f"{name} does not name a proxy at http://host:port"
        raise RemoteError(what, "correct it, or add the registry to NO_PROXY")
    login = ""
    if parts.username is not None:
        login = basic(unquote(parts.username), unquote(parts.password or ""))
    return Proxy(host, port or _PORT, login)


def basic(user: str, password: str) -> str:
    """The value of an Authorization header for a user."""
    from base64 import b64encode

    return "Basic " + b64encode(files.encode(f"{user}:{password}")).decode()


def _excluded(host: str, port: int, environ: "Mapping[bytes, bytes]") -> bool:
    host = host.lower()
    for word in _variable(environ, "no_proxy").replace(",", " ").split():
        word = word.lower()
        if word == "*" or _fits(word, host) or _fits(word, f"{host}:{port}"):
            return True
        if "/" in word and _in_network(host, word):
            return True
    return False


def _fits(word: str, host: str) -> bool:
    domain = word.removeprefix("*").lstrip(".")
    return bool(domain) and (host == domain or host.endswith("." + domain))


def _in_network(host: str, network: str) -> bool:
    from ipaddress import ip_address, ip_network

    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
