"""World: one HTTP request by the session of whichever huggingface_hub is installed."""

from neffcache.errors import RemoteError
from neffcache.hub import answers

# At most, as it comes from the socket: a slow line has to be seen moving.
_PIECE = 64 << 10
# A body that is longer than this is a long one, of which so much is asked for at once.
_LARGE = 1 << 20
_HELPERS = ("build_hf_headers", "get_session", "get_token")
_REINSTALL = "install it anew: huggingface_hub>=0.35,<3"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any


class Request:
    """What is to be sent.

    Attributes:
        connect, stall: seconds for the connection, and for each wait for bytes after it.
    """

    __slots__ = ("body", "connect", "headers", "method", "stall", "url")

    def __init__(self, method: str, url: str, headers: "dict[str, str]", body: bytes) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.connect = self.stall = 5.0


class Reply:
    """An answer whose body has not been read.

    Attributes:
        status: the number; headers: their names in lower case.
    """

    __slots__ = ("_bodyless", "_host", "_raw", "_stall", "headers", "status")

    def __init__(self, raw: "Any", request: Request, host: str) -> None:
        self._raw = raw
        self._host = host
        self._bodyless = request.method == "HEAD"
        self._stall = request.stall
        self.status: int = raw.status_code
        self.headers = _lower(raw.headers)

    def pieces(self) -> "Iterator[bytes]":
        """The body as it arrives. Raises RemoteError when it breaks off or stalls."""
        left = int(length) if (length := self.headers.get("content-length", "")).isdigit() else -1
        line = None if self._bodyless or left <= _LARGE else _line(self._raw, self.headers)
        source = _pieces(self._raw) if line is None else _direct(self._raw, line, left, self._stall)
        while True:
            try:
                piece = next(source, b"")
            except Exception as error:
                raise answers.broken(error, self._host) from error
            if not piece:
                break
            left -= len(piece)
            yield piece
        if left > 0 and not self._bodyless:
            raise answers.cut(self._host)

    def close(self) -> None:
        """Give the connection back, or up."""
        self._raw.close()


def library() -> "Any":
    """The helpers of huggingface_hub that are the same in all its versions that we support.

    Raises:
        RemoteError: it cannot be loaded, or is another version.
    """
    try:
        from huggingface_hub import utils

        known = all(hasattr(utils, name) for name in _HELPERS)  # loads what they need
    except ImportError as error:
        what = f"no {error.name}" if error.name else type(error).__name__
        raise RemoteError(f"huggingface_hub cannot be loaded ({what})", _REINSTALL) from error
    if not known:
        raise RemoteError("huggingface_hub is not of a version that is known", _REINSTALL)
    return utils


def send(request: Request) -> Reply:
    """Send it, follow nothing, try once; the caller closes the reply.

    Raises:
        RemoteError: no answer.
    """
    from urllib.parse import urlsplit

    host = urlsplit(request.url).netloc
    try:
        return Reply(_send(request), request, host)
    except Exception as error:
        raise answers.broken(error, host) from error


def _send(request: Request) -> "Any":
    session = library().get_session()
    if not hasattr(session, "build_request"):  # requests, before huggingface_hub 1.0
        return session.request(
            request.method, request.url, headers=request.headers, data=request.body or None,
            timeout=(request.connect, request.stall), allow_redirects=False, stream=True,
            auth=_as_it_is,
        )  # fmt: skip
    timeout = (request.connect, request.stall, request.stall, request.connect)
    made = session.build_request(
        request.method, request.url, headers=request.headers, content=request.body or None,
        timeout=timeout,
    )  # fmt: skip
    return session.send(made, stream=True, follow_redirects=False, auth=None)


def _as_it_is(prepared: "Any") -> "Any":
    """An authentication that adds none: requests would take one from a netrc otherwise."""
    return prepared


def _pieces(raw: "Any") -> "Iterator[bytes]":
    """The bytes as they were sent, whatever encoding the server claims."""
    if hasattr(raw, "iter_raw"):
        made: Iterator[bytes] = raw.iter_raw()
    elif hasattr(raw.raw, "read1") and not getattr(raw.raw, "chunked", False):
        made = iter(lambda: raw.raw.read1(_PIECE, decode_content=False), b"")
    else:
        made = raw.raw.stream(_PIECE, decode_content=False)
    return made


def _line(raw: "Any", headers: "Mapping[str, str]") -> "Any":
    """What httpx reads an answer from, where its body is nothing but the next bytes; else None."""
    extensions = getattr(raw, "extensions", {})
    if extensions.get("http_version") != b"HTTP/1.1" or "transfer-encoding" in headers:
        return None
    return extensions.get("network_stream")


def _direct(raw: "Any", line: "Any", left: int, stall: float) -> "Iterator[bytes]":
    """A long body, past the parser, which copies each byte three times.

    The first piece is all that the parser has read beyond the headers. The connection cannot be
    used again: the parser never sees the end, and closes it.
    """
    parsed = raw.iter_raw()  # closes the connection when it goes
    piece = next(parsed, b"")
    while piece:
        yield piece
        left -= len(piece)
        piece = line.read(min(left, _LARGE), stall) if left > 0 else b""
    parsed.close()


def _lower(headers: "Mapping[str, str]") -> "dict[str, str]":
    return {name.lower(): value for name, value in headers.items()}
