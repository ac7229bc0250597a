"""World: find the real neuronx-cc past ourselves; refuse to call ourselves in a circle."""

import posix

from neffcache import files
from neffcache.errors import CompilerNotFound

PROGRAM = "neuronx-cc"
# Stands near the top of every shim that `neffcache install` writes.
MARKER = b"# neffcache-shim "
# Tells a compiler started by a shim, and what it starts in turn, which ones were entered already.
ACTIVE = b"NEFFCACHE_ACTIVE"
_HEAD = 256
_DEFAULT_PATH = b"/bin:/usr/bin"
_DEEPEST = 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def candidates(environ: "Mapping[bytes, bytes]", cwd: str) -> "list[str]":
    """Every executable regular neuronx-cc on PATH that is not a shim, in order, each once."""
    return [path for path in on_path(environ, cwd) if not is_shim(path)]


def on_path(environ: "Mapping[bytes, bytes]", cwd: str) -> "list[str]":
    """Every executable regular neuronx-cc on PATH, shims too, in order, each once."""
    found: list[str] = []
    seen = set()
    for element in files.decode(environ.get(b"PATH", _DEFAULT_PATH)).split(":"):
        path = files.join(files.join(cwd, element) if element else cwd, PROGRAM)
        state = executable(path)
        if state is not None and state not in seen:
            seen.add(state)
            found.append(path)
    return found


def is_shim(path: str) -> bool:
    """Whether a file is one of ours: a link to it and a copy of it are, too."""
    try:
        fd = files.open_read(path)
    except OSError:
        return False
    try:
        return MARKER in posix.read(fd, _HEAD)
    except OSError:
        return False
    finally:
        posix.close(fd)


def is_nested(environ: "Mapping[bytes, bytes]") -> bool:
    """Whether this call comes out of a compile that a shim started."""
    return bool(environ.get(ACTIVE))


def find(environ: "Mapping[bytes, bytes]", cwd: str, named: str = "") -> str:
    """The real compiler's path: the named one, else the first on PATH not yet entered.

    A wrapper script that calls `neuronx-cc` again comes back to us: what was entered already is
    passed over as long as another one stands behind it.

    Raises:
        CompilerNotFound: there is none, or shims and wrappers call each other in a circle.
    """
    if named and (executable(named) is None or is_shim(named)):
        raise CompilerNotFound(
            f"NEFFCACHE_COMPILER={named} is not a compiler", "name the real neuronx-cc or unset it"
        )
    entered = _entered(environ)
    if len(entered) > _DEEPEST:
        raise CompilerNotFound(
            f"recursive invocation of {PROGRAM} through {entered[-1]}",
            "remove the wrapper that calls it by its bare name, or set NEFFCACHE_COMPILER",
        )
    found = [named] if named else candidates(environ, cwd)
    if not found:
        raise CompilerNotFound(
            f"no {PROGRAM} on PATH but the cache's own",
            "activate the Neuron environment, or set NEFFCACHE_COMPILER",
        )
    for path in found:
        if path not in entered:
            return path
    return entered[-1] if entered[-1] in found else found[-1]


def child_environment(environ: "Mapping[bytes, bytes]", path: str) -> "dict[bytes, bytes]":
    """The environment for the compiler: the caller's, and the one variable against recursion."""
    made = dict(environ)
    before = made.get(ACTIVE, b"")
    made[ACTIVE] = before + b":" + files.encode(path) if before else files.encode(path)
    return made


def _entered(environ: "Mapping[bytes, bytes]") -> "list[str]":
    value = files.decode(environ.get(ACTIVE, b""))
    return value.split(":") if value else []


def executable(path: str) -> "tuple[int, int] | None":
    """(device, inode) of an executable regular file; None when it is not one."""
    try:
        found = posix.stat(path)
    except (OSError, ValueError):
        return None
    if not files.is_regular(found.st_mode) or not posix.access(path, posix.X_OK):
        return None
    return (found.st_dev, found.st_ino)
