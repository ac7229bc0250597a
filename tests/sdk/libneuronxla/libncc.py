"""One compile as frameworks ask for it: the persistent cache first, then `neuronx-cc` from PATH."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from libneuronxla import words
from libneuronxla.generation import CURRENT
from libneuronxla.jobs import Job, PjrtJob

if CURRENT.moved or CURRENT.alien:
    from libneuronxla.compile_cache import CacheUrl, CompileCacheEntry, create_compile_cache
else:
    from libneuronxla.neuron_cc_cache import CacheUrl, CompileCacheEntry, create_compile_cache

_FAILED = 400


# Their signature, which hooks look at.
def neuron_xla_compile(  # noqa: PLR0913, PLR0917
    module_bytes: bytes,
    compiler_flags: str | Sequence[str],
    input_format: str = "hlo",
    platform_target: str = "trn1",
    cache_key: str | None = None,
    retry_failed_compilation: bool = False,
    lazy: bool = False,
    use_cache: bool = True,
    cache_dir: str | None = None,
    work_dir: str | None = None,
    create_subdir: bool = True,
) -> bytes:
    """The NEFF of a graph, from the cache or compiled; nothing when graphs are only extracted.

    Raises:
        RuntimeError: the compiler failed, now or (without retry) before; or what this stand-in
            does not do was asked for.
    """
    if input_format != "hlo":
        raise RuntimeError("the stand-in compiles HLO")
    flags, ours = words.split(compiler_flags)
    with _folder(work_dir, create_subdir) as folder:
        job = Job(Path(folder), module_bytes, [f"--target={platform_target}", *flags])
        if not use_cache or not cache_key or "--no_cache" in ours:
            return job.compile()
        retry = retry_failed_compilation or "--retry_failed_compilation" in ours
        place = CacheUrl.get_cache_url(cache_dir or ours.get("--cache_dir"))
        if CURRENT.alien:
            return _through_alien(place, cache_key, job)
        with create_compile_cache(place).lookup(cache_key, job.flags) as entry:
            return _through(entry, job, retry, lazy or words.only_extract())


def neuronx_cc(
    code: bytes, code_format: bytes, platform_version: bytes, file_prefix: bytes | str
) -> tuple[int, bytes]:
    """One compile for PJRT: (0, wrapped NEFF, else the NEFF) or (a status, why).

    The graph's hash, an unsigned 64-bit number, is what stands behind the prefix's last `_`;
    without one, and with --no_cache, no cache is asked.
    """
    prefix = file_prefix if isinstance(file_prefix, str) else file_prefix.decode()
    key = prefix.rpartition("_")[2]
    flags, ours = words.of_environment()
    try:
        if code_format != b"hlo":
            raise RuntimeError(f"the stand-in takes no {code_format!r}")
        with tempfile.TemporaryDirectory() as folder:
            job = PjrtJob(Path(folder), code, [f"--target={platform_version.decode()}", *flags])
            return 0, _for_pjrt(job, key, ours)
    except RuntimeError as error:
        return _FAILED, str(error).encode()


def _for_pjrt(job: PjrtJob, key: str, ours: dict[str, str]) -> bytes:
    if not key.isdigit() or "--no_cache" in ours:
        job.compile()
        return job.result()
    if CURRENT.alien:
        return _through_alien(CacheUrl.get_cache_url(), key, job)
    with create_compile_cache(CacheUrl.get_cache_url()).lookup(key, job.flags) as entry:
        retry = "--retry_failed_compilation" in ours
        found = _through(entry, job, retry, words.only_extract())
        return found and job.result()


def _through(entry: CompileCacheEntry, job: Job, retry: bool, only_extract: bool) -> bytes:
    """From an entry whose lock is held, or compiled into it."""
    if entry.exists() if CURRENT.asked else entry.exists:
        entry.download_neff(str(job.neff))
        entry.download_wrapped_neff(str(job.wrapped))
        return job.neff.read_bytes()
    if not retry and entry.log_exists():
        raise RuntimeError(f"compiled before, and failed: {entry.download_log()}")
    entry.upload_inputs(str(job.hlo), CURRENT.text(job.flags))
    if only_extract:
        return b""
    return into(entry, job)


def _through_alien(place: CacheUrl, key: str, job: Job) -> bytes:
    from libneuronxla import alien_cache, neuron_cc_cache

    cache: Any = neuron_cc_cache
    entry = cache.create_compile_cache(url=place).lookup(alien_cache.Question(key, job.flags))
    entry.acquire()
    try:
        if not entry.ready():
            job.compile()
            entry.store(job.hlo, job.neff, job.flags)
        return bytes(entry.neff_path().read_bytes())
    finally:
        entry.release()


def into(entry: CompileCacheEntry, job: Job) -> bytes:
    """Compile into an entry whose lock is held and which has the inputs."""
    try:
        neff = job.compile()
    except RuntimeError as error:
        entry.upload_log(str(error))
        raise
    if job.wrapped.exists():
        entry.upload_wrapped_neff(str(job.wrapped))
    entry.upload_neff(str(job.neff))
    return neff


class _folder:  # noqa: N801
    """A temporary directory, or one of the caller's own, which stays."""

    def __init__(self, work_dir: str | None, create_subdir: bool) -> None:
        self._own = work_dir if work_dir and not create_subdir else ""
        self._temporary = None if self._own else tempfile.TemporaryDirectory(dir=work_dir)

    def __enter__(self) -> str:
        if self._temporary:
            return self._temporary.name
        os.makedirs(self._own, exist_ok=True)
        return self._own

    def __exit__(self, *_raised: object) -> None:
        if self._temporary:
            self._temporary.cleanup()
