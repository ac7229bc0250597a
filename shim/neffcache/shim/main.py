"""Door: one call of neuronx-cc: settings, the real compiler, the cache, and how to end."""

import posix
import time

from neffcache import config, files, journal, kernel
from neffcache.compiler import find
from neffcache.errors import CompilerNotFound, SettingError
from neffcache.run import call
from neffcache.run.plan import Job, Ran

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.options import Config

_NOT_FOUND = 127


def main(argv: "list[str]") -> None:
    """Answer a call and end the process.

    Args:
        argv: start.py, "=" and the caller's LC_CTYPE ("": unset), the script's path, the arguments.
    """
    kernel.rename(find.PROGRAM)
    door = _Door(argv)
    try:
        settings = config.load(door.environ)
    except SettingError as error:
        door.say(False, files.encode(f"neffcache: {error}\n"))
        settings = config.fallback(door.environ)
        door.pass_on(settings, "bad_setting", str(error))
    if settings.disable:
        door.pass_on(settings, "disabled")
    if find.is_nested(door.environ):
        door.pass_on(settings, "nested")
    door.answer(settings)


class _Door:
    """The caller's side of one call."""

    def __init__(self, argv: "list[str]") -> None:
        self.argv = argv[3:]
        self.environ = dict(posix.environ)
        # Python puts one of its own there where it finds none, or C.
        self.environ.pop(b"LC_CTYPE", None)
        if argv[1]:
            self.environ[b"LC_CTYPE"] = files.encode(argv[1][1:])
        try:
            self.cwd = posix.getcwd()
        except OSError:
            self.cwd = ""  # removed meanwhile: nothing relative can be understood

    def answer(self, settings: "Config") -> None:
        """Through the cache, or on to the compiler."""
        job = Job()
        job.argv, job.cwd, job.environ, job.config = self.argv, self.cwd, self.environ, settings
        job.script = self._compiler(settings)
        job.compile = lambda: self._compile(job.script)
        job.say = self.say
        status = call.compile_cached(job)
        if status is None:
            self._exec(job.script)
        elif status < 0:
            from neffcache import become

            become.die(-status)
        else:
            posix._exit(status)

    def pass_on(self, settings: "Config", outcome: str, detail: str = "") -> None:
        """Become the real compiler for a reason that no look-up can change."""
        record = journal.Record()
        record.outcome = outcome
        if detail:
            record.set(detail=detail)
        script = self._compiler(settings)
        call.note_passed(settings, record)
        self._exec(script)

    def say(self, good: bool, text: bytes) -> None:
        """Write to the caller's output; that nobody listens changes nothing."""
        try:
            posix.write(1 if good else 2, text)
        except OSError:
            pass

    def _compiler(self, settings: "Config") -> str:
        try:
            return find.find(self.environ, self.cwd or "/", settings.compiler)
        except CompilerNotFound as error:
            record = journal.Record()
            record.outcome = "compiler_not_found"
            record.set(detail=str(error))
            call.note_passed(settings, record)
            self.say(False, files.encode(f"{find.PROGRAM}: {error}\n"))
            posix._exit(_NOT_FOUND)

    def _compile(self, script: str) -> "Ran":
        from neffcache import child

        started = time.monotonic()
        kernel.rename("neffcache")  # by name there is one compiler, the real one
        try:
            status, peak = child.run(lambda: self._exec(script))
        finally:
            kernel.rename(find.PROGRAM)
        return Ran(status, time.monotonic() - started, peak)

    def _exec(self, script: str) -> None:
        from neffcache import become

        environ = find.child_environment(self.environ, script)
        become.become(script, [script, *self.argv], environ, self._complain)

    def _complain(self, text: str) -> None:
        self.say(False, files.encode(f"{find.PROGRAM}: {text}\n"))
