"""Faults: a bucket or repository with a faulty proxy before it, and what stands there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from hosts import TRAIN, Host
from neffcache import remote
from neffcache.cache import bundles
from neffcache.errors import EntryError
from servers import azurite, gcs, moto, registry, shared
from servers.faulty import Faulty
from waiting import until

STARTS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "s3": moto.start,
    "az": azurite.start,
    "gs": gcs.start,
    "oci": registry.start,
}
# Azure and GCS are spoken to by the same library as S3: elsewhere a part of the faults is enough.
KINDS = list(STARTS) if "CI" in os.environ else ["s3", "oci"]
OBJECTS = KINDS[:-1]
_PREFIX = "cache"
# Requests by what they are about, a pattern for each, and what publishes the record.
_ASKED = {"record": r"/entry(\?|$)", "bundle": r"\.tar(\?|$)", "upload": r"\.tar(\?|$)"}
_ASKED_OF_REGISTRY = {"record": "/manifests/", "bundle": "/blobs/sha256", "upload": "/blobs/upload"}


@dataclass(frozen=True)
class Made:
    """An entry that some other host compiled.

    Attributes:
        key: 64 hex digits.
        tar: the bundle; neff: what a compile that is answered with it gets.
    """

    key: str
    tar: bytes
    neff: bytes


def make(root: Path) -> Made:
    """Compile the graph that tests compile."""
    host = Host(root / "maker", {"SDKSTANDIN_FAKE": "1"})
    assert host.compile(root / "made", TRAIN).status == 0
    (entry,) = host.entries()
    return Made(entry.stem, entry.read_bytes(), (root / "made" / "out.neff").read_bytes())


class Far:
    """A new bucket of a shared server, behind a proxy of this test's own.

    Attributes:
        kind: the scheme.
        url: of the remote, through the proxy; direct: past it.
        environ: what a caller's environment needs to hold; secrets: what nobody may ever tell.
    """

    def __init__(self, kind: str, server: Any, proxy: Faulty) -> None:
        self.kind, self.server, self.proxy = kind, server, proxy
        self.bucket: str = server.bucket()
        self.direct: str = server.remote(self.bucket)
        here = urlsplit(proxy.url).netloc
        self.url: str = self.direct.replace(urlsplit(server.url).netloc, here)
        self.environ: dict[str, str] = dict(server.environ)
        self.secrets: list[str] = []
        if kind == "s3":  # moto takes any
            self.environ["AWS_SECRET_ACCESS_KEY"] = "wJalrXUtnFEMI-K7MDENG-bPxRfiCY"
            self.secrets = [self.environ["AWS_SECRET_ACCESS_KEY"], "Signature=", "AWS4-HMAC"]
        elif kind == "az":
            self.secrets = [azurite.KEY, "SharedKey"]

    @property
    def is_registry(self) -> bool:
        """Whether it is no object store."""
        return self.kind == "oci"

    @property
    def shown(self) -> str:
        """As journals and messages have it."""
        return self.url.partition("?")[0]

    def pattern(self, what: str) -> str:
        """Which requests are about the "record", the "bundle" (read) or its "upload"."""
        return (_ASKED_OF_REGISTRY if self.is_registry else _ASKED)[what]

    def mode(self, mode: str) -> str:
        """Its URL with a mode."""
        return f"{self.url}{'&' if '?' in self.url else '?'}mode={mode}"

    def fault(self, what: str, method: str = "GET", **fault: Any) -> None:
        """What goes wrong with each request about this, from now on."""
        self.proxy.fault(self.pattern(what), method, **{"times": None, **fault})

    def asked(self, what: str, method: str = "GET") -> int:
        """How many such requests there were."""
        return len(self.proxy.requests(self.pattern(what), method))

    def opened(self) -> Any:
        """The remote itself, past the proxy."""
        spec = remote.parse(self.direct)
        return remote.open_remote(spec, encoded(self.environ))

    def offer(self, made: Made) -> None:
        """Have it hold an entry."""
        with TemporaryDirectory() as place:
            path, spare = Path(place, "bundle"), Path(place, "spare")
            path.write_bytes(made.tar)
            assert bundles.publish(self.opened(), made.key, str(path), str(spare), lambda: None)

    def holds(self, key: str) -> bytes | None:
        """The whole and checked bundle of a key; None when there is no record of it."""
        with TemporaryDirectory() as place:
            into, opened = str(Path(place, "into")), self.opened()
            record = bundles.fetch_record(opened, key, into)
            if record is None:
                return None
            bundles.fetch_bundle(opened, record, into, lambda _count: None)
            return Path(into).read_bytes()

    def is_damaged(self, key: str) -> bool:
        """Whether there is a record without its whole bundle."""
        try:
            self.holds(key)
        except EntryError:
            return True
        return False

    def lose_bundle(self) -> None:
        """The one bundle is deleted past everybody; the record stays."""
        if self.is_registry:
            (tag,) = self.server.names(self.bucket)
            manifest = json.loads(self._manifest(tag))
            for layer in manifest["layers"]:
                path = f"/v2/{self.bucket}/blobs/{layer['digest']}"
                assert self.server.call("DELETE", path).status == 202
            return
        for name in self.server.names(self.bucket):
            if name.endswith(".tar"):
                self.server.delete(self.bucket, name)

    def _manifest(self, tag: str) -> bytes:
        kinds = {"accept": "application/vnd.oci.image.manifest.v1+json"}
        body: bytes = self.server.call(
            "GET", f"/v2/{self.bucket}/manifests/{tag}", None, kinds
        ).body
        return body

    def lose_place(self) -> None:
        """The bucket is deleted, with all that is in it, and that comes meanwhile."""

        def remove() -> bool:
            try:
                self.server.remove(self.bucket)
            except AssertionError:  # not empty
                return False
            return True

        until(remove)

    def make_place(self) -> None:
        """It is there again, empty."""
        self.server.bucket(self.bucket)


def encoded(environ: Mapping[str, str]) -> dict[bytes, bytes]:
    """An environment as the product has it."""
    return {name.encode(): text.encode() for name, text in environ.items()}


@contextmanager
def behind(kind: str) -> Iterator[Far]:
    """A bucket of the run's server of this kind, and a proxy before it."""
    server = shared.get(STARTS[kind])
    with Faulty(server.url) as proxy:
        yield Far(kind, server, proxy)


def leaks(root: Path, far: Far, *texts: str) -> list[str]:
    """Where a secret stands that should not stand anywhere: files below a place, or texts."""
    found = [f"said: {one}" for one in far.secrets for text in texts if one in text]
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            found += [f"{path}: {one}" for one in far.secrets if one.encode() in data]
    return found
