"""Bench: one way of digesting one graph, in a process of its own: prints seconds and peak bytes."""

from __future__ import annotations

import hashlib
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(how: str, path: str, store: str) -> None:
    """Prepare one way, then time it once: whatever is loaded before does not count."""
    sys.path[:0] = [str(ROOT / "shim"), str(ROOT / "tests")]
    work = WAYS[how](path, store)
    began = time.process_time()
    work()
    seconds = time.process_time() - began
    # What the process had before it read anything is its own, not the graph's.
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def _walk(level: str) -> Callable[[str, str], Callable[[], object]]:
    def prepare(path: str, _store: str) -> Callable[[], object]:
        from neffcache.graph import hlo, source

        def work() -> None:
            found = hlo.digest(source.open_file(path), level, lambda _target, _config: None)
            if found.level != level:
                raise SystemExit(f"read as {found.level}: {'; '.join(found.reasons)}")

        return work

    return prepare


def _alias(path: str, store: str) -> Callable[[], object]:
    from neffcache import config, files
    from neffcache.run import keying
    from neffcache.run.plan import Job

    for size in (0, files.SMALL):  # both kinds of SHA-256 are loaded, as hashlib is for the others
        files.new_hash(size)
    job = Job()
    job.cwd, job.environ, job.config = "/", {}, config.load({})
    return lambda: keying.read(job, path, store)


def _raw(path: str, _store: str) -> Callable[[], object]:
    def work() -> None:
        made = hashlib.sha256()
        with open(path, "rb", buffering=0) as file:
            while part := file.read(1 << 18):
                made.update(part)

    return work


def _plain(path: str, _store: str) -> Callable[[], object]:
    """What a key of raw bytes costs: the shim's own choice of SHA-256 for the size."""
    from neffcache import files
    from neffcache.graph import raw

    for size in (0, files.SMALL):
        files.new_hash(size)
    return lambda: raw.hash_file(path)


def _protobuf(path: str, _store: str) -> Callable[[], object]:
    from graphs import schema

    kind = schema.message("xla.HloModuleProto")

    def work() -> None:
        module = kind.FromString(Path(path).read_bytes())
        hashlib.sha256(module.SerializeToString(deterministic=True)).hexdigest()

    return work


WAYS: dict[str, Callable[[str, str], Callable[[], object]]] = {
    "strict": _walk("strict"),
    "canonical": _walk("canonical"),
    "alias": _alias,
    "plain": _plain,
    "raw": _raw,
    "protobuf": _protobuf,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
