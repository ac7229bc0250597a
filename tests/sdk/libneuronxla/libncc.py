"""One compile as PJRT asks for it: the persistent cache first, then `neuronx-cc` from PATH."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from libneuronxla.neuron_cc_cache import CacheUrl, CompileCacheEntry, create_compile_cache

# Flags that end here: the compiler never sees them. With the number of words that follow.
_OURS = {"--cache_dir": 1, "--no_cache": 0, "--retry_failed_compilation": 0}
_WRAPPED = "--enable-internal-neff-wrapper"


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
    """The NEFF of a graph, from the cache or compiled.

    Raises:
        RuntimeError: the compiler failed, now or (without retry) before; or what this stand-in
            does not do was asked for.
    """
    if lazy or input_format != "hlo":
        raise RuntimeError("the stand-in compiles HLO, and at once")
    flags = [*_for_compiler(compiler_flags)]
    with tempfile.TemporaryDirectory(dir=work_dir if create_subdir else None) as folder:
        job = _Job(Path(folder), module_bytes, [f"--target={platform_target}", *flags])
        if not use_cache or not cache_key:
            return job.compile()
        cache = create_compile_cache(CacheUrl.get_cache_url(cache_dir))
        with cache.lookup(cache_key, job.flags) as entry:
            return _through(entry, job, retry_failed_compilation)


class _Job:
    """A working directory with the graph in it."""

    def __init__(self, folder: Path, module: bytes, flags: list[str]) -> None:
        self.hlo, self.neff = folder / "model.hlo_module.pb", folder / "model.neff"
        self.wrapped = folder / "wrapped_neff.hlo"
        self.flags = flags
        self.hlo.write_bytes(module)

    def compile(self) -> bytes:
        """Have it compiled; raises RuntimeError with the compiler's output."""
        start = ["neuronx-cc", "compile", "--framework=XLA", str(self.hlo)]
        done = subprocess.run(
            [*start, "--output", str(self.neff), *self.flags, "--verbose=35"],
            cwd=self.hlo.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"status {done.returncode}: {done.stdout.decode(errors='replace')}")
        return self.neff.read_bytes()


def _through(entry: CompileCacheEntry, job: _Job, retry: bool) -> bytes:
    """From an entry whose lock is held, or compiled into it."""
    if entry.exists:
        entry.download_neff(str(job.neff))
        entry.download_wrapped_neff(str(job.wrapped))
        return job.neff.read_bytes()
    if not retry and entry.log_exists():
        raise RuntimeError(f"compiled before, and failed: {entry.download_log()}")
    entry.upload_inputs(str(job.hlo), json.dumps(job.flags))
    try:
        neff = job.compile()
    except RuntimeError as error:
        entry.upload_log(str(error))
        raise
    if job.wrapped.exists() and _WRAPPED in job.flags:
        entry.upload_wrapped_neff(str(job.wrapped))
    entry.upload_neff(str(job.neff))
    return neff


def _for_compiler(flags: str | Sequence[str]) -> list[str]:
    """The flags without those that are for this library."""
    words = shlex.split(flags) if isinstance(flags, str) else [os.fspath(flag) for flag in flags]
    kept, skip = [], 0
    for word in words:
        if skip:
            skip -= 1
        elif word.partition("=")[0] not in _OURS:
            kept.append(word)
        elif "=" not in word:
            skip = _OURS[word]
    return kept
