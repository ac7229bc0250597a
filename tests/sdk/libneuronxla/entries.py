"""One entry of the persistent compile cache, and the look-ups that its questions cost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from libneuronxla.generation import CURRENT

if TYPE_CHECKING:
    from libneuronxla.compile_cache import CompileCache


class CompileCacheEntry:
    """A directory of the cache; as a context it holds the entry's lock.

    Attributes:
        key: the directory's name, `MODULE_<hash>+<flags>`.
        locked: whether this process holds the lock.
        exists: whether a compile succeeded, as property or (before 2.1) as method.
    """

    def __init__(self, cache: CompileCache, path: str, locked: bool = False) -> None:
        self.cache = cache
        self.key = os.path.basename(path)
        self.hlo_path = os.path.join(path, CURRENT.hlo)
        self.flags_path = os.path.join(path, CURRENT.flags)
        self.neff_path = os.path.join(path, "model.neff")
        self.wrapped_neff_path = os.path.join(path, "wrapped_neff.hlo")
        self.done_path = os.path.join(path, "model.done")
        self.log_path = os.path.join(path, "model.log")
        self.locked = locked

    def __enter__(self) -> CompileCacheEntry:
        if not self.locked:
            self.cache.wait_for_lock(self.hlo_path)
            self.locked = True
        return self

    def __exit__(self, *_raised: object) -> None:
        if self.locked:
            self.locked = False
            self.cache.hlo_release_lock(self.hlo_path)

    def _exists(self) -> bool:
        """The marker is there, which is written last, and the NEFF."""
        done = not CURRENT.marked or self.cache.exists(self.done_path)
        return done and self.cache.exists(self.neff_path)

    exists: Any = _exists if CURRENT.asked else property(_exists)

    def log_exists(self) -> bool:
        """Whether a compile failed before."""
        return self.cache.exists(self.log_path)

    def download_log(self) -> str:
        return self.cache.download_file_to_string(self.log_path)

    def download_neff(self, dst_path: str) -> None:
        self.cache.download_file(self.neff_path, dst_path)

    def download_wrapped_neff(self, dst_path: str) -> None:
        """The stub beside the NEFF, if there is one."""
        if self.cache.exists(self.wrapped_neff_path):
            self.cache.download_file(self.wrapped_neff_path, dst_path)

    def upload_inputs(self, hlo_path: str, compile_flags_str: str) -> None:
        self.cache.upload_file(self.hlo_path, hlo_path)
        self.cache.upload_string_to_file(self.flags_path, compile_flags_str)

    def upload_neff(self, src_path: str) -> None:
        """The NEFF, then the marker that says so: the last thing of an entry."""
        self.cache.upload_file(self.neff_path, src_path)
        if CURRENT.marked:
            self.cache.upload_string_to_file(self.done_path, "")

    def upload_wrapped_neff(self, src_path: str) -> None:
        self.cache.upload_file(self.wrapped_neff_path, src_path)

    def upload_log(self, text: str) -> None:
        self.cache.upload_string_to_file(self.log_path, text)
