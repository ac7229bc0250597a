"""World: an HTTP request as it is to be sent, and to whom."""

from neffcache.errors import RemoteError

_PORTS = {"http": 80, "https": 443}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    # Scheme, host, port: what may see a login.
    Origin = tuple[str, str, int]


class Source:
    """A part of a file, to be sent as a body.

    Attributes:
        fd, start, size: which bytes.
        passed: called with how many of them have been handed over, before the next are.
    """

    __slots__ = ("fd", "passed", "size", "start")

    def __init__(self, fd: int, start: int, size: int, passed: "Callable[[int], None]") -> None:
        self.fd = fd
        self.start = start
        self.size = size
        self.passed = passed


class Request:
    """What is to be sent.

    Attributes:
        url: whole; headers: of ours; body: its bytes, or the file that holds them.
        patience: seconds for the beginning of the answer; 0: those of every other wait.
        tick: called again and again until the answer begins, where that may take long.
        again: whether it does no harm to send it twice.
    """

    __slots__ = ("again", "body", "headers", "method", "patience", "tick", "url")

    def __init__(
        self,
        method: str,
        url: str,
        headers: "Mapping[str, str] | None" = None,
        body: "bytes | Source" = b"",
    ) -> None:
        self.method = method
        self.url = url
        self.headers = dict(headers or {})
        self.body = body
        self.patience = 0.0
        self.tick: Callable[[], None] | None = None
        self.again = not isinstance(body, Source)


def split(url: str) -> "tuple[Origin, str]":
    """((scheme, host, port), path and query) of a URL. Raises RemoteError when it is not http."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
        if not parts.hostname or not url.isascii() or not url.isprintable() or " " in url:
            raise ValueError("no plain host")
    except (ValueError, KeyError):
        raise RemoteError("a URL that is not one of http or https") from None
    target = parts.path or "/"
    return (
        parts.scheme,
        parts.hostname,
        port,
    ), f"{target}?{parts.query}" if parts.query else target


def host_of(origin: "Origin") -> str:
    """The value of the Host header."""
    scheme, host, port = origin
    shown = f"[{host}]" if ":" in host else host
    return shown if port == _PORTS[scheme] else f"{shown}:{port}"
