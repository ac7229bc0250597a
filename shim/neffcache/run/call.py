"""Story: the whole of one call, and the one place where an unexpected fault ends."""

from neffcache import files, journal
from neffcache.errors import EntryError, SettingError, StoreError
from neffcache.invocation import Bypass
from neffcache.run import keying, restore
from neffcache.run.plan import Job, Plan
from neffcache.store import local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.entry.read import Bundle
    from neffcache.options import Config
    from neffcache.store.local import Store

PASS = b"Compiler status PASS\n"


def compile_cached(job: Job) -> "int | None":
    """Answer one call from the cache, or compile and keep the result.

    Returns:
        The status to end with (negative: die by that signal), or None when the call is not for
        the cache: nothing has been started, and the door passes it on to the compiler.
    """
    plan = begin(job)
    record = plan.record
    status: int | None = None
    try:
        status = _answer(plan)
    except Bypass as reason:
        record.outcome = reason.outcome
        record.set(detail=reason.detail)
        status = _required(plan)
    except SettingError as error:  # of the remotes, which only a miss reads
        record.outcome = "bad_setting"
        record.set(detail=str(error))
        job.say(False, files.encode(f"neffcache: {error}: compiling without the cache\n"))
        status = _required(plan)
    except Exception as error:  # the law: a fault of the cache never breaks a compile
        if job.config.strict:
            raise
        status = _fault(plan, error)
    try:
        finish(job.config, record, getattr(plan, "store", None))
    except Exception as error:  # the same law: the answer stands
        if job.config.strict:
            raise
        job.say(False, files.encode(f"neffcache: internal error ({error}): not in the journal\n"))
    return status


def begin(job: Job) -> Plan:
    """A job of which nothing is known yet."""
    plan = Plan()
    plan.job, plan.record, plan.ran, plan.blocked = job, journal.Record(), None, False
    return plan


def note_passed(config: "Config", record: journal.Record) -> None:
    """Write the line of a call that goes to the compiler without a look-up."""
    try:
        store = local.open_store(config)
    except StoreError:
        store = None
    finish(config, record, store)


def _answer(plan: Plan) -> int:
    plan.store = _open_store(plan.job)
    if look_up(plan):
        return 0
    from neffcache.run import miss

    return miss.answer(plan)


def look_up(plan: Plan) -> bool:
    """Find out a job's key, and serve it from the (open) local store if that has it.

    Raises:
        Bypass: the call is not for the cache.
    """
    job, record = plan.job, plan.record
    plan.call = call = keying.parse(job)
    record.set(graph=call.graph, output=call.output)
    keying.check(job, call)
    plan.identity = keying.identify(job, plan.store.path)
    plan.key, plan.graph = keying.compute(job, call, plan.identity, plan.store.path)
    record.set(key=plan.key.digest)
    return not job.config.recache and serve_stored(plan, "hit_local")


def _open_store(job: Job) -> "Store":
    try:
        return local.open_store(job.config)
    except StoreError as error:
        job.say(False, files.encode(f"neffcache: {error}: compiling without the cache\n"))
        raise Bypass("store_unusable", str(error)) from error


def serve_stored(plan: Plan, outcome: str) -> bool:
    """Serve the call from the local store if it can; notes what goes wrong."""
    if plan.blocked:
        return False
    try:
        bundle = plan.store.get(plan.key.digest)
    except EntryError as error:
        plan.record.note("entry_damaged", str(error))
        return False
    except OSError as error:
        plan.record.note("entry_damaged", f"unreadable: {error.strerror}")
        return False
    if bundle is None:
        return False
    try:
        return serve(plan, bundle, outcome)
    finally:
        bundle.close()


def serve(plan: Plan, bundle: "Bundle", outcome: str, maker: str = "") -> bool:
    """Restore a bundle's files and say PASS; False when that failed (nothing is lost by it).

    Args:
        maker: the remote that answers for damage; "": what was whole was damaged here.
    """
    record = plan.record
    try:
        restore.tell_compiles(plan.store, plan.call.output)
        restore.restore_all(bundle, plan.call, plan.key.digest)
        restore.tell_compiles(plan.store, plan.call.output)
    except EntryError as error:
        plan.store.drop(plan.key.digest)
        if maker:
            record.note("remote_damaged", f"{maker}: {error}")
        else:
            record.note("entry_damaged", str(error))
        return False
    except OSError as error:
        record.note("restore_failed", str(error))
        plan.blocked = True
        return False
    record.outcome = outcome
    record.set(saved_seconds=bundle.index.seconds, bytes=bundle.index.end)
    plan.job.say(True, PASS)
    return True


def _fault(plan: Plan, error: Exception) -> "int | None":
    plan.record.outcome = "internal_error"
    plan.record.fields["detail"] = f"{type(error).__name__}: {error}"
    if plan.ran is not None:
        return plan.ran.status
    plan.job.say(False, files.encode(f"neffcache: internal error ({error}): compiling without\n"))
    return _required(plan)


def _required(plan: Plan) -> "int | None":
    """With a hit required, a compile that cannot be served is an error, too."""
    if not plan.job.config.require_hit or plan.record.outcome == "not_a_compile":
        return None
    return refuse(plan)


def refuse(plan: Plan) -> int:
    """End a call that needed a hit: status 3 and one line that names the key."""
    record = plan.record
    what = record.fields.get("key") or f"no key ({record.outcome} {record.fields.get('detail')})"
    plan.job.say(False, files.encode(f"[NEFFCACHE-MISS] {what} {' '.join(plan.job.argv)}\n"))
    record.outcome = "required_hit_missing"
    return 3


def finish(config: "Config", record: journal.Record, store: "Store | None") -> None:
    """Write the call's line into the journal and the log; failing to is never an error."""
    if config.job:
        record.set(job=config.job)
    if config.log:
        _log(config.log, record)
    if store is None:
        return
    try:
        journal.append(f"{store.path}/{local.JOURNAL}", record)
    except OSError:
        pass


def _log(path: str, record: journal.Record) -> None:
    try:
        files.append(path, record.line(), 0o666)
    except OSError:
        pass
