"""World: which secret a destination stands for, told by a fingerprint that gives nothing away."""

import posix

from neffcache import files, remote

SALT = "salt"
_SALT_SIZE = 32
_BLOCK = 64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.remote import Spec
    from neffcache.store.local import Store


def fingerprint(store: "Store", spec: "Spec", environ: "Mapping[bytes, bytes]") -> str:
    """HMAC-SHA-256 (hex) of the secret with the store's salt; "" when no variable holds one.

    The Hub's login file is the user's own, not this job's: a new login sends what waits, too.

    Raises:
        OSError: the salt can neither be read nor made.
    """
    return _mark(store, remote.secret_in(spec, environ))


def held(store: "Store", spec: "Spec", environ: "Mapping[bytes, bytes]") -> str:
    """The same of the secret that would be used now, wherever it comes from. Raises OSError."""
    return _mark(store, remote.secret(spec, environ))


def momentary(store: "Store", spec: "Spec", environ: "Mapping[bytes, bytes]") -> str:
    """The same with what is renewed every hour or so: of a login that has run out another knows
    nothing. Raises OSError."""
    value = remote.secret_in(spec, environ)
    if not spec.credential and spec.scheme in ("s3", "az"):
        from neffcache.objects import lasting

        passing = lasting.passing(spec.scheme, environ)
        value = value + b"\0" + passing if passing else value
    return _mark(store, value)


def identity(spec: "Spec", mark: str) -> str:
    """32 hex digits for a remote as one credential sees it, whatever its mode."""
    text = f"{spec.text()}\n{mark}\n"
    return files.digest(files.encode(text))[:32]


def _mark(store: "Store", value: bytes) -> str:
    return _hmac(_salt(store), value) if value else ""


def _hmac(key: bytes, data: bytes) -> str:
    padded = key.ljust(_BLOCK, b"\0")
    inner = files.digest(bytes(byte ^ 0x36 for byte in padded) + data)
    return files.digest(bytes(byte ^ 0x5C for byte in padded) + bytes.fromhex(inner))


def _salt(store: "Store") -> bytes:
    """The store's salt, made once; the first maker wins."""
    path = f"{store.path}/{SALT}"
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    fd, temp = files.temporary(path)
    try:
        try:
            files.write_all(fd, posix.urandom(_SALT_SIZE))
            posix.fsync(fd)
        finally:
            posix.close(fd)
        _publish(temp, path)
    finally:
        files.discard(temp)
    files.sync_directory(store.path)
    return _read(path)


def _publish(temp: str, path: str) -> None:
    try:
        posix.link(temp, path)
    except FileExistsError:
        pass
    except OSError:  # no hard links here: the last maker wins, and markers of the others wait
        posix.rename(temp, path)


def _read(path: str) -> bytes:
    data = files.read(path, _SALT_SIZE)
    if len(data) != _SALT_SIZE:
        files.discard(path)  # torn by a power cut: what was marked with it waits for `flush`
        raise OSError(5, "damaged", path)
    return data
