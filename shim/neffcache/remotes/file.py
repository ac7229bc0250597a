"""Whole: a directory that several hosts mount (NFS, FSx): `file:///path`."""

import posix
import time

from neffcache import files
from neffcache.errors import RefusedError, RemoteError
from neffcache.remote import unquote

# Unfinished files of every writer, in one place: whoever comes later clears what is left over.
STAGING = ".neffcache-tmp"
_FINISHED = "neffcache/v1"
_STALE_AFTER = 86400.0
_SYNC_EVERY = 32 << 20
# EPERM, EACCES, EROFS, ENOTDIR: no use in trying again.
_FOR_GOOD = (1, 13, 30, 20)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from neffcache.remote import Progress, Spec


class FileRemote:
    """Objects are files below a directory, published whole by link(2), never changed.

    It makes the directory itself, but nothing above it: a missing parent is a mount that is not
    there. Files are 0666 and directories 0777 less the umask, so that a group can share it. Where
    the file system has no links the last writer of a name wins instead of the first.

    Attributes:
        lanes: how many threads may use it at once.
    """

    lanes = 4

    def __init__(self, spec: "Spec", _environ: "Mapping[bytes, bytes]") -> None:
        self._root = unquote(spec.location)
        self._writes = spec.writes

    def fetch(self, name: str, into: str, progress: "Progress") -> bool:
        """Copy an object into a file; False when it is absent."""
        try:
            source = files.open_read(self._path(name))
        except FileNotFoundError:
            self._check_mounted()
            return False
        except OSError as error:
            raise self._failure(error) from error
        try:
            if not files.is_regular(posix.fstat(source).st_mode):
                raise RemoteError(f"{name} is not a regular file")
            self._copy_from(source, into, progress)
        finally:
            posix.close(source)
        return True

    def store(self, name: str, path: str, progress: "Progress") -> bool:
        """Publish a file; False when the name already stands."""
        if not self._writes:
            raise RefusedError("it is set to mode=ro", "use mode=rw to write there")
        try:
            if self._stands(name):
                return False
            staging = self._make_staging()
            target = self._path(name)
            files.make_directories(files.parent(target), 0o777)
        except OSError as error:
            raise self._failure(error) from error
        source = files.open_read(path)
        try:
            return self._publish(source, files.join(staging, "x"), target, progress)
        finally:
            posix.close(source)

    def exists(self, names: "Iterable[str]") -> "set[str]":
        """Which of the names stand."""
        try:
            return {name for name in names if self._stands(name)}
        except OSError as error:
            raise self._failure(error) from error

    def identity(self) -> str:
        """As whom the file system sees us."""
        import pwd

        uid = posix.geteuid()
        try:
            return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
        except KeyError:
            return f"uid {uid}"

    def try_write(self) -> None:
        """Make a file where unfinished and finished ones go, and remove it."""
        self._check_mounted()
        for name in (STAGING, _FINISHED):
            directory = self._nearest(name)
            try:
                fd, temp = files.temporary(files.join(directory, "x"), 0o666)
            except OSError as error:
                error.filename = directory
                raise self._failure(error) from error
            try:
                posix.write(fd, b"?")
            except OSError as error:
                raise self._failure(error) from error
            finally:
                posix.close(fd)
                files.discard(temp)

    def _nearest(self, name: str) -> str:
        """The directory of a name, or the one above it that it would be made in."""
        path = self._path(name)
        while len(path) > 1:
            try:
                posix.stat(path)
            except FileNotFoundError:
                path = files.parent(path)
                continue
            except OSError as error:
                raise self._failure(error) from error
            break
        return path

    def _path(self, name: str) -> str:
        return files.join(self._root, name)

    def _stands(self, name: str) -> bool:
        try:
            posix.stat(self._path(name))
        except FileNotFoundError:
            self._check_mounted()
            return False
        return True

    def _check_mounted(self) -> None:
        """What is absent is only absent when the directory, or the one above it, is there."""
        for path in (self._root, files.parent(self._root)):
            try:
                posix.stat(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise self._failure(error) from error
            return
        above = files.parent(self._root)
        raise RemoteError(f"{above} is not there", "mount it, or make it if it is no mount")

    def _make_staging(self) -> str:
        """The directory for unfinished files, cleared of what killed writers left long ago."""
        staging = self._path(STAGING)
        for path in (self._root, staging):
            try:
                posix.mkdir(path, 0o777)
            except FileExistsError:
                pass
        for name in posix.listdir(staging):
            path = files.join(staging, name)
            state = files.state(path)
            if state is not None and time.time() - state[3] / 1e9 > _STALE_AFTER:
                files.discard(path)
        return staging

    def _copy_from(self, source: int, into: str, progress: "Progress") -> None:
        out = posix.open(
            into, posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_CLOEXEC, 0o600
        )
        try:
            done = 0
            while True:
                try:
                    part = posix.read(source, files.CHUNK)
                except OSError as error:
                    raise self._failure(error) from error
                if not part:
                    return
                files.write_all(out, part)
                done += len(part)
                progress(done)
        finally:
            posix.close(out)

    def _publish(self, source: int, beside: str, target: str, progress: "Progress") -> bool:
        try:
            out, temp = files.temporary(beside, 0o666)
        except OSError as error:
            raise self._failure(error) from error
        try:
            try:
                self._copy_to(source, out, progress)
            finally:
                posix.close(out)
            return self._settle(temp, target)
        finally:
            files.discard(temp)

    def _copy_to(self, source: int, out: int, progress: "Progress") -> None:
        done = synced = 0
        while part := posix.read(source, files.CHUNK):
            try:
                files.write_all(out, part)
                done += len(part)
                if done - synced >= _SYNC_EVERY:  # or the last sync would be silent for minutes
                    posix.fsync(out)
                    synced = done
            except OSError as error:
                raise self._failure(error) from error
            progress(done)
        try:
            posix.fsync(out)
        except OSError as error:
            raise self._failure(error) from error

    def _settle(self, temp: str, target: str) -> bool:
        """Give the finished file its name unless another has it."""
        try:
            try:
                posix.link(temp, target)
            except FileExistsError:
                # NFS may say so of our own link, when its first answer was lost.
                return posix.stat(temp).st_nlink > 1
            except OSError as error:
                if error.errno in _FOR_GOOD[1:]:
                    raise
                if files.state(target) is not None:
                    return False
                posix.rename(temp, target)
        except OSError as error:
            raise self._failure(error) from error
        files.sync_directory(files.parent(target))
        return True

    def _failure(self, error: OSError) -> RemoteError:
        kind = RefusedError if error.errno in _FOR_GOOD else RemoteError
        where = (
            files.decode(error.filename) if isinstance(error.filename, bytes) else error.filename
        )
        return kind(f"{error.strerror or error}" + (f": {where}" if where else ""))
