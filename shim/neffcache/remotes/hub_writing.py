"""Whole: writing to a repository of the Hub: what is missing there, in one commit, create-only."""

import posix
import time

from neffcache import config
from neffcache.errors import NeffcacheError, RefusedError, RemoteError
from neffcache.hub import answers, repos
from neffcache.hub.answers import files_in
from neffcache.hub.client import quote
from neffcache.hub.names import repo_problem, write_problem
from neffcache.publishing import Indigestible, Object, Published
from neffcache.remotes.hub_commit import Failed, Upload

# Seconds for a call that moves no content: this many times the longest silence of a reader.
_PATIENCE = 12
# Others commit, too: so often it is our turn again, after pauses that double.
_TURNS = 12
_FIRST_PAUSE, _LAST_PAUSE = 1.0, 30.0
_STEP = 0.1
# After so many commits of which nothing is known the Hub is left alone for a while.
_FAILURES = 3
# So often a commit that was just made is looked for: not every server knows it at once.
_LOOKS = 6
_MOST_PATHS = 1000
_CONFLICT = (409, 412)
# What was sent is at fault, not the place.
_NOT_SO = (400, 413, 422)
_LATER = (408, 425)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from typing import Any

    from neffcache.hub.answers import Answer
    from neffcache.remote import Progress
    from neffcache.remotes.hub import HubRemote


def publish(remote: "HubRemote", objects: "Sequence[Object]", progress: "Progress") -> Published:
    """Publish what is missing in one commit, on top of the one that was seen to lack it.

    Raises:
        RefusedError: nothing of ours is taken there: one line with why, as whom, what to do.
        Indigestible: not these at once; RemoteError: not now; OSError: the local files.
    """
    place = Place(remote)
    size = sum(posix.stat(one.path).st_size for one in objects)
    progress(0)
    head = place.head()
    allowed, refused = place.allowed(objects, head)
    missing = _missing(allowed, place.standing(_names(allowed), head.commit))
    if not missing:
        return Published(set(), refused)
    upload = Upload(place.client, head.repo, place.branch, place.patience)
    try:
        try:
            upload.content(missing, progress)
        except Failed as failed:
            raise place.meaning(failed) from failed
        created = _commit(place, upload, missing, head.commit, progress)
    finally:
        upload.close()
    progress(size)
    return Published(created, refused)


def store(remote: "HubRemote", name: str, path: str, progress: "Progress") -> bool:
    """Publish one file: False when the name stands. Raises as `publish`."""
    done = publish(remote, [Object(name, path, True)], progress)
    for why in done.refused.values():
        raise RefusedError(why)
    return name in done.created


def _commit(
    place: "Place", upload: Upload, objects: "list[Object]", seen: str, progress: "Progress"
) -> "set[str]":
    """Commit what was sent: the names that are there by us. Whatever happens, look again.

    Args:
        seen: a commit that lacks all of them.
    """
    created: set[str] = set()
    failures = 0
    problem: RemoteError = RemoteError(f"{place.repo}: others commit all the time")
    for turn in range(_TURNS):
        head = place.head()
        there = {} if head.commit == seen else place.standing(_names(objects), head.commit)
        if failures:  # "gone wrong" may be said of a commit that landed
            ours = [one for one in objects if one.name in there]
            created |= {one.name for one in ours if upload.is_ours(one, there[one.name])}
        objects = _missing(objects, there)
        if not objects:
            return created
        if failures >= _FAILURES:
            break
        for why in place.allowed(objects, head)[1].values():
            raise RefusedError(why)  # it has become public while the content went up
        names = [one.name for one in objects]
        try:
            place.check(names, upload.commit(names, head.commit, progress), progress)
            return created | set(names)
        except Failed as failed:
            conflict = failed.answer is not None and failed.answer.status in _CONFLICT
            if not conflict:
                problem = place.meaning(failed)
                _raise_if_certain(failed, problem)
                failures += _FAILURES if failed.error is None else 1
        _rest(turn, progress)
    raise problem


def _names(objects: "Sequence[Object]") -> "list[str]":
    """All names that decide which objects are missing."""
    found = [one.name for one in objects] + [one.unless for one in objects if one.unless]
    return list(dict.fromkeys(found))


def _missing(objects: "Sequence[Object]", there: "Container[str]") -> "list[Object]":
    return [one for one in objects if one.name not in there and one.unless not in there]


def _raise_if_certain(failed: Failed, problem: RemoteError) -> None:
    """Raise it unless the commit may have landed all the same."""
    answer = failed.answer
    if answer is not None and answer.status < 500 and answer.status not in _LATER:
        raise problem from failed


def _rest(turn: int, progress: "Progress") -> None:
    """A pause of its own length for each of those who met."""
    longest = min(_FIRST_PAUSE * 2**turn, _LAST_PAUSE)
    until = time.monotonic() + longest * (0.1 + 0.9 * posix.urandom(1)[0] / 255)
    while (left := until - time.monotonic()) > 0:
        progress(0)
        time.sleep(min(left, _STEP))


class _Behind(RemoteError):
    """The server that was asked does not know a commit yet. Caught in `Place`."""


class Head:
    """A repository at one moment.

    Attributes:
        repo: its name now; commit: the branch's last; private: whether only some may see it.
    """

    __slots__ = ("commit", "private", "repo")

    def __init__(self, repo: str, commit: str, private: bool) -> None:
        self.repo = repo
        self.commit = commit
        self.private = private


class Place:
    """The branch that a remote names, as far as writing needs it.

    Attributes:
        patience: seconds for a call that moves no content.
    """

    def __init__(self, remote: "HubRemote") -> None:
        """Raises RefusedError when the remote is not to be written to, SettingError."""
        if not remote.spec.writes:
            raise RefusedError("it is set to mode=ro", "use mode=rw to write there")
        problem = write_problem(remote.revision)
        if problem:
            raise RefusedError(problem)
        self.client = remote.client
        self.repo, self.branch = remote.repo, remote.revision
        self._environ = remote.environ
        self._config = config.load(remote.environ)
        self.patience = _PATIENCE * self._config.remote_timeout

    def head(self) -> Head:
        """The repository as it is now. Raises RemoteError."""
        path = f"/api/models/{quote(self.repo)}/revision/{_segment(self.branch)}"
        told = self._fine(self.client.call("GET", path)).json()
        told = told if isinstance(told, dict) else {}
        repo, commit = told.get("id"), told.get("sha")
        if not isinstance(repo, str) or not isinstance(commit, str) or repo_problem(repo):
            raise RemoteError(
                f"{self.client.endpoint} does not answer like a Hub", "look at HF_ENDPOINT"
            )
        # What is not said to be private is taken for public.
        return Head(repo, commit, told.get("private") is True)

    def allowed(
        self, objects: "Sequence[Object]", head: Head
    ) -> "tuple[list[Object], dict[str, str]]":
        """What may go there, and the rest by name with the reason. Raises RefusedError."""
        if head.private:
            return list(objects), {}
        from neffcache.hub import publicity

        error = publicity.refusal(
            head.repo, head.private, self._config, self._environ, self.client.endpoint
        )
        if error is not None:
            raise RefusedError(error.what, error.remedy)
        refused = {}
        for one in objects:
            if one.weights:
                why = publicity.weights_refusal(head.repo, False, self._config)
                if why is not None:
                    refused[one.name] = str(why)
        return [one for one in objects if one.name not in refused], refused

    def standing(self, names: "Sequence[str]", commit: str) -> "dict[str, dict[str, Any]]":
        """What the Hub says of each name that is there in a commit. Raises RemoteError."""
        found = {}
        for start in range(0, len(names), _MOST_PATHS):
            wanted = [("paths", name) for name in names[start : start + _MOST_PATHS]]
            path = f"/api/models/{quote(self.repo)}/paths-info/{_segment(commit)}"
            answer = self.client.call("POST", path, data=[*wanted, ("expand", "False")])
            if answer.code == answers.NO_REVISION:
                raise _Behind(f"{self.repo}: not every server of the Hub knows its last commit")
            told = self._fine(answer).json()
            if not isinstance(told, list):
                raise RemoteError(f"{self.repo}: the Hub's answer is no list of files")
            found.update(files_in(told))
        return found

    def check(self, names: "Sequence[str]", commit: str, progress: "Progress") -> None:
        """A commit that was reported has to hold what was sent. Raises RemoteError."""
        there = self._soon_standing(names, commit, progress)
        lost = sum(name not in there for name in names)
        if lost:
            raise RemoteError(
                f"{self.repo}: {lost} of {len(names)} files are not in the commit",
                "remove what names them from its .gitignore",
            )

    def _soon_standing(
        self, names: "Sequence[str]", commit: str, progress: "Progress"
    ) -> "dict[str, dict[str, Any]]":
        for turn in range(_LOOKS - 1):
            try:
                return self.standing(names, commit)
            except _Behind:
                _rest(turn, progress)
        return self.standing(names, commit)

    def meaning(self, failed: Failed) -> RemoteError:
        """What a failure of the client means to people."""
        if failed.answer is None:
            error = failed.error
            return answers.broken(error, self.client.endpoint) if error else failed
        if failed.answer.status in _NOT_SO:
            meant = answers.failure(failed.answer, self.repo)
            return Indigestible(meant.what, meant.remedy)
        return self._failure(failed.answer)

    def _fine(self, answer: "Answer") -> "Answer":
        if not answer.fine:
            raise self._failure(answer)
        return answer

    def _failure(self, answer: "Answer") -> RemoteError:
        error = answers.failure(answer, self.repo, self.branch)
        known = answer.status in (401, 403) or (answer.status == 404 and answer.code)
        return RefusedError(error.what + self._who(), error.remedy) if known else error

    def _who(self) -> str:
        try:
            return f", you are {repos.whoami(self.client)}"
        except NeffcacheError:
            return ""


def _segment(text: str) -> str:
    return quote(text).replace("/", "%2F")
