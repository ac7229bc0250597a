"""Story: a key that the local store does not have: wait, ask the remotes, or compile and keep."""

import time

from neffcache import files, locks, targets
from neffcache.errors import SettingError
from neffcache.run import call as calls
from neffcache.run import keeping
from neffcache.store import claim

_MOST = 500  # letters of a reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.cache.reading import Fetched
    from neffcache.locks import Lock
    from neffcache.queue import Marker
    from neffcache.remote import Spec
    from neffcache.run.plan import Plan


def answer(plan: "Plan") -> int:
    """The status of a call whose key is not in the local store."""
    specs = targets.specs(plan.job.config, plan.job.environ)
    held = _Held(plan)
    try:
        if held.serve_after_wait() or _from_remotes(plan, specs):
            return 0
        if plan.job.config.require_hit:
            _tell_key(plan)  # so that `explain` can say what differs
            return calls.refuse(plan)
        if held.serve_before_compile():
            return 0
        status, markers = _compile(plan, specs)
    finally:
        held.release()
    if markers and plan.job.config.upload_wait and plan.job.config.upload != "off":
        from neffcache import queue

        queue.hasten(markers)
        queue.wait_for(markers, plan.job.config.upload_wait)
    return status


def _tell_key(plan: "Plan") -> None:
    """Write down what the key is made of, and why its level is not the one asked for."""
    plan.record.set_parts(plan.key)
    plan.record.set(level=plan.graph.level)
    if plan.graph.reasons:
        plan.record.set(reasons=[reason[:_MOST] for reason in plan.graph.reasons])


class _Held:
    """The claim on a key, or the place among those who compile it side by side."""

    def __init__(self, plan: "Plan") -> None:
        self._plan = plan
        self._lock: Lock | None = None
        self._waited = False
        self._deadline = time.monotonic() + plan.job.config.wait

    def serve_after_wait(self) -> bool:
        """Claim the key; when another process held it, serve what that one stored."""
        plan, config = self._plan, self._plan.job.config
        if config.readonly or config.recache or config.require_hit:
            return False  # nothing will be stored, or nothing stored is wanted
        try:
            self._lock = claim.take(plan.store, plan.key.digest)
            if self._lock is None:
                self._waited = True
                self._lock = claim.wait(plan.store, plan.key.digest, self._deadline)
        except locks.NoLocks as error:
            plan.record.note("no_locks", str(error))
            return False
        if self._lock is None:
            plan.record.note("wait_timeout")
        # Whoever held it may have stored the entry between our look-up and our claim.
        served = calls.serve_stored(plan, "hit_waited" if self._waited else "hit_local")
        if self._waited:
            self.release()  # having waited in vain, let the others go on, too
        return served

    def serve_before_compile(self) -> bool:
        """Having waited in vain, take one of the places for those who compile side by side."""
        if not self._waited:
            return False
        try:
            self._lock = claim.slot(self._plan.store, self._plan.key.digest, self._deadline)
        except locks.NoLocks:
            return False
        return calls.serve_stored(self._plan, "hit_waited")

    def release(self) -> None:
        """Let go of whatever is held."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _from_remotes(plan: "Plan", specs: "list[Spec]") -> bool:
    job = plan.job
    if plan.blocked or job.config.recache or not any(spec.reads for spec in specs):
        return False
    from neffcache.cache import Reader

    spare = files.parent(plan.call.output)
    reader = Reader(plan.store, job.config, job.environ, plan.record, spare)
    found = reader.fetch(plan.key.digest, specs)
    for line in reader.outages:
        job.say(False, files.encode(f"neffcache: {line}\n"))
    if found is None:
        return False
    try:
        plan.record.set(remote=found.url)
        _tell_key(plan)
        served = calls.serve(plan, found.bundle, "hit_remote", found.url)
        if served:
            _backfill(plan, specs, found)
        return served
    finally:
        found.close()


def _backfill(plan: "Plan", specs: "list[Spec]", found: "Fetched") -> None:
    """Queue what a remote had for those before it that ask for that, as after a compile."""
    before = specs[: specs.index(found.spec)]
    nearer = [spec for spec in before if spec.backfill and spec.writes and spec.bundles]
    if not nearer or plan.job.config.readonly:
        return
    if not found.kept:
        plan.record.note("queue_failed", "backfill: the local store could not take the entry")
    elif _queue(plan, nearer):
        for spec in nearer:
            plan.record.note("backfilled", spec.url)


def _compile(plan: "Plan", specs: "list[Spec]") -> "tuple[int, list[Marker]]":
    """Run the compiler once; keep and queue what it made: (status, markers)."""
    record = plan.record
    _tell_key(plan)
    record.set(cwd=plan.job.cwd, argv=list(plan.job.argv))
    if plan.job.config.recache:
        record.note("recache")
    before = keeping.Before(plan.store, plan.call)
    try:
        ran = plan.ran = plan.job.compile()
        record.set(status=ran.status, compile_seconds=round(ran.seconds, 3))
        record.set(peak_bytes=ran.peak_bytes)
        kept = keeping.keep(plan, before, ran)
    finally:
        before.release()
    return ran.status, _queue(plan, specs) if kept else []


def _queue(plan: "Plan", specs: "list[Spec]") -> "list[Marker]":
    if not any(spec.writes for spec in specs):
        return []
    from neffcache import jobs, queue

    try:
        markers = queue.enqueue(plan.store, plan.key.digest, specs, plan.job.environ)
        jobs.queued(plan.store, plan.job.config.job, markers)
        if _sends_now(plan):
            queue.start_uploaders(plan.store, markers, plan.job.environ)
    except OSError as error:
        plan.record.note("queue_failed", str(error))
        return []
    return markers


def _sends_now(plan: "Plan") -> bool:
    """Whether an uploader is started: not where a watcher has it done at a save or at the end."""
    config = plan.job.config
    if config.upload in ("save", "exit") and not config.upload_wait:
        from neffcache import watching

        try:
            watch = watching.of(plan.store, config, plan.job.environ)
        except SettingError:
            return True  # changed since it was read for this very call
        return not watching.is_served(watch)
    return config.upload != "off"
