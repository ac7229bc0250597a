"""World: what a Hub says of a user and of a repository, and how a repository is made there."""

import posix

from neffcache.errors import RefusedError, RemoteError
from neffcache.hub import answers, client, names

# Answers that another try may change; all others from 400 to 499 are a no.
_LATER = (408, 425, 429)
_EXISTS = 409

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.hub.answers import Answer
    from neffcache.hub.client import Client


class Repo:
    """A repository as its Hub describes it.

    Attributes:
        name: its full name now: a renamed one has another than it was asked for by.
        private: whether only those with a right to it see it.
        gated: whether its readers are chosen one by one.
        quota: what is left of the request quota, in words; "" when the Hub does not say.
    """

    __slots__ = ("gated", "name", "private", "quota")

    def __init__(self, name: str, private: bool, gated: bool, quota: str) -> None:
        self.name = name
        self.private = private
        self.gated = gated
        self.quota = quota


def whoami(hub: "Client") -> str:
    """The name of the token's user. Raises RemoteError; RefusedError without a valid token."""
    if not hub.token:
        raise RefusedError("not logged in", "set HF_TOKEN or run `hf auth login`")
    told = _fine(hub.call("GET", "/api/whoami-v2"), "").json()
    name = told.get("name") if isinstance(told, dict) else None
    if not isinstance(name, str) or not name:
        raise RemoteError(f"{hub.endpoint} does not answer like a Hub", "look at HF_ENDPOINT")
    return name


def info(hub: "Client", repo: str) -> Repo:
    """What a repository is.

    Raises:
        RefusedError: it is not there, or not for this user; RemoteError.
    """
    # Not the list of its files, which may be long.
    path = f"/api/models/{client.quote(repo)}"
    answer = _fine(hub.call("GET", f"{path}?expand=private&expand=gated"), repo)
    told = answer.json()
    name = told.get("id") if isinstance(told, dict) else None
    if not isinstance(name, str) or names.repo_problem(name):
        raise RemoteError(f"{hub.endpoint} does not answer like a Hub", "look at HF_ENDPOINT")
    gated = bool(told.get("gated"))
    if gated:  # everybody may know of it, not everybody may have its files
        _fine(hub.call("GET", f"{path}/auth-check"), repo)
    # What it does not say is taken for the worse: public.
    return Repo(name, told.get("private") is True, gated, quota(answer))


def check_revision(hub: "Client", repo: str, revision: str) -> None:
    """Nothing, where a repository has a revision; else RefusedError, or RemoteError."""
    path = f"/api/models/{client.quote(repo)}/revision/"
    answer = hub.call("GET", path + client.quote(revision).replace("/", "%2F") + "?expand=private")
    _fine(answer, repo, revision)


def create(hub: "Client", repo: str, public: bool) -> "tuple[Repo, bool]":
    """Make a repository: what it is now, and whether it is new.

    Raises:
        RefusedError: not for this user; RemoteError.
    """
    org, _, name = repo.partition("/")
    # Every Hub knows `private`; the newer word for it would make a public one on an older Hub.
    wanted = {"name": name, "organization": org, "type": "model", "private": not public}
    answer = hub.call("POST", "/api/repos/create", json=wanted)
    if answer.status == 403:
        # Those who may not make one there may still use the one that stands there.
        try:
            return info(hub, repo), False
        except RefusedError:
            raise _failure(answer, f"{repo} cannot be made") from None
    if answer.status != _EXISTS:
        _fine(answer, repo)
    made = info(hub, repo)
    if answer.fine and made.private == public:
        raise RefusedError(
            f"{made.name} was made {'private' if made.private else 'public'}, against our request",
            "change its visibility on its page",
        )
    return made, answer.fine


def write_problem(hub: "Client", repo: str) -> str:
    """What forbids this user to write to a repository; "" when nothing does. Raises RemoteError."""
    path = f"/api/models/{client.quote(repo)}"
    answer = hub.call("GET", f"{path}/auth-check/write")
    if answer.status == 404 and not answer.code:
        # A Hub without that question: may this user delete what is not there?
        answer = hub.call("DELETE", f"{path}/branch/neffcache-{posix.urandom(8).hex()}")
        if answer.code == answers.NO_REVISION:
            return ""
    if answer.fine:
        return ""
    error = _failure(answer, repo)
    if isinstance(error, RefusedError):
        return str(error)
    raise error


def quota(answer: "Answer") -> str:
    """What is left of the request quota, in words; "" when the Hub does not say."""
    left = _fields(answer.headers.get("ratelimit", ""))
    policy = _fields(answer.headers.get("ratelimit-policy", ""))
    if "r" not in left:
        return ""
    of = f" of {policy['q']}" if "q" in policy else ""
    until = f", anew in {left['t']} s" if "t" in left else ""
    return f"{left['r']}{of} requests left{until}"


def _fields(header: str) -> "dict[str, str]":
    """The numbers of the first item of a structured header: `"api";r=499;t=12`."""
    found = {}
    for part in header.partition(",")[0].split(";"):
        name, _, value = part.strip().partition("=")
        if value.isascii() and value.isdigit():
            found[name] = value[:12]
    return found


def _fine(answer: "Answer", repo: str, revision: str = "") -> "Answer":
    if not answer.fine:
        raise _failure(answer, repo, revision)
    return answer


def _failure(answer: "Answer", repo: str, revision: str = "") -> RemoteError:
    error = answers.failure(answer, repo, revision)
    known = answer.status != 404 or answer.code
    if 400 <= answer.status < 500 and answer.status not in _LATER and known:
        return RefusedError(error.what, error.remedy)
    return error
