"""Ground: what this process is to the kernel: its name and its prctl switches."""

import posix

from neffcache import files

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
_HERE, _NOREPLACE = -100, 1  # AT_FDCWD, RENAME_NOREPLACE
_NOT_THERE = (22, 38, 95)  # EINVAL (of the file system), ENOSYS, EOPNOTSUPP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def rename(name: str) -> None:
    """Set the process's name as ps and pgrep show it; failing to changes nothing."""
    try:
        fd = posix.open("/proc/self/comm", posix.O_WRONLY | posix.O_CLOEXEC)
    except OSError:
        return
    try:
        posix.write(fd, name.encode())
    except OSError:
        pass
    finally:
        posix.close(fd)


def load_prctl() -> "Callable[[int, int], None]":
    """A function prctl(option, argument); one that does nothing where ctypes is missing."""
    try:
        # What ctypes is made of: itself it also imports os, half a start of the interpreter.
        from _ctypes import FUNCFLAG_CDECL, CFuncPtr, dlopen, dlsym

        class Function(CFuncPtr):
            _flags_ = FUNCFLAG_CDECL
            _restype_ = None

        ourselves = dlopen(None, 0)  # type: ignore[arg-type]  # the stub only knows files
        call = Function(dlsym(ourselves, "prctl"))
    except (ImportError, OSError, AttributeError):
        return lambda _option, _argument: None

    def prctl(option: int, argument: int) -> None:
        call(option, argument, 0, 0, 0)

    return prctl


def sync_all(path: str) -> bool:
    """Have the disk hold all that its file system was given so far; False where that is not to be.

    Raises:
        OSError: the disk does not take it.
    """
    try:
        import ctypes

        call = ctypes.CDLL(None, use_errno=True).syncfs
    except (ImportError, OSError, AttributeError):
        return False
    fd = posix.open(path, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
    try:
        if call(fd) == 0:
            return True
        code = ctypes.get_errno()
        raise OSError(code, posix.strerror(code), path)
    finally:
        posix.close(fd)


def rename_new(old: str, new: str) -> bool:
    """Rename a directory to a name that must not exist; False when this kernel cannot promise it.

    Raises:
        FileExistsError: the name is taken, be it by an empty directory; OSError: anything else.
    """
    try:
        import ctypes

        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (ImportError, OSError, AttributeError):
        return False
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    if call(_HERE, files.encode(old), _HERE, files.encode(new), _NOREPLACE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NOT_THERE:
        return False
    raise OSError(code, posix.strerror(code), new)
