"""Unit: a bucket of moto behind a proxy where things go wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from neffcache import remote
from neffcache.remotes.objects import ObjectRemote
from servers.faulty import Faulty
from servers.moto import Moto


def quiet(_count: int) -> None:
    """A progress that nobody looks at."""


class Bucket:
    """A bucket, and the way to it.

    Attributes:
        proxy: the proxy before it; into: a file to read into.
    """

    def __init__(self, moto: Moto, proxy: Faulty, place: Path) -> None:
        self._moto = moto
        self.proxy = proxy
        self.into = place / "into"
        self._source = place / "source"
        self._name = moto.bucket()

    @property
    def names(self) -> list[str]:
        """What stands there."""
        return self._moto.names(self._name)

    @property
    def unfinished(self) -> bool:
        """Whether parts of an upload lie there that nobody will finish."""
        listed = self._moto.call("GET", f"/{self._name}", {"uploads": ""})
        return b"<Upload>" in listed.body

    def put(self, name: str, data: bytes) -> None:
        """Have an object stand there."""
        self._moto.write(self._name, name, data)

    def read(self, name: str) -> bytes:
        """What an object holds."""
        return self._moto.read(self._name, name)

    def remove(self, name: str) -> None:
        """Take an object away."""
        self._moto.delete(self._name, name)

    def open(self, timeout: str = "5", options: str = "", **environ: str) -> ObjectRemote:
        """The bucket as a remote, through the proxy."""
        given = {**self._moto.environ, "NEFFCACHE_REMOTE_TIMEOUT": timeout, **environ}
        told = {name.encode(): text.encode() for name, text in given.items()}
        url = f"s3://{self._name}?endpoint={self.proxy.url}{options}"
        return ObjectRemote(remote.parse(url), told)

    def fetch(self, name: str, progress: Callable[[int], None] = quiet) -> bool:
        """Read an object."""
        return self.open().fetch(name, str(self.into), progress)

    def store(
        self, name: str, data: bytes, progress: Callable[[int], None] = quiet, timeout: str = "5"
    ) -> bool:
        """Publish some bytes."""
        self._source.write_bytes(data)
        return self.open(timeout).store(name, str(self._source), progress)
