"""World: the list of the settings; one row is one option."""

# name, type, default, help. The variable is NEFFCACHE_ and the name in capitals.
OPTIONS = (
    ("dir", "path", "", "where the local store lies; empty: /var/tmp/neffcache-<uid>"),
    ("config", "path", "", "a settings file that stands in for the system's and the user's"),
    ("remotes", "list", "", "remotes in order, URLs separated by blanks or commas"),
    ("config_json", "path", "", "a JSON file with Olive's cloud_cache_config: one more remote"),
    ("max_size", "size", "", "largest size of the local store; empty: a tenth of the disk, 50G"),
    ("wait", "seconds", "7200", "longest wait for another process that compiles the same key"),
    ("upload_wait", "seconds", "0", "how long a compile waits for the upload of its own entry"),
    ("remote_timeout", "seconds", "5", "longest silence of a remote before it is given up"),
    ("disable", "bool", "false", "pass every call on to the compiler"),
    ("readonly", "bool", "false", "serve what is stored, keep and upload nothing"),
    ("recache", "bool", "false", "compile even when stored, and replace the stored entry"),
    ("require_hit", "bool", "false", "a miss is an error (status 3): never compile"),
    ("strict", "bool", "false", "for tests: unexpected faults of the cache are raised"),
    ("log", "path", "", "a file to which every decision is appended"),
    ("compiler", "path", "", "the real neuronx-cc; empty: the next one on PATH"),
    ("compiler_id", "text", "", "names a compiler that cannot be identified by its package"),
    (
        "compiler_check",
        "choice",
        "record",
        "what tells that the compiler's files are those of its RECORD: record, stat or content",
    ),
    ("key_level", "choice", "strict", "how far graphs are normalised: raw, strict or canonical"),
    ("key_bytecode", "choice", "raw", "MLIR bytecode: raw, or strip: a parser drops its locations"),
    ("key_ignore_env", "names", "", "variables to leave out of the key (NAME or BEGINNING*)"),
    ("key_extra_env", "names", "", "further variables to put into the key (NAME or BEGINNING*)"),
    ("target", "text", "", "what a missing --target stands for on this host, for the key"),
    (
        "allow_savetemps",
        "bool",
        "false",
        "cache `--pipeline compile SaveTemps`, less its extra files",
    ),
    ("keep_log", "bool", "false", "keep the compiler's log in the entry (it then leaves the host)"),
    ("head_age", "seconds", "60", "how long what a Hub repository lacks is not asked for again"),
    ("hub_commits", "number", "6", "commits to a Hub repository an hour, less those of `flush`"),
    ("hub_gather", "seconds", "300", "how long entries for a Hub repository are gathered"),
    ("hub_batch", "number", "100", "so many gathered entries are committed at once"),
    ("hub_batch_size", "size", "2G", "so many gathered bytes are committed at once"),
    ("hub_no_xet", "bool", "false", "upload to the Hub by plain LFS instead of Xet"),
    ("hub_public", "list", "", "public Hub repositories that may be written nevertheless"),
    ("hub_public_weights", "bool", "false", "there also NEFFs that may hold weights"),
    ("hub_trusted", "list", "", "Hub repositories whose native entries need no check of their HLO"),
    ("hub_hlo", "bool", "false", "push native entries together with their HLO"),
    (
        "hub_everybody",
        "bool",
        "true",
        "ask the public aws-neuron/optimum-neuron-cache for native entries, too",
    ),
    ("hooks", "bool", "false", "switch the hooks on in every Python process"),
    ("hook_inprocess", "bool", "false", "the hooks also answer compilers called inside a process"),
    ("job", "text", "", "a name that journal lines carry; `neffcache run` sets it"),
    (
        "upload",
        "choice",
        "save",
        "when a job's entries are uploaded: save (and exit), exit, eager or off",
    ),
    ("watch", "paths", "", "further directories to look for new NEFFs in, separated by colons"),
    ("catch_up", "bool", "true", "queue native entries that were there before the watcher, too"),
    ("retry_failed", "bool", "true", "set failure logs aside that tell of memory or a kill"),
    ("flush_timeout", "seconds", "60", "how long `neffcache run` waits for uploads at its end"),
    ("grace", "seconds", "30", "how long after SIGTERM `neffcache run` may take in all"),
)
# The words that each option of type "choice" may have.
CHOICES = {
    "compiler_check": ("record", "stat", "content"),
    "key_bytecode": ("raw", "strip"),
    "key_level": ("raw", "strict", "canonical"),
    "upload": ("save", "exit", "eager", "off"),
}


class Config:
    """Every option's value (see OPTIONS) and where each came from.

    Paths and texts are str, sizes bytes (int; -1: not set), seconds float, lists tuples of str.
    """

    __slots__ = (
        "allow_savetemps",
        "catch_up",
        "compiler",
        "compiler_check",
        "compiler_id",
        "config",
        "config_json",
        "dir",
        "disable",
        "flush_timeout",
        "grace",
        "head_age",
        "hook_inprocess",
        "hooks",
        "hub_batch",
        "hub_batch_size",
        "hub_commits",
        "hub_everybody",
        "hub_gather",
        "hub_hlo",
        "hub_no_xet",
        "hub_public",
        "hub_public_weights",
        "hub_trusted",
        "job",
        "keep_log",
        "key_bytecode",
        "key_extra_env",
        "key_ignore_env",
        "key_level",
        "log",
        "max_size",
        "origins",
        "readonly",
        "recache",
        "remote_timeout",
        "remotes",
        "require_hit",
        "retry_failed",
        "strict",
        "target",
        "upload",
        "upload_wait",
        "wait",
        "watch",
    )
    allow_savetemps: bool
    compiler: str
    compiler_check: str
    compiler_id: str
    config: str
    config_json: str
    dir: str
    disable: bool
    head_age: float
    hub_batch: int
    hub_batch_size: int
    hub_commits: int
    hub_gather: float
    hub_everybody: bool
    hub_hlo: bool
    hub_public: "tuple[str, ...]"
    hub_public_weights: bool
    hub_trusted: "tuple[str, ...]"
    hub_no_xet: bool
    keep_log: bool
    key_bytecode: str
    key_extra_env: "tuple[str, ...]"
    key_ignore_env: "tuple[str, ...]"
    key_level: str
    log: str
    max_size: int
    readonly: bool
    recache: bool
    remote_timeout: float
    remotes: "tuple[str, ...]"
    require_hit: bool
    strict: bool
    target: str
    upload_wait: float
    wait: float
    catch_up: bool
    flush_timeout: float
    grace: float
    hook_inprocess: bool
    hooks: bool
    job: str
    retry_failed: bool
    upload: str
    watch: "tuple[str, ...]"
    origins: "dict[str, str]"
