"""Story: manifest.json: what an entry is, for people, for `explain` and for the ledger."""

import posix

from neffcache import files, journal, key
from neffcache.payload import UNKNOWN
from neffcache.version import __version__

_SCHEMA = 1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.run.plan import Plan, Ran


def text(plan: "Plan", ran: "Ran", created: float, payload: str = UNKNOWN) -> bytes:
    """The manifest of a compile's entry; whatever the payload is, it has the same size.

    `inlined` bounds the bytes of the model's weights that may be in it; null: nobody knows.

    It may leave the host: values of the environment, paths and the maker are digests.
    """
    parts: list[journal.Value] = []
    for part in plan.key.parts:
        shown: dict[str, journal.Value] = {"label": part.label, "sha256": part.digest}
        if is_public(part):
            shown["text"] = journal.shown(part.value)
        parts.append(shown)
    maker = f"{posix.uname().nodename} {posix.getuid()}"
    return journal.dump({
        "schema": _SCHEMA,
        "key": plan.key.digest,
        "key_format": key.FORMAT,
        "level": plan.graph.level,
        "parts": parts,
        "seconds": round(ran.seconds, 3),
        "peak_bytes": ran.peak_bytes,
        "created": round(created, 3),
        "payload": payload,
        "inlined": plan.inlined,
        "maker": files.digest(files.encode(maker)),
        "neffcache": __version__,
        "signature": None,
    }).encode()  # fmt: skip


def is_public(part: key.Part) -> bool:
    """Whether a part's text may stand in a manifest: no value of the environment, no path."""
    if part.label.startswith(("env ", "file ")):
        return False
    return part.label.startswith(("compiler", "graph", "target")) or b"/" not in part.value
