"""Bench: the least that a hit in Python can be: hash the graph; read, hash and write the NEFF."""

import posix
import sys

CHUNK = 256 << 10


def copy(name: str, source: str, target: str) -> None:
    """Hash a file with a module's SHA-256; write it on the way when there is a target."""
    module = __import__(name)
    made = module.openssl_sha256() if name == "_hashlib" else module.sha256()
    fd = posix.open(source, posix.O_RDONLY)
    out = posix.open(target, posix.O_WRONLY | posix.O_CREAT, 0o666) if target else -1
    while True:
        part = posix.read(fd, CHUNK)
        if not part:
            break
        made.update(part)
        if out >= 0:
            posix.write(out, part)
    made.hexdigest()


# Which module hashes a file fastest depends on its size: the caller says.
copy(sys.argv[1], sys.argv[2], "")
copy(sys.argv[3], sys.argv[4], sys.argv[5])
