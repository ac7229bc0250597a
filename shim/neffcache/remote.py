"""World: what a remote is, and how the URL in a setting becomes one; each opened lazily by scheme."""

from neffcache.errors import RemoteError, SettingError

MODES = ("ro", "rw", "wo")
# scheme -> module:Class, and what to install when the module cannot be imported.
SCHEMES = {
    "file": ("neffcache.remotes.file:FileRemote", ""),
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    class Remote(Protocol):
        """A place of named immutable objects; files cross it, not bytes."""

        def fetch(self, name: str, into: str, progress: "Callable[[int], None]") -> bool:
            """Copy an object into a file; False when absent; RemoteError when it cannot tell."""

        def store(self, name: str, path: str) -> bool:
            """Publish a file under a name, create-only: False when the name already stands."""

        def exists(self, names: "Iterable[str]") -> "set[str]":
            """Which of the names stand there."""


class Spec:
    """One remote as the settings name it.

    Attributes:
        url: without secrets and options: fit for logs, markers and messages.
        scheme: e.g. "file".
        location: what follows "scheme://".
        mode: ro, rw or wo.
        credential: where the secret comes from ("env:NAME"), or "" when none is needed.
        options: every other option of the URL.
    """

    __slots__ = ("credential", "location", "mode", "options", "scheme", "url")

    def __init__(self, scheme: str, location: str, options: "dict[str, str]") -> None:
        self.scheme = scheme
        self.location = location
        self.mode = options.pop("mode", "rw")
        self.credential = options.pop("credential", "")
        self.options = options
        self.url = f"{scheme}://{location}"

    @property
    def reads(self) -> bool:
        """Whether look-ups ask it."""
        return self.mode != "wo"

    @property
    def writes(self) -> bool:
        """Whether new entries go there."""
        return self.mode != "ro"
