"""Whole: a repository of an OCI registry: `oci://registry/repository`."""

import posix
import time

from neffcache import config, files, remote
from neffcache.errors import RefusedError
from neffcache.registry import names, uploads
from neffcache.registry.client import Client
from neffcache.registry.wire import Net
from neffcache.remotes.oci_reading import Reading
from neffcache.remotes.oci_writing import Writing

_CONNECT = 3.0
# Parts of a reader's patience: whoever waits for a mirror has to have some left for the registry.
_STALL, _STALL_AT_MIRROR = 0.9, 0.3
# Nobody's compile waits for what is written.
_STALL_WRITING = 3
# What was looked for and absent so short a time ago (s) is not looked for again before a write.
_FRESH = 2.0

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from neffcache.remote import Progress, Spec


class OciRemote:
    """Entries are artifacts that are tagged with their key; see shim/README.md for their shape.

    A registry has no create-only: who writes looks first, and of two who do so at once the last
    one wins. Nobody ever reads a mixture, as everything behind a tag is named by its digest.

    Attributes:
        lanes: how many threads may use it at once.
    """

    lanes = 4

    def __init__(self, spec: "Spec", environ: "Mapping[bytes, bytes]") -> None:
        self._spec = spec
        silence = config.load(environ).remote_timeout
        trust = remote.unquote(spec.options.get("ca", ""))
        place, mirrored = names.origin(spec), names.mirror(spec)

        def net(stall: float) -> Net:
            return Net(environ, trust, min(_CONNECT, stall), stall)

        origin = Client(place, net(_STALL * silence), environ, spec, writes=False)
        self._writer = Client(place, net(_STALL_WRITING * silence), environ, spec, writes=True)
        self._looked: dict[str, float] = {}
        mirror = None
        if mirrored is not None:
            # A login that is named is for the registry itself, and no other place.
            own = spec if mirrored.base == place.base else None
            mirror = Client(mirrored, net(_STALL_AT_MIRROR * silence), environ, own, writes=False)
        self._reading = Reading(origin, mirror, spec.writes)

    def fetch(self, name: str, into: str, progress: "Progress") -> bool:
        """Get an object into a file; False when it is absent.

        A bundle is held against its digest by who asks for it, while it arrives: see `bundles`.
        """
        return self._reading.fetch(name, into, progress)

    def store(self, name: str, path: str, progress: "Progress") -> bool:
        """Publish a file; False when the name already stands."""
        if not self._spec.writes:
            raise RefusedError("it is set to mode=ro", "use mode=rw to write there")
        source = files.open_read(path)
        try:
            writing = Writing(self._writer, self._spec.options.get("mount", ""), progress)
            digest = names.blob_digest(name)
            if digest:
                return writing.bundle(source, digest)
            if not self._fresh(name) and self._reading.stands(name):
                return False
            writing.artifact(source, name)
            return True
        finally:
            posix.close(source)

    def exists(self, names_: "Iterable[str]") -> "set[str]":
        """Which of the names stand: the registry itself is asked, whatever a mirror would say."""
        found = set()
        for name in names_:
            if self._reading.stands(name):
                found.add(name)
            else:
                self._looked[name] = time.monotonic()
        return found

    def identity(self) -> str:
        """Who we are there. Raises RemoteError."""
        return self._writer.login().shown()

    def fault_of_mirror(self) -> str:
        """Why look-ups passed the mirror by so far, with the remedy; "" when they did not."""
        return self._reading.passed

    def try_write(self) -> None:
        """Begin an upload and give it up. Raises RefusedError, RemoteError."""
        if not self._spec.writes:
            raise RefusedError("it is set to mode=ro", "use mode=rw to write there")
        uploads.try_push(self._writer)

    def _fresh(self, name: str) -> bool:
        """Whether it was looked for a moment ago, and was absent."""
        looked = self._looked.pop(name, 0.0)
        return looked > 0 and time.monotonic() - looked < _FRESH
