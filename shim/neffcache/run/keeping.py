"""Story: after a compile: is the result this compile's own and whole, and if so keep it."""

import posix
import time

from neffcache import files, locks, neff
from neffcache.entry import build, index, read, wrapped
from neffcache.errors import EntryError, StoreError
from neffcache.invocation import Bypass
from neffcache.run import keying, manifest, restore
from neffcache.store import keep as keeping
from neffcache.store import local

# After the compile the caller waits for us: so long and no longer.
_SECONDS, _SECONDS_PER_BYTE = 10.0, 1e-9

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.invocation import Invocation
    from neffcache.locks import Presence
    from neffcache.run.plan import Plan, Ran
    from neffcache.store.local import Store

    State = tuple[int, int, int, int]


class _NotKept(Exception):
    """The result is not kept; carries the outcome's id and what exactly."""

    def __init__(self, outcome: str, detail: str = "") -> None:
        super().__init__(outcome, detail)
        self.outcome = outcome
        self.detail = detail


class Before:
    """The places of the outputs as they were before the compile, and a guard over each.

    Attributes:
        output, log: state of the path; None: not there.
        wrapped: path -> state, for each place where wrapped_neff.hlo may appear.
    """

    def __init__(self, store: "Store", call: "Invocation") -> None:
        paths = restore.wrapped_paths(call, index.IN_BOTH) if call.wrapper else []
        self._guards = {path: _guard(store, path) for path in (call.output, *paths)}
        self.output = files.state(call.output)
        self.log = files.state(call.logfile)
        self.wrapped = {path: files.state(path) for path in paths}

    def contended(self) -> str:
        """An output that another process may have written to meanwhile; "" if there is none."""
        unguarded = [path for path, guard in self._guards.items() if guard is None]
        return self.met() or "".join(unguarded[:1])

    def met(self) -> str:
        """An output that another process compiled to, or restored over, meanwhile; "" if none.

        Compilers write in place: of two that overlap, either may have left a part of a file.
        """
        for path, guard in self._guards.items():
            if guard is not None and guard.met():
                return path
        return ""

    def release(self) -> None:
        """Give the guards up."""
        for guard in self._guards.values():
            if guard is not None:
                guard.leave()
        self._guards = {}


def _guard(store: "Store", path: str) -> "Presence | None":
    try:
        store.directory(local.LOCKS)
        return locks.attend(restore.place_file(store, path))
    except OSError:
        return None  # then nothing can be kept either


def keep(plan: "Plan", before: Before, ran: "Ran") -> bool:
    """Keep a compile's result if it may be kept; sets the outcome either way.

    Returns:
        Whether the entry is in the store.
    """
    try:
        _check_run(plan, before, ran)
        _keep(plan, before, ran)
    except _NotKept as reason:
        plan.record.outcome = reason.outcome
        plan.record.set(detail=reason.detail)
        return False
    except keeping.TooLarge as error:
        plan.record.outcome = "compiled_too_large"
        plan.record.set(detail=str(error))
        return False
    except (StoreError, OSError) as error:
        # A file that another compile cuts short while it is copied is not the store's fault.
        met = before.met()
        plan.record.outcome = "output_contended" if met else "compiled_store_failed"
        plan.record.set(detail=met or str(error))
        return False
    plan.record.outcome = "compiled"
    return True


def _check_run(plan: "Plan", before: Before, ran: "Ran") -> None:
    if ran.status < 0:
        raise _NotKept("compile_killed", f"signal {-ran.status}")
    if ran.status > 0:
        raise _NotKept("compile_failed", f"status {ran.status}")
    if plan.job.config.readonly:
        raise _NotKept("compiled_readonly")
    now = files.state(plan.call.output)
    if now is None or now == before.output:
        raise _NotKept("neff_not_written", plan.call.output)
    if not plan.identity.holds():
        raise _NotKept("compiler_changed")
    _check_inputs(plan)


def _check_inputs(plan: "Plan") -> None:
    """The graph and every file in the key are read once more: the same, and not touched since."""
    plan.inlined = _inlined(plan)  # read before this look, so of the same bytes
    try:
        again, graph = keying.compute(plan.job, plan.call, plan.identity, plan.store.path)
    except Bypass as reason:
        raise _NotKept("inputs_changed", reason.detail) from reason
    if again.digest != plan.key.digest or graph.changed != plan.graph.changed:
        raise _NotKept("inputs_changed", plan.call.graph)


def _inlined(plan: "Plan") -> "int | None":
    """At most so many bytes of constants went into this compile; None: that cannot be told."""
    from neffcache.graph import constants

    try:
        named = sum(constants.in_option(*one) for one in plan.call.named_files)
        outside = plan.graph.outside.items()
        named += sum(constants.in_kernel(path, size) for path, (_digest, size) in outside)
        return constants.inlined(plan.call.graph) + named
    except (Bypass, OSError):
        return None


class _Timed:
    """Feeds the NEFF check, and gives up when the caller has waited long enough."""

    def __init__(self, size: int) -> None:
        self.check = neff.Check(size)
        self._deadline = time.monotonic() + _SECONDS + size * _SECONDS_PER_BYTE

    def __call__(self, data: bytes) -> None:
        if time.monotonic() > self._deadline:
            raise TimeoutError(110, "keeping the result took too long")
        self.check.feed(data)


def _keep(plan: "Plan", before: Before, ran: "Ran") -> None:
    opened: list[int] = []
    try:
        sources = _sources(plan, before, opened)
        _write(plan, before, ran, sources)
    finally:
        for fd in opened:
            posix.close(fd)


def _sources(plan: "Plan", before: Before, opened: "list[int]") -> "list[build.Source]":
    neff_source = _open(plan.call.output, index.NEFF, index.AT_OUTPUT, opened)
    found = [neff_source]
    if plan.call.wrapper:
        found.append(_wrapped(plan, before, neff_source, opened))
    if plan.job.config.keep_log:
        found.append(_log(plan, before, opened))
    return found


def _open(path: str, role: str, place: str, opened: "list[int]") -> build.Source:
    fd = files.open_read(path)
    opened.append(fd)
    return build.Source(role, place, fd, posix.fstat(fd).st_size)


def _wrapped(
    plan: "Plan", before: Before, neff_source: build.Source, opened: "list[int]"
) -> build.Source:
    """The wrapper that this compile wrote; it must show the NEFF's own bytes."""
    fresh = [
        path for path, state in before.wrapped.items() if files.state(path) not in (None, state)
    ]
    found = []
    for path in fresh:
        place = _place(plan, path, len(before.wrapped))
        source = _open(path, index.WRAPPED, place, opened)
        source.segments = wrapped.find(source.fd, source.size, neff_source.fd, neff_source.size)
        if source.segments is not None:
            found.append(source)
    if len(found) != 1:
        raise _NotKept("wrapper_unproven", f"{len(found)} of {len(fresh)} files hold the NEFF")
    return found[0]


def _log(plan: "Plan", before: Before, opened: "list[int]") -> build.Source:
    """What this compile added to the log."""
    source = _open(plan.call.logfile, index.LOG, index.IN_LOG, opened)
    now = posix.fstat(source.fd)
    old = before.log
    if old is not None and old[:2] == (now.st_dev, now.st_ino) and old[2] <= source.size:
        source.start = old[2]
        source.size -= old[2]
    return source


def _place(plan: "Plan", path: str, places: int) -> str:
    if places == 1:
        return index.IN_BOTH
    return index.IN_CWD if files.parent(path) == plan.call.cwd else index.BESIDE


def _write(plan: "Plan", before: Before, ran: "Ran", sources: "list[build.Source]") -> None:
    neff_source = sources[0]
    found = posix.fstat(neff_source.fd)
    keeping.make_room(
        plan.store,
        sum(source.size for source in sources),
        keeping.limit(plan.store, plan.job.config.max_size),
    )
    timed = _Timed(neff_source.size)
    fd, temp = keeping.new_file(plan.store, plan.key.digest)
    try:
        try:
            now = time.time()
            text = manifest.text(plan, ran, now)
            head = index.Index(plan.key.digest, ran.seconds, (len(text), files.digest(text)))
            build.write(fd, head, text, sources, timed)
            problem = timed.check.finish()
            if problem:
                raise _NotKept("neff_incomplete", problem)
            build.restate(fd, head, manifest.text(plan, ran, now, timed.check.payload()))
        finally:
            posix.close(fd)
        _check_stable(plan, before, neff_source.fd, found)
        if len(sources) > 1:
            _check_bundle(plan, temp)
        if files.state(plan.store.entry_path(plan.key.digest)) is not None:
            _compare(plan, temp)
        keeping.adopt(plan.store, temp, plan.key.digest)
        plan.record.set(neff=head.members[0].digest)
    except BaseException:
        files.discard(temp)
        raise


def _check_stable(plan: "Plan", before: Before, fd: int, found: posix.stat_result) -> None:
    """Nobody else may have touched the output while it was read."""
    now = posix.fstat(fd)
    same = (now.st_size, now.st_mtime_ns) == (found.st_size, found.st_mtime_ns)
    state = files.state(plan.call.output)
    in_place = state is not None and state[:2] == (found.st_dev, found.st_ino)
    contended = before.contended()
    if contended or not same or not in_place:
        raise _NotKept("output_contended", contended or plan.call.output)


def _check_bundle(plan: "Plan", temp: str) -> None:
    """A wrapper that another compile overwrote while it was copied shows itself here."""
    try:
        bundle = read.open_bundle(temp, plan.key.digest)
        try:
            read.verify(bundle)
        finally:
            bundle.close()
    except EntryError as error:
        raise _NotKept("wrapper_unproven", str(error)) from error


def _compare(plan: "Plan", temp: str) -> None:
    """This key has been compiled before: write down both results, and note it if they differ."""
    from neffcache import ledger

    old = ledger.stored(plan.store, plan.key.digest)
    new = ledger.of_file(temp, plan.key.digest)
    if old is None or new is None:
        return
    plan.record.set(neff=new.neff, neff_before=old.neff)
    if new.differs(old):
        plan.record.note("nondeterministic", ledger.words(new, old))
    try:
        ledger.enter(plan.store, plan.key.digest, (old, new))
    except OSError:
        pass  # the journal has it
