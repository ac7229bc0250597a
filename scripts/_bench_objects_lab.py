"""Bench: where remotes are measured: real servers on this machine, and an entry that lies there."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from _bench_lab import Lab, LabError
from neffcache import remote
from neffcache.cache import bundles, trailing
from neffcache.entry import build, index

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
# Longer than any download may take: none is given up because a compile would be quicker.
SECONDS = 1e6
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"

if TYPE_CHECKING:
    from servers.faulty import Faulty

    # An address, and the headers that go with it.
    Asked = tuple[str, Mapping[str, str]]


@dataclass(frozen=True)
class Far:
    """A remote, and how its objects are had without the product.

    Attributes:
        kind: its scheme, and who serves it; url: of the remote.
        environ: what a client needs to hold.
        link: the address of an object's name, good for anybody who asks.
    """

    kind: str
    url: str
    environ: Mapping[str, str]
    link: Callable[[str], Asked]

    @property
    def server(self) -> str:
        """The address of the server itself."""
        return f"http://{urlsplit(self.link(bundles.record_name('0' * 64))[0]).netloc}"

    def opened(self, environ: Mapping[str, str]) -> Any:
        """The remote itself, with some more variables."""
        given = {**environ, **self.environ}
        variables = {name.encode(): text.encode() for name, text in given.items()}
        return remote.open_remote(remote.parse(self.url), variables)

    def through(self, proxy: Faulty) -> Far:
        """The same remote, seen through a proxy before its server."""
        here, there = urlsplit(proxy.url).netloc, urlsplit(self.server).netloc
        return replace(self, url=self.url.replace(there, here))


@dataclass(frozen=True)
class Entry:
    """An entry on a remote: its key, its bundle's digest and size."""

    key: str
    digest: str
    size: int

    @property
    def tar(self) -> str:
        """The name of its bundle."""
        return bundles.tar_name(self.key, self.digest)

    @property
    def record(self) -> str:
        """The name of its record."""
        return bundles.record_name(self.key)


def publish(lab: Lab, far: Far, neff: Path) -> Entry:
    """Put an entry with this NEFF on a remote."""
    key = os.urandom(32).hex()
    tar, spare = lab.root / "published.tar", lab.root / "published.record"
    manifest = b'{"schema": 1}'
    head = index.Index(key, SECONDS, (len(manifest), hashlib.sha256(manifest).hexdigest()))
    with neff.open("rb") as source, tar.open("w+b") as out:
        size = os.fstat(source.fileno()).st_size
        member = build.Source(index.NEFF, index.AT_OUTPUT, source.fileno(), size)
        build.write(out.fileno(), head, manifest, [member], lambda _piece: None)
    opened = far.opened(lab.variables)
    if not bundles.publish(opened, key, str(tar), str(spare), lambda: None):
        raise LabError(f"{far.kind} has had the key already")
    digest = trailing.hash_file(str(tar), lambda: None)[1]
    made = Entry(key, digest, tar.stat().st_size)
    tar.unlink()
    return made


def _s3(server: Any, kind: str) -> Far:
    import obstore
    from obstore.store import S3Store

    bucket = server.bucket()
    store = S3Store(
        bucket,
        endpoint=server.url,
        region="us-east-1",
        access_key_id=server.environ["AWS_ACCESS_KEY_ID"],
        secret_access_key=server.environ["AWS_SECRET_ACCESS_KEY"],
        client_options={"allow_http": True},
    )

    def link(name: str) -> Asked:
        return obstore.sign(store, "GET", f"cache/{name}", timedelta(hours=1)), {}

    return Far(f"s3 ({kind})", server.remote(bucket), server.environ, link)


def _az(server: Any) -> Far:
    bucket, signature = server.bucket(), server.sas()

    def link(name: str) -> Asked:
        return f"{server.url}/{bucket}/cache/{name}?{signature}", {}

    return Far("az (Azurite)", server.remote(bucket), server.environ, link)


def _gs(server: Any) -> Far:
    bucket = server.bucket()

    def link(name: str) -> Asked:
        return f"{server.url}/{bucket}/cache/{name}", {}

    return Far("gs (fake-gcs-server)", server.remote(bucket), server.environ, link)


def _oci(server: Any) -> Far:
    bucket = server.bucket()

    def link(name: str) -> Asked:
        *_rest, key, last = name.split("/")
        if last == "entry":
            return f"{server.url}/v2/{bucket}/manifests/{key}", {"Accept": _MANIFEST}
        return f"{server.url}/v2/{bucket}/blobs/sha256:{last.removesuffix('.tar')}", {}

    return Far("oci (docker-registry)", server.remote(bucket), server.environ, link)


def s3() -> AbstractContextManager[Far]:
    """S3 by Ceph, or where that is not installed by moto."""
    from servers import radosgw, tools

    return moto() if tools.why_not("radosgw") else _place(radosgw.start(), _s3, "radosgw")


def moto() -> AbstractContextManager[Far]:
    """S3 by moto."""
    from servers import moto as server

    return _place(server.start(), _s3, "moto")


def az() -> AbstractContextManager[Far]:
    """Azure by Azurite."""
    from servers import azurite

    return _place(azurite.start(), _az)


def gs() -> AbstractContextManager[Far]:
    """Google's storage by fake-gcs-server and our front."""
    from servers import gcs

    return _place(gcs.start(), _gs)


def oci() -> AbstractContextManager[Far]:
    """A registry."""
    from servers import registry

    return _place(registry.start(), _oci)


@contextmanager
def _place(
    server: AbstractContextManager[Any], make: Callable[..., Far], *words: str
) -> Iterator[Far]:
    from servers import tools

    try:
        with server as running:
            yield make(running, *words)
    except tools.MissingError as error:
        raise LabError(str(error)) from error
