"""Story: the nouns of one call: what a door hands over, what is found out, how a compile ended."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from neffcache.compiler.identity import Identity
    from neffcache.graph.raw import Graph
    from neffcache.invocation import Invocation
    from neffcache.journal import Record
    from neffcache.key import Key
    from neffcache.options import Config
    from neffcache.store.local import Store


class Ran:
    """How a run of the real compiler ended.

    Attributes:
        status: exit status, or minus the signal's number.
        seconds: wall time.
        peak_bytes: largest resident memory of one of its processes; 0 when not known.
    """

    __slots__ = ("peak_bytes", "seconds", "status")

    def __init__(self, status: int, seconds: float, peak_bytes: int) -> None:
        self.status = status
        self.seconds = seconds
        self.peak_bytes = peak_bytes


class Job:
    """What a door hands over.

    Attributes:
        argv: the arguments behind the program's name.
        cwd: absolute working directory.
        environ: the caller's environment.
        config: the settings.
        script: the real compiler's path.
        compile: runs the real compiler once and returns how it ended.
        say: writes bytes to the caller's standard output (True) or error (False).
    """

    __slots__ = ("argv", "compile", "config", "cwd", "environ", "say", "script")
    argv: "list[str]"
    cwd: str
    environ: "Mapping[bytes, bytes]"
    config: "Config"
    script: str
    compile: "Callable[[], Ran]"
    say: "Callable[[bool, bytes], None]"


class Plan:
    """A job understood: everything a look-up and a later keep need."""

    __slots__ = (
        "blocked",
        "call",
        "graph",
        "identity",
        "inlined",
        "job",
        "key",
        "ran",
        "record",
        "store",
    )
    blocked: bool  # the files cannot be put in their places: no further answer can be, either
    job: Job
    call: "Invocation"
    store: "Store"
    identity: "Identity"
    key: "Key"
    graph: "Graph"
    inlined: "int | None"  # at most so many bytes of constants went into the compile
    record: "Record"
    ran: "Ran | None"  # once the compiler has run, its status is the answer whatever happens
