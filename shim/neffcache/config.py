"""World: the settings: environment over files over defaults; one row is one option."""

import posix

from neffcache import environment, files
from neffcache.errors import SettingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFIX = b"NEFFCACHE_"
# Says to a child of a compile that it is one; set by us, never by a user.
RECURSION = "active"
SYSTEM_FILE = "/etc/neffcache.conf"
_FILE_LIMIT = 1 << 20

# name, type, default, help. The variable is NEFFCACHE_ and the name in capitals.
OPTIONS = (
    ("dir", "path", "", "where the local store lies; empty: /var/tmp/neffcache-<uid>"),
    ("config", "path", "", "a settings file that stands in for the system's and the user's"),
    ("remotes", "list", "", "remotes in order, URLs separated by blanks or commas"),
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
)
_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")
_PLACES = ("dir", "log", "compiler")
# The words that each option of type "choice" may have.
CHOICES = {
    "compiler_check": ("record", "stat", "content"),
    "key_bytecode": ("raw", "strip"),
    "key_level": ("raw", "strict", "canonical"),
}
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Config:
    """Every option's value (see OPTIONS) and where each came from.

    Paths and texts are str, sizes bytes (int; -1: not set), seconds float, lists tuples of str.
    """

    __slots__ = (
        "allow_savetemps",
        "compiler",
        "compiler_check",
        "compiler_id",
        "config",
        "dir",
        "disable",
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
        "strict",
        "target",
        "upload_wait",
        "wait",
    )
    allow_savetemps: bool
    compiler: str
    compiler_check: str
    compiler_id: str
    config: str
    dir: str
    disable: bool
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
    origins: "dict[str, str]"


def variable(name: str) -> str:
    """The environment variable of an option."""
    return "NEFFCACHE_" + name.upper()


def load(environ: "Mapping[bytes, bytes]") -> Config:
    """The settings that hold in this environment.

    Raises:
        SettingError: a setting is unknown or malformed; names it and the remedy.
    """
    texts, origins = _from_files(environ)
    for key, value in environ.items():
        if key.startswith(PREFIX) and value:
            name = files.decode(key[len(PREFIX) :]).lower()
            if name == RECURSION:
                continue
            texts[name] = files.decode(value)
            origins[name] = "environment"
    made = Config()
    made.origins = origins
    for name, kind, default, _help in OPTIONS:
        setattr(made, name, _parse(name, kind, texts.pop(name, default), origins))
    for name in texts:
        raise SettingError(
            f"unknown setting {_shown(name, origins)}",
            "see `neffcache config` for the names, and remove or correct it",
        )
    return made


def fallback(environ: "Mapping[bytes, bytes]") -> Config:
    """The defaults, with where things lie taken from the environment where that is well-formed.

    For a call whose settings are wrong: it still has to find the compiler and the journal.
    """
    made = Config()
    made.origins = {}
    for name, kind, default, _help in OPTIONS:
        text = files.decode(environ.get(files.encode(variable(name)), b""))
        try:
            setattr(made, name, _PARSERS[kind](text if text and name in _PLACES else default))
        except ValueError:
            setattr(made, name, _PARSERS[kind](default))
    return made


def user_file(environ: "Mapping[bytes, bytes]") -> str:
    """The user's settings file, or "" without a home."""
    base = environ.get(b"XDG_CONFIG_HOME", b"")
    if not base.startswith(b"/"):
        home = environ.get(b"HOME", b"")
        if not home.startswith(b"/"):
            return ""
        base = home + b"/.config"
    return files.decode(base) + "/neffcache.conf"


def _from_files(environ: "Mapping[bytes, bytes]") -> "tuple[dict[str, str], dict[str, str]]":
    texts: dict[str, str] = {}
    origins: dict[str, str] = {}
    named = files.decode(environ.get(b"NEFFCACHE_CONFIG", b""))
    for path in (named,) if named else (SYSTEM_FILE, user_file(environ)):
        if not path:
            continue
        try:
            data = files.read(path, _FILE_LIMIT)
        except OSError as error:
            if named:
                raise SettingError(
                    f"NEFFCACHE_CONFIG={path} cannot be read ({error.strerror})",
                    "name a readable file or unset it",
                ) from error
            continue
        _read_lines(path, files.decode(data), texts, origins)
    return texts, origins


def _read_lines(path: str, text: str, texts: "dict[str, str]", origins: "dict[str, str]") -> None:
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise SettingError(f"{path}:{number}: not `name = value`", "correct or remove the line")
        if value.strip():
            texts[name.strip()] = value.strip()
            origins[name.strip()] = f"{path}:{number}"


def _shown(name: str, origins: "dict[str, str]") -> str:
    origin = origins.get(name, "default")
    return variable(name) if origin == "environment" else f"{name} ({origin})"


def _parse(name: str, kind: str, text: str, origins: "dict[str, str]") -> object:
    choices = CHOICES.get(name, ())
    try:
        value = _PARSERS[kind](text.strip())
        if choices and value not in choices:
            raise ValueError("unknown word")
    except ValueError as error:
        remedy = _REMEDY[kind] + ", ".join(choices)
        raise SettingError(f"{_shown(name, origins)}={text}: {error}", remedy) from None
    return value


def _bool(text: str) -> bool:
    low = text.lower()
    if low not in _TRUE + _FALSE:
        raise ValueError("neither yes nor no")
    return low in _TRUE


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1e9:  # also false for NaN
        raise ValueError("not a number of seconds")
    return value


def size(text: str) -> int:
    """Bytes of "500M", "50G", "1.5T" or a plain number; -1 for "". ValueError when malformed."""
    if not text:
        return -1
    low = text.upper().removesuffix("IB").removesuffix("B")
    unit = low[-1:] if low[-1:] in "KMGT" else ""
    value = float(low[: len(low) - len(unit)])
    if not 0 <= value <= 1e15:
        raise ValueError("not a size")
    return int(value * _UNITS[unit])


def _path(text: str) -> str:
    if text.startswith("~/"):
        home = files.decode(posix.environ.get(b"HOME", b""))
        if not home:
            raise ValueError("~ without HOME")
        text = home + text[1:]
    if text and not text.startswith("/"):
        raise ValueError("not an absolute path")
    return text


def _list(text: str) -> "tuple[str, ...]":
    return tuple(text.replace(",", " ").split())


def _names(text: str) -> "tuple[str, ...]":
    found = _list(text)
    for name in found:
        environment.check(files.encode(name))
    return found


_PARSERS: "dict[str, Callable[[str], object]]" = {
    "bool": _bool,
    "seconds": _seconds,
    "size": size,
    "path": _path,
    "list": _list,
    "names": _names,
    "text": str,
    "choice": str.lower,
}
_REMEDY = {
    "bool": "use 1/true/yes/on or 0/false/no/off",
    "seconds": "use a number of seconds such as 5 or 0.5",
    "size": "use a size such as 500M or 50G",
    "path": "use an absolute path",
    "list": "separate several by blanks or commas",
    "names": "name variables, each with or without a * at its end",
    "text": "use plain text",
    "choice": "use one of ",
}
