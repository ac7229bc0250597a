"""Whole: a repository on the Hugging Face Hub: `hf://org/repository[@revision]`."""

import time

from neffcache import config
from neffcache.errors import RemoteError
from neffcache.hub import answers, names
from neffcache.hub.client import open_client, quote
from neffcache.remotes.hub_reading import Download, Vanished

# What the Hub takes in one question.
_MOST_PATHS = 1000
# So many pages of a listing, a thousand names each, then it is not a cache that we look at.
_MOST_PAGES = 500

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from neffcache.hub.answers import Answer
    from neffcache.publishing import Object, Published
    from neffcache.remote import Progress, Spec


class HubRemote:
    """Objects are files of a repository; all of them are read at the commit of the first answer.

    Attributes:
        spec: as the settings name it; environ: what holds for it.
        repo, revision: the two parts of its location.
        client: for requests to its Hub.
    """

    def __init__(self, spec: "Spec", environ: "Mapping[bytes, bytes]") -> None:
        """Nothing is asked yet. Raises RemoteError when the Hub's client is not installed."""
        self.spec = spec
        self.environ = environ
        self.repo, self.revision = names.split(spec.location)
        self.client = open_client(spec, environ)
        self._commit = ""
        self._resolved = 0.0
        self._head_age = config.load(environ).head_age

    def head(self) -> str:
        """The commit that the last answer was read at; "" before the first."""
        return self._commit

    def fetch(self, name: str, into: str, progress: "Progress") -> bool:
        """Write an object into a file, checked against the Hub's digest; False: it is absent.

        At the commit of the first answer, so that all files of an entry are of one; what is absent
        there is looked for again once that commit was resolved longer ago than `head_age`.
        """
        problem: BaseException = RemoteError(f"{self.repo} changes faster than it can be read")
        for revision in self._revisions():
            download = Download(self.client, self.repo, progress)
            path = f"/{self.repo}/resolve/{_segment(revision)}/{quote(name)}"
            try:
                found = download.run(path, revision, into)
            except Vanished as error:
                problem = error.__cause__ or problem
                continue
            if not download.commit:
                raise RemoteError("the Hub says that it is absent, but not in which commit")
            if not found and revision != self.revision and self._is_old():
                continue
            if revision == self.revision:
                self._resolved = time.monotonic()
            self._commit = download.commit
            return found
        raise problem

    def exists(self, names: "Iterable[str]") -> "set[str]":
        """Which of the names stand there; one question for a thousand."""
        wanted = list(dict.fromkeys(names))
        found: set[str] = set()
        for at in range(0, len(wanted), _MOST_PATHS):
            found.update(self.entries(wanted[at : at + _MOST_PATHS]))
        return found

    def entries(self, names: "Sequence[str]") -> "dict[str, dict[str, Any]]":
        """What the Hub says of those files that stand there, by name; at most a thousand."""
        data = [("paths", name) for name in names] + [("expand", "false")]
        told = self._ask("POST", "paths-info", "", data).json()
        if not isinstance(told, list):
            raise RemoteError("an answer that is no list of files", "look at HF_ENDPOINT")
        return answers.files_in(told)

    def listing(
        self, prefix: str, tick: "Callable[[], None] | None" = None
    ) -> "list[tuple[str, int, str]]":
        """(path, bytes, digest) of every file below a directory; [] when there is no such.

        At the commit of an answer before it, if there was one. The digest is a SHA-256 (64 hex
        digits), or that of a git blob (40) for what is small; -1 bytes: no size is told.

        Args:
            tick: called for each page.
        """
        found: list[tuple[str, int, str]] = []
        for page in self._pages(prefix):
            found += _files(page)
            if len(found) > _MOST_PAGES * _MOST_PATHS:
                raise self._too_many()
            if tick is not None:
                tick()
        return found

    def store(self, name: str, path: str, progress: "Progress") -> bool:
        """Publish a file in a commit of its own; False when the name already stands."""
        from neffcache.remotes import hub_writing

        self._commit = ""
        return hub_writing.store(self, name, path, progress)

    def publish(self, objects: "Sequence[Object]", progress: "Progress") -> "Published":
        """Publish objects in one commit, create-only."""
        from neffcache.remotes import hub_writing

        self._commit = ""
        return hub_writing.publish(self, objects, progress)

    def _pages(self, prefix: str) -> "Iterator[Answer]":
        below = f"/{quote(prefix)}" if prefix else ""
        answer = self._ask("GET", "tree", f"{below}?recursive=true", None, self._commit)
        if answer.code == answers.NO_REVISION:
            self._commit = ""  # somebody rewrote the history, or it is not everywhere there yet
            answer = self._ask("GET", "tree", f"{below}?recursive=true", None)
        for _ in range(_MOST_PAGES):
            if answer.code == answers.NO_ENTRY:
                return
            yield answers.check(answer, self.repo, self.revision)
            page = _next(answer.headers.get("link", ""))
            if not page:
                return
            answer = self.client.call("GET", page)
        raise self._too_many()

    def _too_many(self) -> RemoteError:
        return RemoteError(f"{self.repo} holds too many files to be listed")

    def _ask(
        self,
        method: str,
        what: str,
        rest: str,
        data: "list[tuple[str, str]] | None",
        commit: str = "",
    ) -> "Answer":
        """Ask at the revision, or at a commit; that this one or the path is not there is said."""
        path = f"/api/models/{self.repo}/{what}/{_segment(commit or self.revision)}{rest}"
        answer = self.client.call(method, path, data=data)
        if answer.code == answers.NO_ENTRY or (commit and answer.code == answers.NO_REVISION):
            return answer
        return answers.check(answer, self.repo, self.revision)

    def _revisions(self) -> "list[str]":
        """Where to look: at the commit read before, then, should that be gone, at the revision."""
        return list(dict.fromkeys(one for one in (self._commit, self.revision) if one))

    def _is_old(self) -> bool:
        """Whether somebody may have written since the revision was resolved."""
        return time.monotonic() - self._resolved >= self._head_age


def _segment(revision: str) -> str:
    """A revision as one segment of a URL's path."""
    return quote(revision).replace("/", "%2F")


def _files(answer: "Answer") -> "Iterator[tuple[str, int, str]]":
    told = answer.json()
    if not isinstance(told, list):
        raise RemoteError("an answer that is no list of files", "look at HF_ENDPOINT")
    for path, row in answers.files_in(told).items():
        lfs, size = row.get("lfs"), row.get("size")
        digest = lfs.get("oid") if isinstance(lfs, dict) else row.get("oid")
        yield path, size if type(size) is int and size >= 0 else -1, str(digest)


def _next(link: str) -> str:
    """The URL of the next page in a Link header, or ""."""
    for part in link.split(","):
        url, _, relation = part.partition(">")
        if 'rel="next"' in relation:
            return url.strip().removeprefix("<")
    return ""
