"""World: requests to one repository of a registry, as whom it knows, wherever its blobs lie."""

import time

from neffcache.errors import RemoteError
from neffcache.registry import answers, login, token
from neffcache.registry.answers import Told
from neffcache.registry.broken import Broken
from neffcache.registry.request import Request, split
from neffcache.version import __version__

_AGENT = f"neffcache/{__version__}"
_HOPS = 5
_MOVED = (301, 302, 303, 307, 308)
# What passes by itself, and the pauses before it is asked for again.
_PASSING, _PAUSES = (500, 502, 503, 504), (0.1, 0.3)
_FORBIDDEN, _NOT_ENOUGH = 403, "insufficient_scope"
_MOST_REDIRECT = 64 << 10

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.registry.login import Login
    from neffcache.registry.names import Place
    from neffcache.registry.token import Token
    from neffcache.registry.wire import Net, Reply
    from neffcache.remote import Spec


class Client:
    """Requests to a repository. For any number of threads.

    Attributes:
        place: the repository; net: how it is reached.
    """

    def __init__(
        self,
        place: "Place",
        net: "Net",
        environ: "Mapping[bytes, bytes]",
        spec: "Spec | None",
        writes: bool,
    ) -> None:
        """Nothing is asked yet.

        Args:
            spec: names the variable with the login; None: only the credential files count.
            writes: whether tokens are for pushing, too.
        """
        import threading

        self.place = place
        self.net = net
        self._environ = environ
        self._spec = spec
        self._lock = threading.Lock()
        self._login: Login | None = None
        self._complete = False
        self._challenge: dict[str, str] = {}
        self._token: Token | None = None
        self._origin = split(place.base)[0]
        actions = "pull,push" if writes else "pull"
        self.scope = [f"repository:{place.repository}:{actions}"]

    def ask(self, request: "Request") -> "Reply":
        """The answer to a request; the caller closes it.

        Whom the registry does not know yet logs in; what it redirects is followed; what passes by
        itself is asked for again.

        Raises:
            RemoteError: no answer (Broken), or none without a login that is not to be had.
        """
        for pause in _PAUSES if request.again else ():
            reply = self._known(request)
            if reply.status not in _PASSING or "retry-after" in reply.headers:
                return reply
            reply.close()
            time.sleep(pause)
        return self._known(request)

    def tell(self, request: "Request") -> Told:
        """The whole of a small answer, whatever its status. Raises RemoteError."""
        reply = self.ask(request)
        # There is one whose 416 states a body that never comes.
        body = b"" if reply.status == 416 else reply.body()
        reply.close()
        return Told(reply.status, reply.headers, self.hidden(body) if reply.status >= 400 else body)

    def hidden(self, said: bytes) -> bytes:
        """What the registry says of a failure, less our secrets, should it repeat them."""
        if self._token is not None:
            said = login.hide(said, self._token.text.partition(" ")[2])
        return self._login.hide(said) if self._login is not None else said

    def shown(self) -> str:
        """Registry and repository, for messages."""
        return f"{self.place.known}/{self.place.repository}"

    def login(self, ask: bool = True) -> "Login":
        """Who we are there. Raises RemoteError.

        Args:
            ask: whether a program is asked that keeps all logins.
        """
        with self._lock:
            return self._find_login(ask)

    def _known(self, request: "Request") -> "Reply":
        """The answer to somebody whom the registry knows, if that can be had."""
        shown = self._authorization()
        reply = self._follow(request, shown)
        if reply.status != 401 or reply.origin != self._origin:
            return reply
        header = reply.headers.get("www-authenticate", "")
        try:
            again = self._log_in(header, shown)
        except BaseException:
            reply.close()
            raise
        if not again:
            return reply
        _drain(reply)
        reply = self._follow(request, again)
        if reply.status == 401 and self._login is not login.ANONYMOUS:
            # With a token that is new: so it says that the user may not.
            told = token.challenge(reply.headers.get("www-authenticate", ""))[1]
            reply.status = _FORBIDDEN if told.get("error") == _NOT_ENOUGH else reply.status
        return reply

    def _follow(self, request: "Request", authorization: str) -> "Reply":
        """Where it leads to: whoever else is asked does not get what is for the registry."""
        made = request
        for _hop in range(_HOPS):
            made.headers["User-Agent"] = _AGENT
            made.headers.pop("Authorization", None)
            if authorization and split(made.url)[0] == self._origin:
                made.headers["Authorization"] = authorization
            reply = self.net.send(made)
            if reply.status not in _MOVED or made.method not in ("GET", "HEAD"):
                return reply
            _drain(reply)
            where = self.beside(made.url, reply.headers.get("location", ""))
            made = Request(request.method, where, request.headers)
        raise RemoteError(f"{self.shown()}: redirected too often", "look at the registry")

    def beside(self, url: str, where: str) -> str:
        """The URL that a Location means. Raises RemoteError."""
        from urllib.parse import urljoin

        try:
            joined = urljoin(url, where)
            scheme, host, _port = split(joined)[0]
        except ValueError:
            raise RemoteError(f"{self.shown()}: redirected to what is no URL") from None
        if not where:
            raise RemoteError(f"{self.shown()}: redirected to nowhere")
        if self._origin[0] == "https" and scheme == "http":
            if host != self._origin[1]:
                raise RemoteError(f"{self.shown()}: redirected to {host} without TLS")
            # Behind a proxy that speaks TLS for it a registry may not know that it does.
            return self.place.base + split(joined)[1]
        return joined

    def _authorization(self) -> str:
        """What is shown from the start: a token that holds, or what needs no question first."""
        with self._lock:
            if self._challenge:
                return self._renewed().text
            found = self._find_login(ask=False)
            return f"Bearer {found.token}" if found.token else found.basic

    def _log_in(self, header: str, shown: str) -> str:
        """Another Authorization after a 401; "": there is none that could help."""
        scheme, told = token.challenge(header)
        with self._lock:
            found = self._find_login(ask=True)
            if scheme == "bearer" and not found.token:
                if self._token is not None and self._token.text != shown:
                    return self._token.text  # another thread was quicker
                self._challenge, self._token = told, None
                return self._renewed().text
            wanted = f"Bearer {found.token}" if found.token else found.basic
            return wanted if wanted != shown else ""

    def _renewed(self) -> "Token":
        if self._token is None or time.monotonic() >= self._token.until:
            found = self._find_login(ask=True)
            base = self.place.base
            self._token = token.fetch(self.net, self._challenge, self.scope, found, base)
        return self._token

    def _find_login(self, ask: bool) -> "Login":
        if self._login is None or (ask and not self._complete):
            found = login.of_variable(self._spec, self._environ) if self._spec else None
            if found is None:
                found = login.of_files(self.place, self._environ, 0.8 * self.net.stall, ask)
            self._login = found or login.ANONYMOUS
            self._complete = ask or found is not None
        return self._login


def check(told: Told, place: str, good: "tuple[int, ...]", writing: bool = False) -> Told:
    """The answer when its status is a good one. Raises RemoteError, RefusedError."""
    if told.status not in good:
        raise answers.failure(told, place, writing)
    return told


def _drain(reply: "Reply") -> None:
    """Read what little it says, so that its connection can be used again."""
    if reply.left is not None and reply.left <= _MOST_REDIRECT:
        try:
            reply.body()
        except Broken:
            pass
    reply.close()
