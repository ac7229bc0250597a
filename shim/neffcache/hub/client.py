"""World: requests to a Hub, with hard deadlines, the token for its own origin only, no retries."""

import time

from neffcache import config, files, remote
from neffcache.errors import RemoteError
from neffcache.hub import guarding, installed
from neffcache.hub.answers import Answer
from neffcache.hub.transport import Request, library, send
from neffcache.version import __version__

DEFAULT_ENDPOINT = "https://huggingface.co"
SILENCE = 5.0
_CONNECT = 3.0
_LONGEST = 60.0  # for a whole call: one that drips is none
_MOST_BODY = 16 << 20
_MOST_DRAINED = 64 << 10
_HOPS = 5
_MOVED = (301, 302, 303, 307, 308)
# Of other characters two libraries may make two hosts; a password before an "@" is none of them.
_PLACE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]%")
# Of answers on the way to the last one: what the Hub says of an object that lies elsewhere.
_FACTS = ("x-repo-commit", "x-linked-etag", "x-linked-size")
_SETTINGS = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": "2",
    "HF_XET_CLIENT_RETRY_MAX_DURATION": "30s",
    "HF_XET_CLIENT_CONNECT_TIMEOUT": "5s",
    # A piece of 64 MB is sent within it.
    "HF_XET_CLIENT_READ_TIMEOUT": "120s",
    "HF_XET_TELEMETRY_ENABLED": "0",
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from neffcache.hub.transport import Reply
    from neffcache.remote import Spec


def prepare(environ: "Mapping[bytes, bytes]") -> None:
    """Make huggingface_hub importable and quiet; before it is imported, in a helper process.

    Raises:
        RemoteError: it is not installed; SettingError.
    """
    import os
    import sys

    if "huggingface_hub" not in sys.modules:
        for name, value in _SETTINGS.items():
            os.environ.setdefault(name, value)
        if config.load(environ).hub_no_xet:
            os.environ["HF_HUB_DISABLE_XET"] = "1"
    installed.make_importable("huggingface_hub")


def open_client(spec: "Spec", environ: "Mapping[bytes, bytes]") -> "Client":
    """A client for the Hub of a remote, as its user, with this environment's deadlines.

    Raises:
        RemoteError: huggingface_hub is not installed; SettingError.
    """
    prepare(environ)
    silence = config.load(environ).remote_timeout
    return Client(endpoint_of(spec, environ), token_of(spec, environ), silence)


def endpoint_of(spec: "Spec", environ: "Mapping[bytes, bytes]") -> str:
    """The Hub that a remote lies on."""
    named = remote.unquote(spec.options.get("endpoint", ""))
    return (named or files.decode(environ.get(b"HF_ENDPOINT", b"")) or DEFAULT_ENDPOINT).rstrip("/")


def token_of(spec: "Spec", environ: "Mapping[bytes, bytes]") -> str:
    """The token for a remote; "": there is none. After `prepare`."""
    text = files.decode(remote.secret_in(spec, environ)).strip()
    if text or spec.credential:
        return text
    # The client itself reads its login file: it may have to renew what is in there.
    implicit = environ.get(b"HF_HUB_DISABLE_IMPLICIT_TOKEN", b"").upper()
    if implicit in (b"1", b"ON", b"YES", b"TRUE"):
        return ""
    return library().get_token() or ""


class Client:
    """Requests to one Hub. Every method raises RemoteError when there is no answer.

    Attributes:
        endpoint: its URL, no slash at the end.
        token: sent there and nowhere else; "": anonymous.
    """

    __slots__ = ("_headers", "_origin", "_silence", "endpoint", "token")

    def __init__(self, endpoint: str, token: str, silence: float = SILENCE) -> None:
        """Nothing is asked yet.

        Args:
            silence: seconds for the first byte of an answer, and between any two after it.
        """
        self.endpoint = endpoint.rstrip("/")
        self.token = token
        self._silence = silence
        self._origin = origin(self.endpoint)
        guarding.allow(token, self._origin)
        made = library().build_hf_headers(
            token=False, library_name="neffcache", library_version=__version__
        )
        # A body has to come as it is stored: its digest is that of the plain bytes.
        self._headers = {**made, "accept-encoding": "identity"}

    def call(
        self,
        method: str,
        path: str,
        *,
        params: "Mapping[str, str] | None" = None,
        data: "list[tuple[str, str]] | None" = None,
        json: object = None,
    ) -> Answer:
        """One request and its whole answer, whatever its status; at most a minute.

        Args:
            path: below the endpoint, quoted, with its slash; or a whole URL.
            params: added to the query; data: sent as a form; json: sent as JSON.
        """
        body, kind = _body(data, json)
        stream = self._open(Request(method, self._url(path, params), kind, body))
        deadline = time.monotonic() + _LONGEST
        parts: list[bytes] = []
        size = 0
        try:
            for piece in stream.pieces():
                parts.append(piece)
                size += len(piece)
                if size > _MOST_BODY or time.monotonic() > deadline:
                    raise RemoteError(f"{self.endpoint}: its answer does not come to an end")
        finally:
            stream.close()
        return Answer(stream.status, stream.headers, b"".join(parts), stream.authorized)

    def stream(self, path: str, headers: "Mapping[str, str] | None" = None) -> "Stream":
        """GET something whose body is read piece by piece; the caller closes it.

        Args:
            path: as for `call`.
            headers: further ones, e.g. a range.
        """
        return self._open(Request("GET", self._url(path, None), dict(headers or {}), b""))

    def _url(self, path: str, params: "Mapping[str, str] | None") -> str:
        url = self.endpoint + path if path.startswith("/") else path
        if not params:
            return url
        from urllib.parse import urlencode

        return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"

    def _open(self, request: Request) -> "Stream":
        """Follow redirects by hand: another origin gets neither the token nor what we send."""
        facts: dict[str, str] = {}
        own = request.headers
        for _ in range(_HOPS + 1):
            home = origin(request.url) == self._origin
            request.headers = {**self._headers, **own}
            if home and self.token:
                request.headers["authorization"] = f"Bearer {self.token}"
            request.connect, request.stall = min(_CONNECT, self._silence), self._silence
            reply = send(request)
            if home:
                told = reply.headers
                facts.update((name, told[name]) for name in _FACTS if name in told)
            where = reply.headers.get("location", "")
            if reply.status not in _MOVED or not where:
                return Stream(reply, facts, home, bool(home and self.token))
            _drain(reply)
            request.url = _join(request.url, where)
            if request.method not in ("GET", "HEAD") and origin(request.url) != self._origin:
                scheme, host, port = origin(request.url)
                raise RemoteError(
                    f"{self.endpoint} sends us to {scheme}://{host}:{port}",
                    "name that as HF_ENDPOINT if it is meant",
                )
        raise RemoteError(f"{self.endpoint}: redirected in a circle", "look at HF_ENDPOINT")


class Stream:
    """An answer that is being read.

    Attributes:
        status: the number; headers: of the last answer, names in lower case.
        facts: what the Hub itself said of the object on the way (x-repo-commit, x-linked-etag,
            x-linked-size); a host that it sent us to has no say in it.
        home: whether the last answer is the Hub's own; authorized: whether it got the token.
    """

    __slots__ = ("_reply", "authorized", "facts", "headers", "home", "status")

    def __init__(self, reply: "Reply", facts: "dict[str, str]", home: bool, token: bool) -> None:
        self._reply = reply
        self.status = reply.status
        self.headers = reply.headers
        self.facts = facts
        self.home = home
        self.authorized = token

    def pieces(self) -> "Iterator[bytes]":
        """The body as it arrives, encoded as it was sent. Raises RemoteError."""
        return self._reply.pieces()

    def answer(self) -> Answer:
        """The whole of a small answer: what an error says. Raises RemoteError."""
        body = b""
        for piece in self.pieces():
            body += piece
            if len(body) > _MOST_DRAINED:
                break
        return Answer(self.status, self.headers, body[:_MOST_DRAINED], self.authorized)

    def close(self) -> None:
        """Give the connection back."""
        self._reply.close()


def origin(url: str) -> "tuple[str, str, int]":
    """(scheme, host, port): what may see a token. Raises RemoteError when it is not http(s)."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        place = url.partition("://")[2].partition("/")[0].partition("?")[0]
        if not place or not _PLACE.issuperset(place):
            raise ValueError("its host is not plain")
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        return parts.scheme, (parts.hostname or "").lower(), port
    except (ValueError, KeyError):
        raise RemoteError("a URL that is not one of http or https", "look at HF_ENDPOINT") from None


def _join(url: str, where: str) -> str:
    from urllib.parse import urljoin

    try:
        return urljoin(url, where)
    except ValueError:
        raise RemoteError("redirected to what is no URL", "look at HF_ENDPOINT") from None


def quote(text: str) -> str:
    """A path as it stands in a URL."""
    from urllib.parse import quote as quoted

    return quoted(text, safe="/")


def _body(data: "list[tuple[str, str]] | None", json: object) -> "tuple[bytes, dict[str, str]]":
    if data is not None:
        from urllib.parse import urlencode

        return urlencode(data).encode(), {"content-type": "application/x-www-form-urlencoded"}
    if json is not None:
        from json import dumps

        return dumps(json).encode(), {"content-type": "application/json"}
    return b"", {}


def _drain(reply: "Reply") -> None:
    """Read what little a redirect says, so that its connection can be used again."""
    try:
        if int(reply.headers.get("content-length", "0") or 0) <= _MOST_DRAINED:
            for _ in reply.pieces():
                pass
    except (RemoteError, ValueError):
        pass
    finally:
        reply.close()
