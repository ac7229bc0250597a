"""World: what a remote is, and how the URL in a setting becomes one, opened by its scheme."""

from neffcache import files, locations, redacting, schemes
from neffcache.errors import RemoteError, SettingError
from neffcache.redacting import is_source, without_user
from neffcache.schemes import COMMON, LAYOUTS, MODES

SCHEMES = schemes.SCHEMES
ENVIRONMENT = schemes.ENVIRONMENT
shown = redacting.shown
unquote = locations.unquote

SETTING = "NEFFCACHE_REMOTES"

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
        One thread uses it at a time, or as many as its attribute `lanes` says where it has one.
        """

        def fetch(self, name: str, into: str, progress: Progress) -> bool:
            """Write an object into a file, replacing what is in it; False when it is absent.

            The progress is told how many bytes stand in the file, from its beginning.
            """

        def store(self, name: str, path: str, progress: Progress) -> bool:
            """Publish a file under a name, create-only: False when the name already stands."""

        def exists(self, names: Iterable[str]) -> set[str]:
            """Which of the names stand there."""

    class Probing(Remote, Protocol):
        """A remote that can say more of itself: for `neffcache doctor`."""

        def identity(self) -> str:
            """Who we are there, for people; holds no secret. Raises RemoteError."""

        def try_write(self) -> None:
            """Find out by a real operation whether we may write there.

            Leaves nothing behind, or one small object that is never read.

            Raises:
                RefusedError: we may not. RemoteError: that cannot be told now.
            """


class Spec:
    """One remote as the settings name it.

    Attributes:
        url: without secrets and options: fit for logs, markers and messages.
        scheme: e.g. "file".
        location: what follows "scheme://", percent-encoded as given.
        mode: ro, rw or wo.
        backfill: whether what a remote behind it had is copied to it.
        credential: where the secret comes from ("env:NAME"), or "" when none is named.
        options: every other option of the URL.
        origin: where the settings name it, for people.
    """

    __slots__ = ("backfill", "credential", "location", "mode", "options", "origin", "scheme", "url")

    def __init__(self, scheme: str, location: str, options: "dict[str, str]") -> None:
        self.scheme = scheme
        self.location = location
        self.mode = options.pop("mode", "rw")
        self.backfill = options.pop("backfill", "0") == "1"
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
        """The URL with what is needed to open it again, less mode and backfill; holds no secret."""
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
    scheme, mark, rest = locations.familiar(text).partition("://")
    if not mark or scheme not in SCHEMES:
        _wrong(text, "unknown scheme" if mark else "not a URL", f"known are {_known()}")
    location, _, query = rest.partition("?")
    if without_user(location) != location:
        _wrong(text, "it holds a user or password", "take that out and use ?credential=env:NAME")
    options = _options(text, query, COMMON + SCHEMES[scheme][2])
    try:
        location = locations.check(scheme, location, options)
    except locations.Malformed as found:
        _wrong(text, found.problem, found.remedy)
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
            if twice and _place(other) == _place(spec):
                _wrong(text, "named twice", "remove one of the two")
        found.append(spec)
    return found


def is_same(one: Spec, other: Spec) -> bool:
    """Whether two name one place, whatever their modes."""
    return _place(one) == _place(other)


def _place(spec: Spec) -> "tuple[str, str]":
    return spec.url, spec.options.get("endpoint", "")


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
    """The secret that a variable of this environment holds: what may differ from job to job.

    Of clouds only one that is meant to last: what is renewed every hour is the same user's still.
    """
    if spec.credential:
        return environ.get(files.encode(spec.credential[len(ENVIRONMENT) :]), b"")
    if spec.scheme == "hf":
        from neffcache.hub import login

        return login.from_environment(environ)
    if spec.scheme in ("s3", "az", "gs"):
        from neffcache.objects import lasting

        return lasting.secret(spec.scheme, environ)
    return b""


def _known() -> str:
    return ", ".join(f"{scheme}://" for scheme in sorted(SCHEMES))


def _wrong(text: str, problem: str, remedy: str) -> "NoReturn":
    raise SettingError(f"{SETTING}: {shown(text)}: {problem}", remedy)


def _options(text: str, query: str, known: "tuple[str, ...]") -> "dict[str, str]":
    found: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        if name not in known:
            remedy = (
                f"known are {', '.join(known)}; a secret goes into a variable: credential=env:NAME"
            )
            # What has no value may be a secret itself, or the end of one.
            shown_name = name if value.strip("=") else "***"
            _wrong(text, f"unknown option {shown_name}", remedy)
        if name in found:
            _wrong(text, f"option {name} stands twice", "remove one of the two")
        found[name] = value
    if found.get("mode", "rw") not in MODES:
        _wrong(text, "its mode is not known", f"use one of {', '.join(MODES)}")
    if found.get("layout", LAYOUTS[0]) not in LAYOUTS:
        _wrong(text, "its layout is not known", f"use one of {', '.join(LAYOUTS)}")
    if "credential" in found and not is_source(found["credential"]):
        _wrong(text, "its credential is not a source", "name a variable: credential=env:NAME")
    return found
