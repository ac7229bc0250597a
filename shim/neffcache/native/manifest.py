"""Noun: neffcache.json beside an entry on a remote: its files' digests and what was checked."""

from neffcache.errors import EntryError
from neffcache.native import names
from neffcache.native.graphs import WORDS, Verdict

SCHEMA = 1
MOST = 64 << 10
_MOST_BYTES = 1 << 40
_HEX = frozenset("0123456789abcdef")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Manifest:
    """What a writer said of an entry.

    Attributes:
        entry: the name it lies under, `neuronxcc-<version>/MODULE_<...>`.
        files: name -> (bytes, SHA-256 in hex) of each file that lies beside the manifest.
        verdict: of the check of its graph and flags, also where those stayed at home.
        weights: whether the NEFF may hold a model's weights.
        key: of the bundle whose NEFF it is; "" for an entry that did not come through the shim.
        version: of neffcache.
    """

    __slots__ = ("entry", "files", "key", "verdict", "version", "weights")

    def __init__(self, entry: str, verdict: Verdict, version: str) -> None:
        self.entry = entry
        self.verdict = verdict
        self.version = version
        self.files: dict[str, tuple[int, str]] = {}
        self.weights = True
        self.key = ""

    def text(self) -> bytes:
        """The file."""
        import json

        stated = {
            "schema": SCHEMA,
            "entry": self.entry,
            "files": {
                name: {"bytes": size, "sha256": digest}
                for name, (size, digest) in sorted(self.files.items())
            },
            "check": self.verdict.word,
            "detail": self.verdict.detail,
            "may_hold_weights": self.weights,
            "key": self.key or None,
            "neffcache": self.version,
        }
        return json.dumps(stated, indent=1).encode() + b"\n"


def parse(data: bytes, entry: str) -> Manifest:
    """Read a manifest.

    Raises:
        EntryError: damaged, of another version, or of another entry than the one asked for.
    """
    import json

    try:
        stated = json.loads(data)
        if stated["schema"] != SCHEMA:
            raise ValueError("unknown version")
        verdict = Verdict(stated["check"], str(stated["detail"]))
        made = Manifest(stated["entry"], verdict, str(stated["neffcache"]))
        made.weights = stated["may_hold_weights"] is not False
        made.key = _key(stated["key"])
        for name, row in stated["files"].items():
            made.files[name] = (_size(row["bytes"]), _digest(row["sha256"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise EntryError(f"its manifest is damaged ({type(error).__name__}: {error})") from error
    if made.entry != entry:
        raise EntryError("its manifest belongs to another entry")
    if verdict.word not in WORDS or not {names.NEFF, names.DONE} <= made.files.keys():
        raise EntryError("its manifest is damaged (it does not name a whole entry)")
    if not made.files.keys() <= set(names.PLANTED):
        raise EntryError("its manifest names files that no entry has")
    return made


def _key(value: "Any") -> str:
    return "" if value is None else _digest(value)


def _digest(value: "Any") -> str:
    if not isinstance(value, str) or len(value) != 64 or not _HEX.issuperset(value):
        raise ValueError("not a digest")
    return value


def _size(value: "Any") -> int:
    if type(value) is not int or not 0 <= value <= _MOST_BYTES:
        raise ValueError("not a size")
    return value
