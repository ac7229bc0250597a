"""Door: the package's byte code straight from its place: the usual search costs as much as it."""

import marshal
import posix
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader

# What stands before byte code that holds as long as its source has the time and size named next.
_PLAIN = MAGIC_NUMBER + bytes(4)
_HEAD = 16
_SUFFIX = f".{sys.implementation.cache_tag}.pyc"
_MOST = 64 << 10

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType


class Finder:
    """Finds our modules by their names; rooms and all else are left to Python's own finders."""

    @staticmethod
    def find_spec(
        name: str, path: "Sequence[str] | None" = None, _target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Where a module is, if it is one of ours."""
        if not path or not name.startswith("neffcache."):
            return None
        base = name.rpartition(".")[2]
        source = f"{path[0]}/{base}.py"
        try:
            state = posix.stat(source)
        except OSError:
            return None
        cached = f"{path[0]}/__pycache__/{base}{_SUFFIX}"
        fresh = _PLAIN + _four(int(state.st_mtime)) + _four(state.st_size)
        spec = ModuleSpec(name, _Loader(name, source, cached, fresh), origin=source)
        spec.cached = cached
        spec.has_location = True
        return spec


class _Loader(SourceFileLoader):
    """Takes fresh byte code as it is; whatever is not that, Python loads as usual."""

    def __init__(self, name: str, source: str, cached: str, fresh: bytes) -> None:
        super().__init__(name, source)
        self._cached = cached
        self._fresh = fresh

    def get_code(self, fullname: str) -> "CodeType | None":
        try:
            data = _read(self._cached)
        except OSError:
            data = b""
        if data[:_HEAD] != self._fresh or len(data) == _MOST:
            return super().get_code(fullname)
        code: CodeType = marshal.loads(memoryview(data)[_HEAD:])  # noqa: S302  as Python does
        return code


def _read(path: str) -> bytes:
    fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return posix.read(fd, _MOST)
    finally:
        posix.close(fd)


def _four(number: int) -> bytes:
    return (number & 0xFFFFFFFF).to_bytes(4, "little")


def quicken() -> None:
    """Ask this finder first."""
    if not sys.flags.optimize:  # that byte code lies under other names
        sys.meta_path.insert(0, Finder)
