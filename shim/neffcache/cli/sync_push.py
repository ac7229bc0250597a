"""Door: what `synchronize` pushes: stored bundles and native entries that a remote lacks."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from neffcache import backlog, queue
from neffcache.cli import FINE, NO, UNREACHABLE, progress, sync_call, sync_helper, text, waiting
from neffcache.errors import EntryError
from neffcache.native import names, opening
from neffcache.store import keep, local

if TYPE_CHECKING:
    from collections.abc import Iterator

    from neffcache.cli.world import World
    from neffcache.remote import Spec
    from neffcache.store.local import Store

_MOST_SHOWN = 20


@dataclass
class Pushed:
    """How pushing went; in a dry run, how it would go.

    Attributes:
        url: of the remote; dry: whether nothing was done.
        natives, bundles: what it lacked: entries and keys.
        kept_back: native entries that may not be pushed, and why.
        done: what came of it, line by line; status: of the command.
    """

    url: str
    dry: bool
    natives: list[str] = field(default_factory=list)
    bundles: list[str] = field(default_factory=list)
    kept_back: list[tuple[str, str]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    status: int = FINE

    def lines(self) -> list[str]:
        """For people."""
        many = text.count(len(self.natives) + len(self.bundles), "entry", "entries")
        parts = f"{len(self.natives)} native, {len(self.bundles)} of the local store"
        made = [f"{self.url} lacks {many}: {parts}"]
        if self.dry:
            made += some([f"would push {name}" for name in (*self.natives, *self.bundles)])
        made += some([f"not pushed: {entry}: {why}" for entry, why in self.kept_back])
        return made + self.done


def some(rows: list[str]) -> list[str]:
    """The first rows, and how many more there are."""
    more = len(rows) - _MOST_SHOWN
    return rows if more <= 0 else [*rows[:_MOST_SHOWN], f"... and {more} more"]


def push(world: World, spec: Spec, root: str, *, dry: bool, quiet: bool) -> Pushed:
    """Push what a remote lacks, through the queue; what is not sent now waits there.

    Raises:
        RemoteError: it cannot be asked what it has. StoreError, OSError.
    """
    store = local.open_store(world.config)
    made = Pushed(spec.url, dry)
    entries = list(_local(root)) if spec.natives else []
    versions = sorted({names.version_of(entry) for entry in entries})
    there: dict[str, set[str]] = {sync_helper.NATIVE: set(), sync_helper.BUNDLE: set()}
    for word, name in sync_call.lines(world, spec, "there", store.path, *versions):
        there[word].add(name)
    for entry in entries:
        if entry not in there[sync_helper.NATIVE]:
            why = _problem(root, entry)
            if why:
                made.kept_back.append((entry, why))
            else:
                made.natives.append(entry)
    if spec.bundles:
        keys = {key for _used, _size, key in keep.entries(store)}
        made.bundles = sorted(keys - there[sync_helper.BUNDLE])
    if not dry and (made.natives or made.bundles):
        _send(world, store, spec, (root, made, quiet))
    return made


def _local(root: str) -> Iterator[str]:
    """Everything below the root that has the name of an entry."""
    for version in listed(root):
        if names.is_version(version):
            for module in listed(f"{root}/{version}"):
                if names.is_entry(f"{version}/{module}"):
                    yield f"{version}/{module}"


def listed(path: str) -> list[str]:
    """The names in a directory, sorted; none when there is none."""
    try:
        return sorted(os.listdir(path))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _problem(root: str, entry: str) -> str:
    """Why an entry may not be pushed, as far as a look at its files tells; "" when it may."""
    try:
        opening.open_entry(root, entry).close()
    except (EntryError, OSError) as error:
        return str(error)
    return ""


def _send(world: World, store: Store, spec: Spec, what: tuple[str, Pushed, bool]) -> None:
    root, made, quiet = what
    destination = queue.destination_of(store, spec, world.environ)
    for entry in made.natives:
        queue.put(store, destination, queue.native_key(root, entry), (root, entry))
    for key in made.bundles:
        queue.put(store, destination, key)
    with progress.Progress("pushing", quiet=quiet) as shown:
        done = backlog.flush(store, world.environ, None, (spec.url,), tell=shown.show)
    made.done.append(f"{text.count(done.sent, 'entry', 'entries')} pushed")
    refused = [waiting.buried(row) for row in done.dead]
    made.done += some([f"refused for good: {row.words()}" for row in refused])
    made.done += [f"still waiting: {row.words()}" for row in waiting.shown(store, done.left)]
    if refused or done.left:
        made.status = UNREACHABLE if done.unreachable else NO
