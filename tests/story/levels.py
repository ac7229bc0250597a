"""What a host does with a chain of remotes, run by a test as a process of its own: prints JSON."""

from __future__ import annotations

import json
import os
import sys

from neffcache import backlog, journal, queue, remote
from neffcache.cache import Reader
from neffcache.config import load
from neffcache.store.local import Store


def read(store: Store, key: str, specs: list[remote.Spec], spare: str) -> dict[str, object]:
    """Ask the chain for a key: the remote that had it, the notes, the lines for people."""
    record = journal.Record()
    reader = Reader(store, load(os.environb), os.environb, record, spare)
    found = reader.fetch(key, specs)
    url = found.url if found is not None else ""
    if found is not None:
        found.close()
    return {"url": url, "notes": [note[0] for note in record.notes if isinstance(note, list)]}


def write(store: Store, key: str, specs: list[remote.Spec]) -> dict[str, object]:
    """Queue a stored entry for the chain and have it sent."""
    queue.enqueue(store, key, specs, os.environb)
    flushed = backlog.flush(store, os.environb)
    return {
        "sent": flushed.sent,
        "left": [one.remote for one in flushed.left],
        "dead": [one.remote for one in flushed.dead],
    }


def main() -> None:
    """`read|write <store> <key> <spare> <url>...`"""
    what, path, key, spare, *urls = sys.argv[1:]
    specs = remote.specs(tuple(urls))
    store = Store(path)
    done = read(store, key, specs, spare) if what == "read" else write(store, key, specs)
    print(json.dumps(done))


if __name__ == "__main__":
    main()
