"""Story: a call answered inside its caller's process: from the local store, or not at all."""

import posix

from neffcache import files
from neffcache.errors import StoreError
from neffcache.invocation import Bypass
from neffcache.run import call, keying
from neffcache.store import local

# Says in the journal who answered.
DOOR = "hook"
_DAMAGE = "entry_damaged"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.run.plan import Job


def serve(job: "Job") -> bool:
    """Put a call's files in their places if the local store has its key.

    As the shim would, with the same code; but nothing is started, asked, waited for or claimed,
    and the journal gets a line only where there is something to say. `job.compile` is not called;
    what the compiler would say goes to `job.say`.

    Returns:
        Whether it is answered; if not, whoever goes on to the shim has lost nothing.
    """
    if job.config.recache:
        return False
    plan = call.begin(job)
    try:
        plan.store = local.open_store(job.config)
        served = not _needs_parser(job) and call.look_up(plan)
    except (Bypass, StoreError):
        return False  # the shim comes to the same, and says so
    # An entry that was dropped here, the shim will not see.
    if served or any(isinstance(note, list) and note[0] == _DAMAGE for note in plan.record.notes):
        plan.record.set(door=DOOR)
        call.finish(job.config, plan.record, plan.store)
    return served


def is_known(job: "Job") -> bool:
    """Whether it is a compile, by a compiler that can be identified: a call for the shim."""
    try:
        keying.check(job, keying.parse(job))
        keying.identify(job, local.open_store(job.config).path)
    except (Bypass, StoreError):
        return False
    return True


def _needs_parser(job: "Job") -> bool:
    """Whether the graph may have to be read by a process of its own."""
    return job.config.key_bytecode == "strip" and _is_bytecode(keying.parse(job).graph)


def _is_bytecode(path: str) -> bool:
    from neffcache.graph import mlir_bytecode

    try:
        fd = files.open_read(path)
    except OSError:
        return True
    try:
        return posix.read(fd, len(mlir_bytecode.MAGIC)) == mlir_bytecode.MAGIC
    except OSError:
        return True  # a directory, which may hold anything
    finally:
        posix.close(fd)
