"""Story: the key of a call: the graph by its alias where its bytes are known, else walked."""

import time

from neffcache import aliases, environment, files, invocation, key
from neffcache.compiler import identity
from neffcache.graph import raw
from neffcache.invocation import Bypass
from neffcache.run import restore
from neffcache.store import local

_SETTLED = 2.0  # seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.compiler.identity import Identity
    from neffcache.graph.mlir_bytecode import Strip
    from neffcache.graph.raw import Bytes, Graph
    from neffcache.graph.walk import Walk
    from neffcache.invocation import Invocation
    from neffcache.key import Key
    from neffcache.options import Config
    from neffcache.run.plan import Job


def parse(job: "Job") -> "Invocation":
    """The call as the compiler would understand it. Raises Bypass."""
    if not job.cwd:
        raise Bypass("bad_command_line", "the working directory is gone")
    return invocation.parse(job.argv, job.cwd, allow_savetemps=job.config.allow_savetemps)


def check(job: "Job", call: "Invocation") -> None:
    """Refuse a call whose files cannot be restored, or whose target nobody named. Raises Bypass."""
    restore.check_places(call)
    if not call.target and not job.config.target:
        raise Bypass("no_target")


def identify(job: "Job", memory: str) -> "Identity":
    """The compiler that would run; `memory` is the store's directory, or "". Raises Bypass."""
    if job.config.compiler_id:
        return identity.named(job.config.compiler_id, job.script)
    place = f"{memory}/{local.COMPILERS}" if memory else ""
    check = job.config.compiler_check
    return identity.identify(job.script, job.environ, place, check, job.cwd)


def compute(
    job: "Job", call: "Invocation", compiler: "Identity", memory: str
) -> "tuple[Key, Graph]":
    """The key of a call, and the graph as read.

    Args:
        memory: the store's directory, which knows graphs by their bytes; "": walk it anew.

    Raises:
        Bypass: the graph, or a file that the call names, cannot be part of a key.
    """
    graph = read(job, call.graph, memory)
    around = environment.selected(job.environ, *patterns(job.config))
    return key.compute(call, graph, compiler.parts, around, job.config.target), graph


def patterns(settings: "Config") -> "tuple[list[bytes], list[bytes]]":
    """The names of variables that the user keeps out of keys, and of those that he puts in."""
    ignore = [files.encode(name) for name in settings.key_ignore_env]
    return ignore, [files.encode(name) for name in settings.key_extra_env]


def read(job: "Job", path: str, memory: str) -> "Graph":
    """A graph at the level that is set, or at a safer one. Raises Bypass."""
    found = raw.read(path)
    if memory:
        alias = aliases.recall(_place(job, path, memory, found))
        if alias is not None and _holds(job, alias, found):
            return alias.graph
    return _walk(job, path, memory, found)


def _place(job: "Job", path: str, memory: str, found: "Bytes", digest: str = "") -> str:
    settings = job.config
    kind = "directory" if found.is_directory else path[-5:] == ".mlir"
    detail = f"{kind} {settings.key_bytecode}"
    return aliases.place(memory, digest or found.digest, settings.key_level, detail)


def _holds(job: "Job", alias: aliases.Alias, found: "Bytes") -> bool:
    """Whether every file that the graph names still says what it said; completes the graph."""
    graph = alias.graph
    graph.size, graph.changed = found.size, found.changed
    if not alias.calls:
        return True
    from neffcache.graph.asked import Asked

    asked = Asked(job.cwd)
    for target, said in alias.calls:
        asked(target, said)
    graph.changed = max(graph.changed, asked.changed())
    graph.outside = asked.outside.references
    return asked.calls == alias.calls


def _walk(job: "Job", path: str, memory: str, found: "Bytes") -> "Graph":
    from neffcache.graph import walk

    def strip(file: str) -> "Strip | None":
        return _parser(job, file)

    made = walk.walk(path, job.config.key_level, job.cwd, strip)
    if memory and _is_certain(path, found, made):
        place = _place(job, path, memory, found, made.bytes_digest)
        aliases.remember(place, aliases.Alias(made.graph, made.calls))
    return made.graph


def _is_certain(path: str, found: "Bytes", made: "Walk") -> bool:
    """Whether the bytes that were walked are those that an alias would be named by.

    What was not in memory at once was read twice. A change in between shows itself in the time of
    change, unless that is so young that the clock may not have moved on.
    """
    if made.bytes_digest:
        return True
    if time.time() - found.changed / 1e9 < _SETTLED:
        return False
    if found.is_directory:  # a file that is gone leaves no time behind
        again = raw.read(path)
        return (again.digest, again.changed) == (found.digest, found.changed)
    try:
        return raw.changed(path) == found.changed
    except OSError:
        return False


def _parser(job: "Job", path: str) -> "Strip | None":
    if job.config.key_bytecode != "strip":
        return None
    from neffcache.compiler.bytecode import Asker

    return Asker(path, job.environ)
