"""World: what a remote whose objects appear in commits takes, and what it says of it."""

from neffcache import files
from neffcache.errors import RemoteError, SettingError

# Schemes whose remotes are of this kind.
_SCHEMES = ("hf",)
_TERMS = ("hub_hlo", "hub_no_xet", "hub_public", "hub_public_weights", "remote_timeout")
# Where what the user agreed to is noted.
_PLACES = (b"HF_HOME", b"HOME", b"XDG_CACHE_HOME")

# How the reason begins where the place itself said no: whoever waits need not wait for it.
REFUSED = "refused: "

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from neffcache.remote import Progress, Remote


class Indigestible(RemoteError):
    """The remote did not take what was sent: less of it may go through. Caught in the sender."""


class Object:
    """A file to be published.

    Attributes:
        name: on the remote; path: of the file.
        weights: whether it may hold a model's weights: never for a public place unasked.
        unless: a name; where that stands already this object is not put beside it (the files of
            two compiles under one name would not fit together). "": there is no such name.
    """

    __slots__ = ("name", "path", "unless", "weights")

    def __init__(self, name: str, path: str, weights: bool, unless: str = "") -> None:
        self.name = name
        self.path = path
        self.weights = weights
        self.unless = unless


class Published:
    """How publishing went: every object not named here stood there already.

    Attributes:
        created: names that are there now, by this call.
        refused: names that will never be taken, and why: one line with the remedy.
    """

    __slots__ = ("created", "refused")

    def __init__(self, created: "set[str]", refused: "dict[str, str]") -> None:
        self.created = created
        self.refused = refused


def commits(url: str) -> bool:
    """Whether the remote of this URL takes commits: then entries are gathered for it."""
    return url.partition("://")[0] in _SCHEMES


def terms(environ: "Mapping[bytes, bytes]") -> str:
    """What decides here what may go where, as a digest: equal for two processes that agree."""
    from neffcache import config

    try:
        settings = config.load(environ)
    except SettingError:
        settings = config.fallback(environ)
    said = [f"{name}={getattr(settings, name)!r}\n" for name in _TERMS]
    said += [f"{name!r}={environ.get(name)!r}\n" for name in _PLACES]
    return files.digest(files.encode("".join(said)))


if TYPE_CHECKING:

    class Committing(Remote, Protocol):
        """A remote whose objects appear in commits, and where each commit counts.

        An entry is one object there: a commit is all or nothing, so no record need come last.
        """

        def publish(self, objects: Sequence[Object], progress: Progress) -> Published:
            """Publish objects in one commit, create-only.

            Raises:
                RefusedError: the place takes nothing from us; else as `store`, or Indigestible.
            """

        def head(self) -> str:
            """The commit that the last answer was read at; "" before the first."""
