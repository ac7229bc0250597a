"""World: what a remote whose objects appear in commits takes, and what it says of it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from neffcache.remote import Progress, Remote


class Object:
    """A file to be published.

    Attributes:
        name: on the remote; path: of the file.
        weights: whether it may hold a model's weights: never for a public place unasked.
    """

    __slots__ = ("name", "path", "weights")

    def __init__(self, name: str, path: str, weights: bool) -> None:
        self.name = name
        self.path = path
        self.weights = weights


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


if TYPE_CHECKING:

    class Committing(Remote, Protocol):
        """A remote whose objects appear in commits, and where each commit counts.

        An entry is one object there: a commit is all or nothing, so no record need come last.
        """

        def publish(self, objects: Sequence[Object], progress: Progress) -> Published:
            """Publish objects in one commit, create-only; raises as `store` does."""

        def head(self) -> str:
            """The commit that the last answer was read at; "" before the first."""
