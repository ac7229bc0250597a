"""Door: one start of `neuronx-cc`: answer it from the local store, or see that the shim gets it."""

import os
import posix

from neffcache import config, files
from neffcache.compiler import find
from neffcache.errors import CompilerNotFound, SettingError
from neffcache.run import stored
from neffcache.run.plan import Job
from neffcache_hooks import surroundings, world

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from neffcache.options import Config
    from neffcache.run.plan import Ran

# What a start is given and we read; and what may be anything, as no file depends on it.
READ = ("args", "executable", "shell", "cwd", "env")
PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_FREE = frozenset(
    (*READ, *PIPES, "close_fds", "restore_signals", "start_new_session", "process_group")
)
# Of these, 0 says something.
_NUMBERS = ("umask", "uid", "gid")
_COMPILER = "NEFFCACHE_COMPILER"
# Nothing is compiled then, nor served.
_EXTRACT = b"NEURON_EXTRACT_GRAPHS_ONLY"


class Decision:
    """What becomes of a start that concerns us.

    Attributes:
        said: what the compiler would have written to its standard output; None: not answered.
        changes: values of the start that are others now; {}: it goes on as it is.
    """

    __slots__ = ("changes", "said")

    def __init__(self, said: "bytes | None", changes: "dict[str, Any]") -> None:
        self.said = said
        self.changes = changes


def is_compiler(args: object) -> bool:
    """Whether these are the words of a call of `neuronx-cc`."""
    if not isinstance(args, (list, tuple)) or len(args) < 2:
        return False
    word = args[0]
    if not isinstance(word, (str, bytes, os.PathLike)):
        return False
    return files.basename(os.fsdecode(word)) == find.PROGRAM


def decide(given: "Mapping[str, Any]") -> "Decision | None":
    """Decide about a start of whatever it is; None: it goes on as it is.

    Args:
        given: what Popen was given, by the names of its parameters.
    """
    if not is_compiler(given["args"]) or not _is_plain(given):
        return None
    made = _job(given)
    if made is None:
        return None
    job, path = made
    world.joined()
    said: list[bytes] = []
    job.say = lambda good, text: said.append(text) if good else None
    if can_answer(given["p2cwrite"], given["c2pread"], given["c2pwrite"]) and stored.serve(job):
        return Decision(b"".join(said), {})
    return None if find.is_shim(path) else _to_shim(job, path, given["env"])


def can_answer(stdin: int, pipe: int, stdout: int) -> bool:
    """Whether what the compiler says can be said for it, without delay and without danger.

    Args:
        stdin: our end of a pipe to the compiler; -1: there is none.
        pipe: our end of a pipe from it, likewise.
        stdout: its standard output; -1: it has ours.
    """
    import _signal
    import select

    if stdin != -1 or _signal.getsignal(_signal.SIGXFSZ) == _signal.SIG_DFL:
        return False
    if pipe != -1:
        return True
    if _signal.getsignal(_signal.SIGPIPE) == _signal.SIG_DFL:
        return False
    poll = select.poll()
    poll.register(1 if stdout == -1 else stdout, select.POLLOUT)
    return bool(poll.poll(0))


def _is_plain(given: "Mapping[str, Any]") -> bool:
    """Whether nothing is asked for that might change what the compiler does or sees."""
    if given["shell"] or given["executable"] is not None:
        return False
    if any(given.get(name) not in (None, -1) for name in _NUMBERS):
        return False
    ordinary = (None, False, 0, -1, (), "")
    return all(value in ordinary for name, value in given.items() if name not in _FREE)


def _job(given: "Mapping[str, Any]") -> "tuple[Job, str] | None":
    """The call as the shim would see it, and the program that would run; None: not for us."""
    job = Job()
    try:
        words = [os.fsencode(word) for word in given["args"]]
        job.cwd = _directory(given["cwd"])
        job.environ = environ = _environ(given["env"])
        job.config = settings = config.load(environ)
    except (OSError, TypeError, ValueError, SettingError):
        return None  # whoever starts it says what is wrong
    job.argv = [files.decode(word) for word in words[1:]]
    if any(b"\0" in word for word in words) or not is_for_us(settings, environ, job.argv):
        return None
    # A program by its path may be started in another way, which hands os.environ on.
    if given["env"] is None and b"/" in words[0] and not surroundings.is_told(environ, settings):
        return None
    # Without env= Python looks for a program along os.environ, whatever the child gets.
    searched = environ if given["env"] is not None else os.environb
    path = _program(files.decode(words[0]), searched, job.cwd)
    job.script = _compiler(path, job)
    job.compile = _never
    return (job, path) if job.script else None


def is_for_us(settings: "Config", environ: "Mapping[bytes, bytes]", argv: "list[str]") -> bool:
    """Whether a call may be a compile that the cache is asked about."""
    if settings.disable or find.is_nested(environ) or environ.get(_EXTRACT):
        return False
    # A setting that begins with ~ is read in our own home.
    return "compile" in argv and environ.get(b"HOME") == posix.environ.get(b"HOME")


def _directory(given: "Any") -> str:
    """Where the compiler would run, absolute. Raises OSError, TypeError, ValueError."""
    if given is None:
        return posix.getcwd()
    made = files.decode(os.fsencode(given))
    if not made.startswith("/"):
        made = files.join(posix.getcwd(), made)
    if not files.is_directory(files.mode(made)) or not posix.access(made, posix.X_OK):
        raise FileNotFoundError(2, "not a directory", made)
    return made


def _environ(given: "Any") -> "dict[bytes, bytes]":
    """The environment that the compiler would see. Raises OSError, TypeError, ValueError."""
    if given is None:
        return surroundings.current()
    made = {os.fsencode(name): os.fsencode(value) for name, value in given.items()}
    if len(made) != len(given):  # which of two values counts, each program decides for itself
        raise ValueError("a variable twice")
    if any(b"=" in name or b"\0" in name or b"\0" in value for name, value in made.items()):
        raise ValueError("not an environment")
    return made


def _program(word: str, environ: "Mapping[bytes, bytes]", cwd: str) -> str:
    """The file that would be executed; "": there is none."""
    if "/" in word:
        path = files.join(cwd, word)
        return path if find.executable(path) is not None else ""
    return "".join(find.on_path(environ, cwd)[:1])


def _compiler(path: str, job: Job) -> str:
    """The compiler that would compile in the end; "": none, or not the one that is set."""
    named = job.config.compiler
    try:
        if not path:
            return ""
        if find.is_shim(path):
            return find.find(job.environ, job.cwd, named)
    except CompilerNotFound:
        return ""
    return path if not named or find.executable(named) == find.executable(path) else ""


def _to_shim(job: Job, path: str, env: "Any") -> "Decision | None":
    """Have the shim executed in the place of a compiler that we know; None: there is no shim."""
    if not stored.is_known(job):
        return None
    shim = _shim(job)
    if not shim:
        return None
    named = {} if _finds(job, path) else {_COMPILER: path}
    if env is None and not named and surroundings.is_told(job.environ, job.config):
        return Decision(None, {"executable": shim})
    before = job.environ if env is None else dict(env.items())
    return Decision(None, {"executable": shim, "env": {**before, **named}})


def _shim(job: Job) -> str:
    """The first shim on PATH, else the one in the store; "" where none can be put there."""
    for path in find.on_path(job.environ, job.cwd):
        if find.is_shim(path):
            return path
    from neffcache_hooks import installing

    return installing.shim(job.config)


def _finds(job: Job, path: str) -> bool:
    """Whether the shim would come to this very compiler by itself."""
    try:
        found = find.find(job.environ, job.cwd, job.config.compiler)
    except CompilerNotFound:
        return False
    return find.executable(found) == find.executable(path)


def _never() -> "Ran":
    raise AssertionError("nothing is compiled in here")
