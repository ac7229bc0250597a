"""Whole: a bucket of an object store: `s3://bucket/prefix`, `az://account/container`, `gs://`."""

from neffcache.errors import RefusedError
from neffcache.objects import addressing, answers, failures
from neffcache.objects.client import Client
from neffcache.remotes import objects_reading, objects_writing

# Never read; that it stands there says that somebody may write.
_PROBE = "neffcache/v1/probe"
_THREADS = 8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from neffcache.remote import Progress, Spec


class ObjectRemote:
    """Objects are objects; what is named by its digest may be written twice, nothing else.

    Attributes:
        lanes: how many threads may use it at once.
    """

    lanes = 4

    def __init__(self, spec: "Spec", environ: "Mapping[bytes, bytes]") -> None:
        """Asks nobody but where credentials come from.

        Raises:
            RemoteError: obstore or credentials are missing; SettingError.
        """
        self._spec = spec
        self._client = Client(spec, environ)

    def fetch(self, name: str, into: str, progress: "Progress") -> bool:
        """Write an object into a file; False when it is absent."""
        return objects_reading.fetch(self._client, name, into, progress)

    def store(self, name: str, path: str, progress: "Progress") -> bool:
        """Publish a file; False when the name already stands."""
        if not self._spec.writes:
            raise RefusedError("it is set to mode=ro", "use mode=rw to write there")
        public = addressing.is_public(self._spec)
        return objects_writing.store(self._client, name, path, progress, public=public)

    def exists(self, names: "Iterable[str]") -> "set[str]":
        """Which of the names stand."""
        wanted = list(dict.fromkeys(names))
        if len(wanted) < 2:
            return {name for name in wanted if self._stands(name)}
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(_THREADS, len(wanted))) as pool:
            found = list(pool.map(self._stands, wanted))
        return {name for name, stands in zip(wanted, found, strict=True) if stands}

    def identity(self) -> str:
        """Who we are there, for people."""
        return self._client.identity

    def try_write(self) -> None:
        """Find out whether we may write there; leaves one small object that is never read."""
        try:
            self._client.put(_PROBE, b"neffcache\n", mode="create")
        except answers.Stands:
            return  # who may not write is told that first

    def _stands(self, name: str) -> bool:
        try:
            return self._client.stands(name)
        except failures.Unreadable:
            if self._spec.reads:
                raise
            return False  # who may only write finds out by writing
