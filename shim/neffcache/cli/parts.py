"""Door: the parts of a key as they can be shown, and how two keys differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neffcache.cli.text import short
from neffcache.entry import read
from neffcache.errors import EntryError

if TYPE_CHECKING:
    from neffcache.store.local import Store

_SHOWN_DIGITS = 16


@dataclass(frozen=True)
class Part:
    """One labelled part of a key.

    Attributes:
        label: e.g. "option", "env NEURON_FSDP".
        text: readable, None where only the digest is known.
        sha256: hex digits; of the text where only that is known.
    """

    label: str
    text: str | None
    sha256: str

    def same(self, other: Part) -> bool:
        """Whether both stand for the same bytes. Text of bytes that are not UTF-8 has no digest
        of its own, so two texts count as well."""
        if self.label != other.label:
            return False
        return self.sha256 == other.sha256 or (self.text is not None and self.text == other.text)

    def words(self) -> str:
        """For people."""
        if self.text is None:
            return f"sha256 {self.sha256[:_SHOWN_DIGITS]}"
        return short(self.text.replace("\n", ", "))


@dataclass(frozen=True)
class Difference:
    """One place where two keys differ; a side that has nothing there is None."""

    label: str
    stored: Part | None
    now: Part | None
    words: str


@dataclass(frozen=True)
class Manifest:
    """What a stored entry says of itself."""

    parts: list[Part]
    compiler: str
    seconds: float
    created: float


def from_journal(rows: object) -> list[Part]:
    """The parts of a journal line, [[label, text]...]; malformed ones are left out."""
    found = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, list) and len(row) == 2 and all(isinstance(x, str) for x in row):
            label, text = row
            found.append(Part(label, text, _digest(text)))
    return found


def from_store(store: Store, key: str) -> Manifest | None:
    """An entry's manifest; None when there is no whole one. Does not count as a use."""
    try:
        bundle = read.open_bundle(store.entry_path(key), key)
        try:
            made = json.loads(read.manifest(bundle))
        finally:
            bundle.close()
    except (OSError, EntryError, ValueError, RecursionError):
        return None
    return _manifest(made) if isinstance(made, dict) else None


def _manifest(made: dict[str, Any]) -> Manifest:
    found = []
    rows = made.get("parts")
    for row in rows if isinstance(rows, list) else []:
        label, digest, text = (row.get(n) for n in ("label", "sha256", "text"))
        if isinstance(label, str) and isinstance(digest, str):
            found.append(Part(label, text if isinstance(text, str) else None, digest))
    compiler = next((part.text for part in found if part.label == "compiler" and part.text), "")
    return Manifest(found, compiler, _number(made.get("seconds")), _number(made.get("created")))


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def with_texts(parts: Iterable[Part], known: Sequence[Part]) -> list[Part]:
    """The parts, readable where a known list of the same key has the text."""
    texts = {(part.label, part.sha256): part.text for part in known}
    return [
        Part(p.label, texts.get((p.label, p.sha256)) if p.text is None else p.text, p.sha256)
        for p in parts
    ]


def differences(stored: Sequence[Part], now: Sequence[Part]) -> list[Difference]:
    """Where two keys differ, label by label, in the order of the key."""
    found = []
    for label in dict.fromkeys(part.label for part in [*now, *stored]):
        old = [part for part in stored if part.label == label]
        new = [part for part in now if part.label == label]
        found += _differences(label, old, new)
    return found


def _differences(label: str, old: list[Part], new: list[Part]) -> list[Difference]:
    gone, come = _without(old, new), _without(new, old)
    if not gone and not come:
        pairs = zip(old, new, strict=True)
        swapped = next((pair for pair in pairs if not pair[0].same(pair[1])), None)
        if swapped is None:
            return []
        return [Difference(label, *swapped, f"{label}: the same ones in another order")]
    found = []
    for at in range(max(len(gone), len(come))):
        before = gone[at] if at < len(gone) else None
        after = come[at] if at < len(come) else None
        found.append(Difference(label, before, after, _words(label, before, after)))
    return found


def _without(these: list[Part], others: list[Part]) -> list[Part]:
    """Those that have no equal among the others, each of which serves once."""
    left = list(others)
    found = []
    for part in these:
        twin = next((other for other in left if part.same(other)), None)
        if twin is None:
            found.append(part)
        else:
            left.remove(twin)
    return found


def _words(label: str, before: Part | None, after: Part | None) -> str:
    """What differs. Of texts with several lines, only the lines that do."""
    name = "the graph itself" if label == "graph" else short(label)
    if before and after and before.text and after.text and "\n" in before.text + after.text:
        old, new = before.text.split("\n"), after.text.split("\n")
        was = _shown([line for line in old if line not in new])
        now = _shown([line for line in new if line not in old])
    else:
        missing = "not set" if label.startswith("env ") else "absent"
        now, was = (part.words() if part else missing for part in (after, before))
    return f"{name}: {now} now, {was} in the stored entry"


def _shown(lines: list[str]) -> str:
    return short(", ".join(lines)) or "nothing"
