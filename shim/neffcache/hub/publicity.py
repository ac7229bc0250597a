"""World: what may go to a repository that everybody can read: only what its user once agreed to."""

import posix

from neffcache import files, targets
from neffcache.errors import NeffcacheError
from neffcache.hub import home, names

FILE = "neffcache_public_repos"
_LIMIT = 1 << 20
_OTHERS_WRITE = 0o022

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.options import Config


def path(environ: "Mapping[bytes, bytes]") -> str:
    """The file that holds what was agreed to, whether or not it is there; "" without a home."""
    directory = home.directory(environ)
    return files.join(directory, FILE) if directory else ""


def consent(repo: str, environ: "Mapping[bytes, bytes]", endpoint: str = "") -> None:
    """Write down that this user wants entries in a repository that is public, and on which Hub.

    Raises:
        NeffcacheError: it cannot be written, or is somebody else's.
    """
    file = path(environ)
    line = _line(repo, endpoint)
    try:
        if not file:
            raise OSError(2, "no home directory")
        if line in _lines(file):
            return
        files.make_directories(files.parent(file), 0o777)
        _add(file, files.encode(f"{line}\n"))
    except OSError as error:
        where = f" in {file}" if file else ""
        raise NeffcacheError(
            f"that {repo} may be written to cannot be noted{where} ({error.strerror})",
            f"correct HF_HOME or HOME, or set NEFFCACHE_HUB_PUBLIC={repo}",
        ) from error


def refusal(
    repo: str,
    private: bool,
    config: "Config",
    environ: "Mapping[bytes, bytes]",
    endpoint: str = "",
) -> "NeffcacheError | None":
    """Why nothing may be pushed to a repository; None when it may.

    Args:
        repo: its name as the Hub itself gives it now: an agreement does not follow a new name.
        private: as the Hub says in this moment, asked for each push: it may have been changed.
        endpoint: of the Hub; "": the one everybody means.
    """
    if private or repo in config.hub_public or _line(repo, endpoint) in _agreed(environ):
        return None
    return NeffcacheError(
        f"{repo} is public and nobody has agreed to that: entries stay here",
        f"make it private, or run `neffcache create --public -n {repo}`, "
        f"or set NEFFCACHE_HUB_PUBLIC={repo}",
    )


def weights_refusal(repo: str, private: bool, config: "Config") -> "NeffcacheError | None":
    """Why what may hold weights is refused by a repository for good; None when it may go there."""
    if private or config.hub_public_weights:
        return None
    return NeffcacheError(
        f"it may hold a model's weights, and {repo} is public",
        "if everybody may have them set NEFFCACHE_HUB_PUBLIC_WEIGHTS=1 "
        "and run `neffcache flush --refused`",
    )


def _agreed(environ: "Mapping[bytes, bytes]") -> "list[str]":
    try:
        file = path(environ)
        return _lines(file) if file else []
    except OSError:
        return []  # whose agreement it is cannot be told


def _lines(file: str) -> "list[str]":
    """What stands in it; nothing when it is not there.

    Raises:
        OSError: it cannot be read, or others may have written it.
    """
    try:
        fd = files.open_read(file)
    except (FileNotFoundError, NotADirectoryError):
        return []
    try:
        found = posix.fstat(fd)
        mine = found.st_uid == posix.geteuid() and not found.st_mode & _OTHERS_WRITE
        if not mine or not files.is_regular(found.st_mode):
            raise OSError(1, "it is not this user's alone", file)
        text = files.decode(files.read_fd(fd, _LIMIT, file))
    finally:
        posix.close(fd)
    return [line.strip() for line in text.split("\n") if line.strip()]


def _add(file: str, line: bytes) -> None:
    """Add a line in one write: of two commands at once neither undoes what the other wrote."""
    fd = files.create(file, posix.O_RDWR | posix.O_APPEND | posix.O_NONBLOCK | posix.O_NOCTTY)
    try:
        size = posix.fstat(fd).st_size
        torn = size and posix.pread(fd, 1, size - 1) != b"\n"
        files.write_all(fd, b"\n" + line if torn else line)
        posix.fsync(fd)
    finally:
        posix.close(fd)
    files.sync_directory(files.parent(file))


def _line(repo: str, endpoint: str) -> str:
    """How a repository stands in the file; on another Hub the same name is another one."""
    if names.repo_problem(repo):
        return "\n"  # what no line can be
    endpoint = endpoint.rstrip("/")
    return repo if endpoint in ("", targets.ENDPOINT) else f"{endpoint}/{repo}"
