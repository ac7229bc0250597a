"""World: what the Hub answered, and what an answer other than the wanted one means to people."""

from neffcache.errors import RemoteError

# The words of the header that tells one 404 from another.
NO_REPO, NO_REVISION, NO_ENTRY, GATED = (
    "RepoNotFound", "RevisionNotFound", "EntryNotFound", "GatedRepo",
)  # fmt: skip
TOO_MANY = 429
# How long to leave a Hub alone that asks for it without saying for how long.
PAUSE = 60.0
_LONGEST_PAUSE = 7200.0
_MOST = 200
_REDIRECTS = (301, 302, 303, 307, 308)
# Parts of the names of exceptions, whichever library is below: what it means, what to do.
_BROKEN = (
    (("OfflineMode",), "not asked, HF_HUB_OFFLINE is set", "unset it to use the Hub"),
    (("UnicodeEncode",), "the token holds what no token does", "correct HF_TOKEN or log in anew"),
    (
        ("gaierror", "NameResolution"),
        "its name does not resolve",
        "look at HF_ENDPOINT and the name server",
    ),
    (
        ("SSL", "Certificate"),
        "no trusted TLS connection",
        "name its CA: SSL_CERT_FILE or REQUESTS_CA_BUNDLE",
    ),
    (("ConnectionRefused",), "connection refused", "look at HF_ENDPOINT and the proxy"),
    (("ConnectTimeout",), "no connection in time", "look at the network and the proxy"),
    (("Timeout", "timeout"), "no answer in time", ""),
    (("ProtocolError", "IncompleteRead"), "its answer broke off", ""),
)
_UNITS = {"second": 1, "minute": 60, "hour": 3600}
# How secrets look in what a Hub, or a proxy before it, repeats of a request.
_TOKEN, _SCHEMES, _MARKS, _HIDDEN = "hf_", ("bearer", "basic"), "\"':=([{", "***"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Answer:
    """A complete answer.

    Attributes:
        status: the number; headers: names in lower case; body: bounded.
        authorized: whether the request carried a token.
    """

    __slots__ = ("authorized", "body", "headers", "status")

    def __init__(
        self, status: int, headers: "dict[str, str]", body: bytes = b"", authorized: bool = False
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.authorized = authorized

    @property
    def fine(self) -> bool:
        """Whether it is what was asked for."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The Hub's own word for an error (NO_REPO, ...), or ""."""
        return self.headers.get("x-error-code", "")

    @property
    def message(self) -> str:
        """The Hub's own sentence about an error, one bounded line without secrets, or ""."""
        text = self.headers.get("x-error-message", "")
        if not text:
            told = self.json() if self.body.startswith(b"{") else None
            text = str(told.get("error", "")) if isinstance(told, dict) else ""
        return harmless(text)[:_MOST]

    def json(self) -> "Any":
        """The body's value; None when it is not JSON."""
        import json

        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


def check(answer: Answer, repo: str = "", revision: str = "") -> Answer:
    """The answer when it is fine. Raises RemoteError (see `failure`)."""
    if not answer.fine:
        raise failure(answer, repo, revision)
    return answer


def files_in(told: "Sequence[Any]") -> "dict[str, dict[str, Any]]":
    """The files among the rows of an answer, by path; whatever else stands there is left out."""
    return {
        row["path"]: row
        for row in told
        if isinstance(row, dict) and row.get("type") == "file" and isinstance(row.get("path"), str)
    }


def of(error: BaseException) -> "Answer | None":
    """The answer behind an exception of the Hub's client; None when there was none.

    Its body stays unread.
    """
    response: Any = getattr(error, "response", None)
    if response is None or not isinstance(getattr(response, "status_code", None), int):
        return None
    headers = {name.lower(): value for name, value in response.headers.items()}
    request: Any = getattr(response, "request", None)
    authorized = request is not None and "authorization" in request.headers
    made = Answer(response.status_code, headers, b"", authorized)
    told = getattr(error, "server_message", None)
    if told and "x-error-message" not in headers:
        headers["x-error-message"] = str(told)
    return made


def failure(answer: Answer, repo: str = "", revision: str = "") -> RemoteError:
    """What an unwanted answer means: one line with the remedy; `pause` where the Hub asks for one.

    Args:
        repo, revision: what was asked about; "": no repository.
    """
    status, what = answer.status, repo or "the Hub"
    if status == TOO_MANY:
        pause = pause_of(answer) or PAUSE
        return RemoteError(
            f"the Hub's rate limit is used up for {pause:.0f} s" + _told(answer),
            "" if answer.authorized else "log in: anonymous limits are lower",
            pause,
        )
    if status >= 500:
        return RemoteError(f"the Hub answered {status}" + _told(answer), "", pause_of(answer))
    if answer.code == GATED:
        return RemoteError(
            f"{what} is gated", "ask for access on its page, with the account of the token"
        )
    if status == 401 or (status == 404 and answer.code == NO_REPO):
        return _unknown(answer, repo)
    if status == 403:
        return RemoteError(
            f"{what}: not permitted" + _told(answer), "use a token that may do this there"
        )
    if status == 404 and answer.code == NO_REVISION:
        return RemoteError(f"{what} has no revision {revision}", "correct or remove @revision")
    if status in (404, *_REDIRECTS) and not answer.code:
        return RemoteError(
            f"{status} from something that does not answer like the Hub",
            "look at HF_ENDPOINT, the proxy and the repository's name",
        )
    return RemoteError(f"{what}: the Hub answered {status}" + _told(answer))


def pause_of(answer: Answer) -> float:
    """Seconds for which the Hub asks to be left alone, 0 when it does not say."""
    headers = answer.headers
    seconds = [_retry_after(headers.get("retry-after", "").strip())]
    for part in headers.get("ratelimit", "").replace(",", ";").split(";"):
        name, _, value = part.strip().partition("=")
        if name.strip() == "t" and _is_number(value.strip()):
            seconds.append(float(value))
    seconds.append(_in_words(answer.message))
    return min(max(seconds), _LONGEST_PAUSE)


def broken(error: BaseException, host: str) -> RemoteError:
    """What an exception of an HTTP library means; never its text, which may hold a signed URL."""
    if isinstance(error, RemoteError):
        return error
    chain = _chain(error)
    names = " ".join(type(one).__name__ for one in chain)
    for words, what, remedy in _BROKEN:
        if any(word in names for word in words):
            return RemoteError(f"{host}: {what}", remedy)
    for one in chain:
        if isinstance(one, OSError) and one.strerror:
            return RemoteError(f"{host}: {one.strerror}"[:_MOST])
    return RemoteError(f"{host}: no usable answer ({type(error).__name__})")


def harmless(text: str) -> str:
    """One line of what somebody else says, who may repeat a token or a signed URL."""
    made: list[str] = []
    for word in text.split():
        before = made[-1].lower().rstrip(_MARKS) if made else ""
        secret = _TOKEN in word or before.endswith(_SCHEMES)
        address, mark, _signature = word.partition("?") if "://" in word else (word, "", "")
        made.append(_HIDDEN if secret else address + (mark and "?" + _HIDDEN))
    # What would move a terminal is nothing that anybody has to read.
    return "".join(char if char.isprintable() else "?" for char in " ".join(made))


def cut(host: str) -> RemoteError:
    """The connection ended before its answer did."""
    return RemoteError(f"{host}: its answer broke off")


def _unknown(answer: Answer, repo: str) -> RemoteError:
    what = repo or "the Hub"
    if not answer.authorized:
        return RemoteError(
            f"{what} is private or not there, and no token was sent" if repo else "not logged in",
            "log in (`hf auth login`) or set HF_TOKEN",
        )
    if answer.status == 401:
        return RemoteError(
            f"{what}: the token is not valid" + _told(answer),
            "make a new one: `hf auth login`, or correct HF_TOKEN",
        )
    return RemoteError(
        f"{what} is not there, or the token may not see it",
        "correct its name, make it with `neffcache create`, or use another token",
    )


def _told(answer: Answer) -> str:
    message = answer.message
    return f" ({message})" if message else ""


def _chain(error: BaseException) -> "list[BaseException]":
    """An exception, what it came from, and what its first argument holds."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(found) < 20:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found


def _retry_after(text: str) -> float:
    """Seconds, or a date, of which what is left is taken."""
    if _is_number(text):
        return float(text[:9])
    if not text:
        return 0.0
    import time
    from email.utils import parsedate_to_datetime

    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _in_words(message: str) -> float:
    """The time in "You can retry this action in 43 minutes": all that a used-up quota tells."""
    words = message.split()
    for at, unit in enumerate(words):
        number = words[at - 1]
        seconds = _UNITS.get(unit.strip(".,;)").removesuffix("s"))
        if _is_number(number) and seconds and "retry" in message:
            return float(number[:6]) * seconds
    return 0.0


def _is_number(text: str) -> bool:
    """Whether these are digits, and not the raised ones that Python also calls so."""
    return text.isascii() and text.isdigit()
