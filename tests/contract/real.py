"""The rows of the contract that have a real server behind them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit

from servers import azurite, gcs, moto, radosgw, registry, shared
from servers.asking import PINS
from servers.registry import Registry


class Server(Protocol):
    """What all of them have."""

    url: str
    environ: Mapping[str, str]

    def bucket(self) -> str:
        """A new bucket, container or repository."""

    def remote(self, bucket: str = "") -> str:
        """The URL of a remote there."""

    def names(self, bucket: str) -> list[str]:
        """What stands there."""


@dataclass(frozen=True)
class Running:
    """One of them, as one kind of user sees it.

    Attributes:
        mirror: the URL of another that is read through; "": none is.
    """

    server: Server
    environ: Mapping[str, str]
    mirror: str = ""

    def bucket(self) -> str:
        """A new one."""
        return self.server.bucket()

    def remote(self, bucket: str) -> str:
        """The URL of a remote there."""
        url = self.server.remote(bucket)
        return f"{url}?mirror={self.mirror}" if self.mirror else url

    def elsewhere(self, url: str, host: str) -> str:
        """A remote's URL with this host and port for the server's, and for the mirror's."""
        for ours in filter(None, (self.server.url, self.mirror)):
            url = url.replace(urlsplit(ours).netloc, host)
        return url


def _plain(start: Callable[[], Server]) -> Running:
    server = start()
    return Running(server, server.environ)


def _signature() -> Running:
    """Who was given a shared access signature, which lets nobody delete."""
    server = shared.get(azurite.start)
    return Running(server, {**PINS, "AZURE_STORAGE_SAS_TOKEN": server.sas("rwlc")})


def _login() -> Running:
    """Who ran `az login`: a program gives the tokens."""
    server = shared.get(azurite.start_secure)
    return Running(server, server.login())


@contextmanager
def _beside() -> Iterator[Registry]:
    with registry.start_mirror(shared.get(registry.start)) as made:
        yield made


def _mirrored() -> Running:
    """Who reads through a mirror, and writes to what is behind it."""
    server = shared.get(registry.start)
    return Running(server, server.environ, shared.get(_beside).url)


KINDS: dict[str, Callable[[], Running]] = {
    "s3": partial(_plain, partial(shared.get, moto.start)),
    "s3 (TLS)": partial(_plain, partial(shared.get, moto.start_secure)),
    "s3 (Ceph)": partial(_plain, partial(shared.get, radosgw.start)),
    "az": partial(_plain, partial(shared.get, azurite.start)),
    "az (signature)": _signature,
    "az (login)": _login,
    "gs": partial(_plain, partial(shared.get, gcs.start)),
    "oci": partial(_plain, partial(shared.get, registry.start)),
    "oci (password)": partial(_plain, partial(shared.get, registry.start_secure)),
    "oci (mirror)": _mirrored,
}


@contextmanager
def nowhere() -> Iterator[str]:
    """A host and port that refuse."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


@contextmanager
def silence() -> Iterator[str]:
    """A host and port where one is let in and never hears anything."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        yield f"127.0.0.1:{listener.getsockname()[1]}"
