"""Whole: what the Hub's own client does for us, which knows no deadline: content up, a commit."""

from neffcache import files
from neffcache.errors import RemoteError
from neffcache.hub import answers, guarding
from neffcache.version import __version__

# A transfer slower than this, in bytes a second, is given up.
_SLOWEST = 200_000
# Behind the Hub a commit may go on for a minute before a gateway gives up on it.
_COMMIT = 1.5
_THREADS = 4
# What is larger never lies in git itself.
_MOST_BLOB = 64 << 20
_BEAT = 0.1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, BinaryIO, TypeVar

    from neffcache.hub.client import Client
    from neffcache.publishing import Object
    from neffcache.remote import Progress

    Made = TypeVar("Made")


class Failed(RemoteError):
    """A call of the client did not succeed. Caught in hub_writing.

    Args:
        error: what the client raised; None: it did not return in time.
    """

    def __init__(self, what: str, error: "BaseException | None" = None) -> None:
        super().__init__(what)
        self.error = error
        self.answer = answers.of(error) if error is not None else None


class Upload:
    """Objects on their way into one branch of one repository.

    Every call of the client runs in a thread, which is left behind when its time is up.
    """

    def __init__(self, client: "Client", repo: str, branch: str, patience: float) -> None:
        """Nothing is asked yet.

        Args:
            patience: seconds for a call that moves no content.
        """
        guarding.keep_tokens_home()
        self._token = client.token or False
        self._endpoint = client.endpoint
        self._repo = repo
        self._branch = branch
        self._patience = patience
        self._made: dict[str, Any] = {}
        self._open: list[BinaryIO] = []

    def content(self, objects: "Sequence[Object]", progress: "Progress") -> None:
        """Send the content that the Hub lacks: nothing is visible yet.

        By Xet where the client has it; should that fail, which is another host, by plain LFS.

        Raises:
            Failed, OSError (a local file).
        """
        size = sum(_size(one) for one in objects)
        seconds = self._patience + size / _SLOWEST
        try:
            self._made = in_time(lambda: self._send(objects, plain=False), seconds, progress)
        except Failed as failed:
            if failed.answer is not None:
                raise
            self._made = in_time(lambda: self._send(objects, plain=True), seconds, progress)

    def commit(self, names: "Sequence[str]", parent: str, progress: "Progress") -> str:
        """Make one commit of what was sent, on top of `parent` and nothing else: its id.

        Raises:
            Failed: without an answer it may have landed, or land later.
        """
        from copy import copy

        # The client marks what it was given, so that each try gets its own.
        operations = [copy(self._made[name]) for name in names]
        title = f"neffcache: {len(names)} {'file' if len(names) == 1 else 'files'}"

        def send() -> str:
            made = self._api().create_commit(
                self._repo, operations, commit_message=title, revision=self._branch,
                parent_commit=parent, num_threads=_THREADS,
            )  # fmt: skip
            return str(made.oid)

        return in_time(send, _COMMIT * self._patience, progress)

    def is_ours(self, one: "Object", entry: "Mapping[str, Any]") -> bool:
        """Whether what stands there under an object's name has the content that was sent."""
        lfs = entry.get("lfs")
        if isinstance(lfs, dict):
            return bool(lfs.get("oid") == self._made[one.name].upload_info.sha256.hex())
        return bool(entry.get("oid") == _blob(one.path))

    def close(self) -> None:
        """Close what was opened."""
        for opened in self._open:
            opened.close()

    def _send(self, objects: "Sequence[Object]", *, plain: bool) -> "dict[str, Any]":
        """The operations of objects whose content is there now."""
        from huggingface_hub import CommitOperationAdd

        made = {}
        for one in objects:
            source: str | BinaryIO = one.path
            if plain:  # what is given as an open file goes by LFS
                source = open(one.path, "rb")  # noqa: SIM115 - read until the commit is made
                self._open.append(source)
            made[one.name] = CommitOperationAdd(path_in_repo=one.name, path_or_fileobj=source)
        self._api().preupload_lfs_files(
            self._repo, additions=list(made.values()), revision=self._branch,
            num_threads=_THREADS, free_memory=False,
        )  # fmt: skip
        return made

    def _api(self) -> "Any":
        from huggingface_hub import HfApi

        return HfApi(
            endpoint=self._endpoint, token=self._token,
            library_name="neffcache", library_version=__version__,
        )  # fmt: skip


def in_time(call: "Callable[[], Made]", seconds: float, progress: "Progress") -> "Made":
    """What a call returns, made in a thread; `progress` is told that it goes on.

    Raises:
        Failed: it raised something, or did not return within `seconds`.
    """
    import threading
    import time

    made: list[Made] = []
    problem: list[BaseException] = []

    def work() -> None:
        try:
            made.append(call())
        except BaseException as error:
            problem.append(error)

    thread = threading.Thread(target=work, daemon=True)
    deadline = time.monotonic() + seconds
    thread.start()
    while thread.is_alive():
        if time.monotonic() >= deadline:
            raise Failed(f"the Hub's client did not come to an end within {seconds:.0f} s")
        progress(0)
        thread.join(_BEAT)
    for error in problem:
        # Never its text, which may hold a signed URL.
        raise Failed(f"the Hub's client failed ({type(error).__name__})", error) from error
    return made[0]


def _blob(path: str) -> str:
    """The name that git gives to a small file's content."""
    from hashlib import sha1

    data = files.read(path, _MOST_BLOB)
    return sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _size(one: "Object") -> int:
    state = files.state(one.path)
    return state[2] if state is not None else 0
