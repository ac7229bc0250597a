"""World: what a remote is, and how the URL in a setting becomes one, opened by its scheme."""

from neffcache import files
from neffcache.errors import RemoteError, SettingError

MODES = ("ro", "rw", "wo")
ENVIRONMENT = "env:"
SETTING = "NEFFCACHE_REMOTES"
_HEX = frozenset(b"0123456789abcdefABCDEF")
# Options that every remote has. Their values are never secrets.
COMMON = ("mode", "credential")
# scheme -> module:Class, what to do when the module cannot be imported, further options.
SCHEMES: "dict[str, tuple[str, str, tuple[str, ...]]]" = {
    "file": ("neffcache.remotes.file:FileRemote", "", ()),
    "hf": (
        "neffcache.remotes.hub:HubRemote",
        "reinstall neffcache: it brings huggingface_hub",
        ("layout", "endpoint"),
    ),
}
LAYOUTS = ("bundle", "native", "both")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import NoReturn, Protocol

    # Is given the bytes of the object that have passed so far, again and again while work goes
    # on: whoever hears nothing for long enough gives the remote up. May raise to end the transfer.
    Progress = Callable[[int], None]

    class Remote(Protocol):
        """A place of named immutable objects; files cross it, not bytes.

        Made by Class(spec, environ). Methods raise RemoteError when the remote cannot tell or
        cannot do it now, RefusedError when it never will, OSError when the local file is at fault.
        """

        def fetch(self, name: str, into: str, progress: Progress) -> bool:
            """Write an object into a file, replacing what is in it; False when it is absent."""

        def store(self, name: str, path: str, progress: Progress) -> bool:
            """Publish a file under a name, create-only: False when the name already stands."""

        def exists(self, names: Iterable[str]) -> set[str]:
            """Which of the names stand there."""


class Spec:
    """One remote as the settings name it.

    Attributes:
        url: without secrets and options: fit for logs, markers and messages.
        scheme: e.g. "file".
        location: what follows "scheme://", percent-encoded as given.
        mode: ro, rw or wo.
        credential: where the secret comes from ("env:NAME"), or "" when none is named.
        options: every other option of the URL.
        origin: where the settings name it, for people.
    """

    __slots__ = ("credential", "location", "mode", "options", "origin", "scheme", "url")

    def __init__(self, scheme: str, location: str, options: "dict[str, str]") -> None:
        self.scheme = scheme
        self.location = location
        self.mode = options.pop("mode", "rw")
        self.credential = options.pop("credential", "")
        self.options = options
        self.url = f"{scheme}://{location}"
        self.origin = SETTING

    @property
    def reads(self) -> bool:
        """Whether look-ups ask it."""
        return self.mode != "wo"

    @property
    def writes(self) -> bool:
        """Whether new entries go there."""
        return self.mode != "ro"

    @property
    def bundles(self) -> bool:
        """Whether it holds bundles, which the shim asks for and leaves."""
        return self.options.get("layout") != "native"

    @property
    def natives(self) -> bool:
        """Whether it holds entries of libneuronxla's cache, as they stand there."""
        return self.options.get("layout", "both" if self.scheme == "hf" else "") in LAYOUTS[1:]

    def text(self) -> str:
        """The URL with what is needed to open it again, less the mode; holds no secret."""
        options = sorted(self.options.items())
        if self.credential:
            options.append(("credential", self.credential))
        query = "&".join(f"{name}={value}" for name, value in options)
        return f"{self.url}?{query}" if query else self.url


def parse(text: str) -> Spec:
    """The remote that a URL names.

    Raises:
        SettingError: one line with the URL (redacted), what is wrong and the remedy.
    """
    scheme, mark, rest = text.partition("://")
    if not mark or scheme not in SCHEMES:
        _wrong(text, "unknown scheme" if mark else "not a URL", f"known are {_known()}")
    location, _, query = rest.partition("?")
    if _without_user(location) != location:
        _wrong(text, "it holds a user or password", "take that out and use ?credential=env:NAME")
    options = _options(text, query, COMMON + SCHEMES[scheme][2])
    if scheme == "file":
        location = _absolute(text, location)
    elif scheme == "hf":
        from neffcache.hub import names

        problem = names.problem(location)
        if "endpoint" in options:
            problem = problem or names.endpoint_problem(unquote(options["endpoint"]))
        if problem:
            _wrong(text, problem, "write hf://org/repository or hf://org/repository@revision")
    return Spec(scheme, location, options)


def specs(texts: "tuple[str, ...]") -> "list[Spec]":
    """The remotes of a setting, in order.

    Raises:
        SettingError: one is malformed, or one place is named twice for the same purpose.
    """
    found: list[Spec] = []
    for text in texts:
        spec = parse(text)
        for other in found:
            twice = (spec.reads and other.reads) or (spec.writes and other.writes)
            if other.url == spec.url and twice:
                _wrong(text, "named twice", "remove one of the two")
        found.append(spec)
    return found


def shown(text: str) -> str:
    """A URL fit for a message: no user, no password, no fragment, no value of a doubtful option."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = "", text
    rest, _, query = rest.partition("?")
    if scheme != "file":
        rest = rest.partition("#")[0]
    clean = f"{scheme}{mark}{_without_user(rest)}"
    return f"{clean}?{_shown_query(scheme, query)}" if query else clean


def open_remote(spec: Spec, environ: "Mapping[bytes, bytes]") -> "Remote":
    """The remote itself.

    Raises:
        RemoteError: its credential or what it needs to be installed is missing.
    """
    if spec.credential and not secret(spec, environ):
        raise RemoteError(f"{spec.credential} is not set", "export it or remove credential=")
    target, remedy, _options = SCHEMES[spec.scheme]
    module, _, name = target.partition(":")
    try:
        loaded = __import__(module, fromlist=[name])
    except ImportError as error:
        raise RemoteError(f"{spec.scheme}:// needs what is not there ({error})", remedy) from error
    made: Remote = getattr(loaded, name)(spec, environ)
    return made


def secret(spec: Spec, environ: "Mapping[bytes, bytes]") -> bytes:
    """What the credential source holds in this environment; b"" when nothing or none is needed.

    A Hub repository without a named source takes the token that the Hub's client would take.
    """
    found = secret_in(spec, environ)
    if found or spec.credential or spec.scheme != "hf":
        return found
    from neffcache.hub import login

    return login.from_file(environ)


def secret_in(spec: Spec, environ: "Mapping[bytes, bytes]") -> bytes:
    """The secret that a variable of this environment holds: what may differ from job to job."""
    if spec.credential:
        return environ.get(files.encode(spec.credential[len(ENVIRONMENT) :]), b"")
    if spec.scheme != "hf":
        return b""
    from neffcache.hub import login

    return login.from_environment(environ)


def unquote(text: str) -> str:
    """Undo percent-encoding: how a URL names a path with blanks, commas or question marks."""
    head, *rest = files.encode(text).split(b"%")
    for part in rest:
        code = part[:2]
        if len(code) == 2 and all(byte in _HEX for byte in code):
            head += bytes.fromhex(code.decode()) + part[2:]
        else:
            head += b"%" + part
    return files.decode(head)


def _known() -> str:
    return ", ".join(f"{scheme}://" for scheme in sorted(SCHEMES))


def _wrong(text: str, problem: str, remedy: str) -> "NoReturn":
    raise SettingError(f"{SETTING}: {shown(text)}: {problem}", remedy)


def _without_user(location: str) -> str:
    """A location less `user:password@`, also where the password holds a slash.

    Kept are `repository@revision` and `host:port/repository@digest`.
    """
    before, mark, after = location.rpartition("@")
    host, slash, _ = before.partition("/")
    port = host.partition(":")[2]
    if not mark or location.startswith("/"):
        return location
    if slash and (":" not in before or (port.isdigit() and len(port) < 6)):
        return location
    return after


def _options(text: str, query: str, known: "tuple[str, ...]") -> "dict[str, str]":
    found: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        if name not in known:
            remedy = (
                f"known are {', '.join(known)}; a secret goes into a variable: credential=env:NAME"
            )
            _wrong(text, f"unknown option {name}", remedy)
        if name in found:
            _wrong(text, f"option {name} stands twice", "remove one of the two")
        found[name] = value
    if found.get("mode", "rw") not in MODES:
        _wrong(text, "its mode is not known", f"use one of {', '.join(MODES)}")
    if found.get("layout", LAYOUTS[0]) not in LAYOUTS:
        _wrong(text, "its layout is not known", f"use one of {', '.join(LAYOUTS)}")
    if "credential" in found and not _is_source(found["credential"]):
        _wrong(text, "its credential is not a source", "name a variable: credential=env:NAME")
    return found


def _is_source(text: str) -> bool:
    name = text[len(ENVIRONMENT) :]
    return text.startswith(ENVIRONMENT) and name.isascii() and name.isidentifier()


def _absolute(text: str, location: str) -> str:
    """The path of a file URL: absolute, no dots, no doubled or last slash."""
    parts = [part for part in location.split("/") if part]
    if not location.startswith("/") or not parts:
        _wrong(text, "its path is not absolute", "use three slashes: file:///mnt/cache")
    if "." in parts or ".." in parts or "\0" in unquote(location):
        _wrong(text, "its path holds dots", "write the path out")
    return "/" + "/".join(parts)


def _shown_query(scheme: str, query: str) -> str:
    plain = COMMON + (SCHEMES[scheme][2] if scheme in SCHEMES else ())
    shown_pairs = []
    for pair in query.split("&"):
        name, mark, value = pair.partition("=")
        if name == "credential":
            fit = _is_source(value)
        elif name == "mode":
            fit = value in MODES
        elif name == "endpoint":
            fit = "@" not in unquote(value)
        else:
            fit = name in plain
        shown_pairs.append(pair if fit else f"{name}=***" if mark else "***")
    return "&".join(shown_pairs)
