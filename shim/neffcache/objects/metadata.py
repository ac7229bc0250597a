"""World: requests for credentials, with a hard end: neither name server nor host can hold us."""

import time

from neffcache.errors import RemoteError

# For an address that only a cloud's own machines answer at: elsewhere it is silent, or not there.
PROBE = 1.0
_MOST = 256 << 10

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any, TypeVar

    T = TypeVar("T")


class Answer:
    """What came back.

    Attributes:
        status: the number; headers: names in lower case; body: bounded.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: "dict[str, str]", body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        """The body, stripped."""
        return self.body.decode("utf-8", "replace").strip()

    def json(self) -> "dict[str, Any]":
        """The object in the body; {} when it is none."""
        import json

        try:
            told = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return told if isinstance(told, dict) else {}


class Deadline:
    """One span of time for several requests."""

    __slots__ = ("_end",)

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds; never less than a moment, so that what follows ends by itself."""
        return max(self._end - time.monotonic(), 0.001)


def within(seconds: float, work: "Callable[[], T]") -> "T":
    """What `work` gives; it is left alone where it is when it takes longer.

    Raises:
        TimeoutError: it did. Whatever else it raises comes out unchanged.
    """
    import threading

    given: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            given.append(work())
        except BaseException as error:  # raised again by who waits
            raised.append(error)

    thread = threading.Thread(target=run, name="neffcache-credentials", daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if not given:
        raise TimeoutError(f"not through after {seconds:.1f} s")
    return given[0]


def ask(
    url: str, seconds: float, headers: "Mapping[str, str] | None" = None, method: str = "GET"
) -> Answer:
    """One request past all proxies, as machines ask the host they run on.

    Raises:
        OSError: no answer, or not within the time.
    """

    def work() -> Answer:
        from http import client
        from urllib.parse import urlsplit

        try:
            parts = urlsplit(url)
            make = client.HTTPSConnection if parts.scheme == "https" else client.HTTPConnection
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            link = make(parts.hostname or "", parts.port, timeout=seconds)
            try:
                link.request(method, path, headers=dict(headers or {}))
                answer = link.getresponse()
                named = {name.lower(): text for name, text in answer.getheaders()}
                return Answer(answer.status, named, answer.read(_MOST))
            finally:
                link.close()
        except (client.HTTPException, ValueError) as error:
            raise OSError(f"no usable answer ({type(error).__name__})") from None

    return within(seconds, work)


def post(url: str, form: "Mapping[str, str]", seconds: float, ca: str = "") -> Answer:
    """Send a form to a server of tokens, through the proxy where variables name one.

    Args:
        ca: a file of certificates (PEM) to trust besides those of the system.

    Raises:
        OSError: no answer, or not within the time.
    """
    from urllib.parse import urlencode

    kind = {"content-type": "application/x-www-form-urlencoded"}
    return send(url, urlencode(form).encode(), kind, seconds, ca)


def send(
    url: str, body: "bytes | None", headers: "Mapping[str, str]", seconds: float, ca: str = ""
) -> Answer:
    """The same with a body and headers of one's own; None: a GET."""

    def work() -> Answer:
        import ssl
        from http.client import HTTPException
        from urllib import request
        from urllib.error import HTTPError

        class Still(request.HTTPRedirectHandler):
            """A secret goes where it was meant to go, and to nobody who says he has moved."""

            def redirect_request(self, *_arguments: object) -> None:
                return None

        trust = ssl.create_default_context()
        if ca:
            trust.load_verify_locations(ca)
        opener = request.build_opener(Still, request.HTTPSHandler(context=trust))
        try:
            asked = request.Request(url, body, dict(headers))
            with opener.open(asked, timeout=seconds) as answer:
                return Answer(answer.status, {}, answer.read(_MOST))
        except HTTPError as error:
            with error:
                return Answer(error.code, {}, error.read(_MOST))
        except (HTTPException, ValueError) as error:
            raise OSError(f"no usable answer ({type(error).__name__})") from None

    return within(seconds, work)


def host_of(url: str) -> str:
    """The host and port of an address, for people."""
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2]


def why(error: OSError) -> str:
    """Why there was no answer, in few words; nothing of what was sent."""
    reason = getattr(error, "reason", error)
    if isinstance(error, TimeoutError) or isinstance(reason, TimeoutError):
        return "is silent"
    kind = type(reason).__name__
    if "SSL" in kind or "Certificate" in kind:
        return "has no certificate that is trusted here"
    if kind == "gaierror":
        return "does not resolve"
    text = reason.strerror if isinstance(reason, OSError) and reason.strerror else ""
    return f"cannot be asked ({(text or str(error) or kind)[:100]})"


def moment(text: object) -> "datetime | None":
    """A time as clouds write it (ISO 8601, UTC); None when there is none."""
    from datetime import datetime, timezone

    try:
        found = datetime.strptime(str(text)[:19], "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return None
    return found.replace(tzinfo=timezone.utc)


def after(seconds: object) -> "datetime":
    """The time in so many seconds, as servers of tokens say it; an hour when they do not."""
    from datetime import datetime, timedelta, timezone

    try:
        span = float(str(seconds))
    except ValueError:
        span = 3600.0
    return datetime.now(timezone.utc) + timedelta(seconds=span)


def token(answer: Answer, who: str, remedy: str) -> "dict[str, Any]":
    """A bearer token with its end, as obstore takes it, from an answer of OAuth.

    Raises:
        RemoteError: there is none in it; names the server's own word for why.
    """
    told = answer.json()
    made = told.get("access_token")
    if answer.status != 200 or not isinstance(made, str) or not made:
        word = told.get("error", "")
        said = f" ({word})" if isinstance(word, str) and word.replace("_", "").isalnum() else ""
        raise RemoteError(f"{who} gave no token: {answer.status}{said}", remedy)
    return {"token": made, "expires_at": after(told.get("expires_in"))}
