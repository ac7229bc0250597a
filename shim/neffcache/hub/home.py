"""World: where the Hub's client keeps what it knows of this user, found as it finds it."""

import posix

from neffcache import files

_NAME = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
# Of other clouds' tools, too.
_PLACES = (
    *(b"HF_HOME", b"XDG_CACHE_HOME", b"HF_TOKEN_PATH"),
    *(b"AWS_CONFIG_FILE", b"AWS_SHARED_CREDENTIALS_FILE", b"AWS_WEB_IDENTITY_TOKEN_FILE"),
    *(b"AZURE_CONFIG_DIR", b"AZURE_FEDERATED_TOKEN_FILE"),
    *(b"CLOUDSDK_CONFIG", b"GOOGLE_APPLICATION_CREDENTIALS"),
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def directory(environ: "Mapping[bytes, bytes]") -> str:
    """HF_HOME: as set, else below XDG_CACHE_HOME, else ~/.cache/huggingface; "" without a home.

    An empty variable counts as unset; a relative path is one of the working directory.
    """
    named = environ.get(b"HF_HOME", b"")
    if not named:
        base = environ.get(b"XDG_CACHE_HOME", b"") or b"~/.cache"
        named = base.rstrip(b"/") + b"/huggingface"
    return expand(named, environ)


def pinned(environ: "Mapping[bytes, bytes]") -> "dict[bytes, bytes]":
    """An environment whose relative places stay where they are when the directory changes."""
    made = dict(environ)
    for name in _PLACES:
        value = made.get(name, b"")
        if value and value[:1] not in b"/~$":
            made[name] = files.encode(expand(value, environ)) or value
    return made


def expand(path: bytes, environ: "Mapping[bytes, bytes]") -> str:
    """A path with `~`, `~user` and `$NAME` replaced, absolute; "" when a home cannot be told."""
    if path.startswith(b"~"):
        user, slash, rest = path[1:].partition(b"/")
        home = _home(user, environ)
        if not home:
            return ""
        path = home.rstrip(b"/") + slash + rest
    path = _expand_variables(path, environ)
    if not path.startswith(b"/"):
        try:
            path = posix.getcwdb().rstrip(b"/") + b"/" + path
        except OSError:
            return ""
    return files.decode(path)


def _home(user: bytes, environ: "Mapping[bytes, bytes]") -> bytes:
    """The home of a user; of this one (HOME, else as the system knows it) when none is named."""
    home = environ.get(b"HOME", b"")
    if not user and home:
        return home if home.startswith(b"/") else b""
    try:
        import pwd

        found = pwd.getpwnam(files.decode(user)) if user else pwd.getpwuid(posix.getuid())
    except (ImportError, KeyError):
        return b""
    return files.encode(found.pw_dir)


def _expand_variables(path: bytes, environ: "Mapping[bytes, bytes]") -> bytes:
    """`$NAME` and `${NAME}` replaced where NAME is set; anything else stays as it is."""
    made, *rest = path.split(b"$")
    for part in rest:
        if part.startswith(b"{") and b"}" in part:
            name, _, after = part[1:].partition(b"}")
        else:
            after = part.lstrip(_NAME)
            name = part[: len(part) - len(after)]
        value = environ.get(name) if name and not name.strip(_NAME) else None
        made += b"$" + part if value is None else value + after
    return made
