"""The persistent compile cache: `<root>/neuronxcc-<version>/MODULE_<hash>+<flags>/<files>`.

Whoever derives from CompileCache (optimum-neuron's proxy for the Hub does) replaces how single
files are looked for and fetched; what an entry is and in what order it is asked for stays here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from libneuronxla.cache_url import CacheUrl
from libneuronxla.entries import CompileCacheEntry
from libneuronxla.generation import CURRENT
from neuronxcc import __version__ as compiler_version

__all__ = [
    "CacheUrl",
    "CompileCache",
    "CompileCacheEntry",
    "CompileCacheFs",
    "CompileCacheS3",
    "create_compile_cache",
]
# How long a waiter sleeps between two looks at somebody else's lock; there is no limit to them.
_PAUSE = 0.2


class CompileCache:
    """What all kinds share; a kind says how to reach a file by its path."""

    cache_type = ""

    def __init__(self, cache_url: CacheUrl) -> None:
        self.cache_url = cache_url
        self.cache_path = cache_url.url

    def _lookup(self, cache_key: str, compiler_flags: str | Sequence[str]) -> CompileCacheEntry:
        """The entry of a graph's hash and its flags, whether it is there or not."""
        given = compiler_flags
        flags = given if isinstance(given, str) else CURRENT.text(given)
        return CompileCacheEntry(self, self.get_cache_dir(cache_key, flags))

    def _lookup_next(self, module_hash: str, flags: Sequence[str]) -> CompileCacheEntry:
        return self._lookup(module_hash, flags)

    lookup: Any = _lookup_next if CURRENT.moved else _lookup

    def try_lookup_for_compile(self, hlo_path: str) -> CompileCacheEntry | None:
        """The entry of a graph in the cache that waits to be compiled, its lock held; or None."""
        if not self.hlo_acquire_lock(hlo_path):
            return None
        return CompileCacheEntry(self, os.path.dirname(hlo_path), locked=True)

    def get_cache_dir(self, model_hash: str, compile_flags_str: str) -> str:
        digest = hashlib.md5(compile_flags_str.encode(), usedforsecurity=False).hexdigest()[:8]
        return self.get_cache_dir_with_cache_key(f"MODULE_{model_hash}+{digest}")

    def get_cache_dir_with_cache_key(self, key: str) -> str:
        return os.path.join(self.cache_path, f"neuronxcc-{compiler_version}", key)

    # What each kind has of its own.

    def exists(self, path: str) -> bool:
        raise NotImplementedError

    def download_file(self, filename: str, dst_path: str) -> None:
        raise NotImplementedError

    def download_file_to_string(self, filename: str, limit: int | None = None) -> str:
        raise NotImplementedError

    def upload_file(self, cache_path: str, src_path: str) -> None:
        raise NotImplementedError

    def upload_string_to_file(self, cache_path: str, data: str) -> None:
        raise NotImplementedError

    def hlo_acquire_lock(self, h: str) -> bool:
        raise NotImplementedError

    def hlo_release_lock(self, h: str) -> None:
        raise NotImplementedError

    def wait_for_lock(self, h: str) -> None:
        """Take a lock, waiting for as long as another has it."""
        while not self.hlo_acquire_lock(h):
            time.sleep(_PAUSE)


class CompileCacheFs(CompileCache):
    """A cache in a directory."""

    cache_type = "fs"

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def download_file(self, filename: str, dst_path: str) -> None:
        shutil.copyfile(filename, dst_path)

    def download_file_to_string(self, filename: str, limit: int | None = None) -> str:
        with open(filename, "rb") as file:
            return file.read(-1 if limit is None else limit).decode(errors="replace")

    def upload_file(self, cache_path: str, src_path: str) -> None:
        with _replacing(cache_path) as fresh:
            shutil.copyfile(src_path, fresh)

    def upload_string_to_file(self, cache_path: str, data: str) -> None:
        with _replacing(cache_path) as fresh:
            fresh.write_text(data)

    def hlo_acquire_lock(self, h: str) -> bool:
        os.makedirs(os.path.dirname(h), exist_ok=True)
        try:
            os.close(os.open(h + ".lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        except FileExistsError:
            return False
        return True

    def hlo_release_lock(self, h: str) -> None:
        self.remove(h + ".lock")

    def remove(self, path: str) -> None:
        Path(path).unlink(missing_ok=True)

    def clean(self) -> None:
        shutil.rmtree(self.cache_path, ignore_errors=True)

    def clear_locks(self) -> None:
        for path in Path(self.cache_path).rglob("*.lock"):
            path.unlink(missing_ok=True)

    def get_hlos(self, failed_neff_str: str = "") -> list[str]:
        """The graphs that have no NEFF yet; with a text also those whose log holds it."""
        return sorted(self._waiting(failed_neff_str))

    def _waiting(self, failed_neff_str: str) -> Iterator[str]:
        for path in Path(self.cache_path).rglob(CURRENT.hlo):
            log = path.with_name("model.log")
            failed = log.exists() and not (
                failed_neff_str and failed_neff_str in log.read_text(errors="replace")
            )
            if not path.with_name("model.neff").exists() and not failed:
                yield str(path)


class CompileCacheS3(CompileCache):
    """A cache in a bucket: the type only, nothing behind it."""

    cache_type = "s3"

    def __init__(self, cache_url: CacheUrl) -> None:
        raise NotImplementedError(f"the stand-in has no S3 cache: {cache_url.url}")


def create_compile_cache(cache_url: CacheUrl) -> CompileCache:
    """The cache for a place; hooks replace this function in every module that imported it."""
    return CompileCacheS3(cache_url) if cache_url.is_s3() else CompileCacheFs(cache_url)


@contextmanager
def _replacing(target: str) -> Iterator[Path]:
    """A temporary file beside a target, renamed to it when all went well."""
    fresh = Path(f"{target}.{os.getpid()}.tmp")
    fresh.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield fresh
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
