"""Story: the key of a call: the graph by its alias where its bytes are known, else walked."""

import time

from neffcache import aliases, config, environment, files, key
from neffcache.errors import SettingError
from neffcache.graph import raw

_SETTLED = 2.0  # seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.graph.mlir_bytecode import Strip
    from neffcache.graph.raw import Bytes, Graph
    from neffcache.graph.walk import Walk
    from neffcache.key import Key
    from neffcache.run.call import Plan


def compute(plan: "Plan") -> "tuple[Key, Graph]":
    """The key of a call, and the graph as read.

    Raises:
        Bypass: the graph, or a file that the call names, cannot be part of a key.
    """
    job = plan.job
    graph = _graph(plan)
    settings = job.config
    ignore = _patterns("key_ignore_env", settings.key_ignore_env)
    extra = _patterns("key_extra_env", settings.key_extra_env)
    around = environment.selected(job.environ, ignore, extra)
    return key.compute(plan.call, graph, plan.identity.parts, around, settings.target), graph


def _patterns(option: str, names: "tuple[str, ...]") -> "list[bytes]":
    """The names of variables in a setting. Raises SettingError."""
    found = [files.encode(name) for name in names]
    for name in found:
        problem = environment.problem(name)
        if problem:
            raise SettingError(
                f"{config.variable(option)}: {files.decode(name)}: {problem}",
                "name variables, each with or without a * at its end",
            )
    return found


def _graph(plan: "Plan") -> "Graph":
    found = raw.read(plan.call.graph)
    place = _place(plan, found.digest, found.is_directory)
    alias = aliases.recall(place)
    if alias is not None and _holds(plan, alias, found):
        return alias.graph
    return _walk(plan, found)


def _place(plan: "Plan", digest: str, is_directory: bool) -> str:
    settings = plan.job.config
    kind = "directory" if is_directory else plan.call.graph[-5:] == ".mlir"
    detail = f"{kind} {settings.key_bytecode}"
    return aliases.place(plan.store.path, digest, settings.key_level, detail)


def _holds(plan: "Plan", alias: aliases.Alias, found: "Bytes") -> bool:
    """Whether every file that the graph names still says what it said; completes the graph."""
    graph = alias.graph
    graph.size, graph.changed = found.size, found.changed
    if not alias.calls:
        return True
    from neffcache.graph.walk import Asked

    asked = Asked(plan.job.cwd)
    for target, said in alias.calls:
        asked(target, said)
    graph.changed = max(graph.changed, asked.changed())
    return asked.calls == alias.calls


def _walk(plan: "Plan", found: "Bytes") -> "Graph":
    from neffcache.graph import walk

    def strip(path: str) -> "Strip | None":
        return _parser(plan, path)

    made = walk.walk(plan.call.graph, plan.job.config.key_level, plan.job.cwd, strip)
    if _is_certain(plan, found, made):
        digest = made.bytes_digest or found.digest
        place = _place(plan, digest, found.is_directory)
        aliases.remember(place, aliases.Alias(made.graph, made.calls))
    return made.graph


def _is_certain(plan: "Plan", found: "Bytes", made: "Walk") -> bool:
    """Whether the bytes that were walked are those that an alias would be named by.

    What was not in memory at once was read twice. A change in between shows itself in the time of
    change, unless that is so young that the clock may not have moved on.
    """
    if made.bytes_digest:
        return True
    if time.time() - found.changed / 1e9 < _SETTLED:
        return False
    if found.is_directory:  # a file that is gone leaves no time behind
        again = raw.read(plan.call.graph)
        return (again.digest, again.changed) == (found.digest, found.changed)
    try:
        return raw.changed(plan.call.graph) == found.changed
    except OSError:
        return False


def _parser(plan: "Plan", path: str) -> "Strip | None":
    if plan.job.config.key_bytecode != "strip":
        return None
    from neffcache.compiler.bytecode import Asker

    return Asker(path, plan.job.environ)
