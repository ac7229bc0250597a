"""World: the settings: environment over files over defaults; one row is one option."""

import posix

from neffcache import environment, files
from neffcache.errors import SettingError
from neffcache.options import CHOICES, OPTIONS, Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFIX = b"NEFFCACHE_"
# Says to a child of a compile that it is one; set by us, never by a user.
RECURSION = "active"
SYSTEM_FILE = "/etc/neffcache.conf"
_FILE_LIMIT = 1 << 20

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")
_PLACES = ("dir", "log", "compiler", "job")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


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

    For a call whose settings are wrong: it still has to find the compiler and the journal, and
    to say whose job it is.
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
    value = _float(text)
    if not 0 <= value <= 1e9:  # also false for NaN
        raise ValueError("not a number of seconds")
    return value


def size(text: str) -> int:
    """Bytes of "500M", "50G", "1.5T" or a plain number; -1 for "". ValueError when malformed."""
    if not text:
        return -1
    low = text.upper().removesuffix("IB").removesuffix("B")
    unit = low[-1:] if low[-1:] in "KMGT" else ""
    value = _float(low[: len(low) - len(unit)])
    if not 0 <= value <= 1e15:
        raise ValueError("not a size")
    return int(value * _UNITS[unit])


def _float(text: str) -> float:
    """A number; -1 for what is none: Python's words for that help nobody."""
    try:
        return float(text)
    except ValueError:
        return -1.0


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise ValueError("not a whole number")
    return int(text)


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


def _paths(text: str) -> "tuple[str, ...]":
    return tuple(_path(part) for part in text.split(":") if part)


def _names(text: str) -> "tuple[str, ...]":
    found = _list(text)
    for name in found:
        environment.check(files.encode(name))
    return found


_PARSERS: "dict[str, Callable[[str], object]]" = {
    "bool": _bool,
    "number": _number,
    "seconds": _seconds,
    "size": size,
    "path": _path,
    "list": _list,
    "paths": _paths,
    "names": _names,
    "text": str,
    "choice": str.lower,
}
_REMEDY = {
    "bool": "use 1/true/yes/on or 0/false/no/off",
    "number": "use a whole number such as 6",
    "seconds": "use a number of seconds such as 5 or 0.5",
    "size": "use a size such as 500M or 50G",
    "path": "use an absolute path",
    "list": "separate several by blanks or commas",
    "paths": "use absolute paths separated by colons",
    "names": "name variables, each with or without a * at its end",
    "text": "use plain text",
    "choice": "use one of ",
}
