"""Whole: an entry, or another object, read from a registry, through a mirror if there is one."""

import posix

from neffcache import files
from neffcache.cache.trailing import Trailing
from neffcache.errors import EntryError, RemoteError
from neffcache.registry import answers, downloads, manifest, names
from neffcache.registry.downloads import Download
from neffcache.registry.request import Request

# From this size on, a digest is made while the bytes arrive.
_LARGE = 8 << 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.registry.client import Client
    from neffcache.registry.manifest import Content
    from neffcache.remote import Progress


class Reading:
    """What stands in a repository. A mirror is asked first, until it has failed once.

    What a mirror lacks, the registry itself is asked for: a mirror that cannot reach it says no,
    too. Methods raise RemoteError when neither can tell.

    Attributes:
        passed: why the mirror was passed by when a name was looked for; "" when it was not.
    """

    def __init__(self, origin: "Client", mirror: "Client | None", makes: bool) -> None:
        """Nothing is asked yet.

        Args:
            makes: whether a repository that is not there is one that a first push may make.
        """
        self._origin = origin
        self._mirror = mirror
        self.passed = ""
        self._makes = makes

    def fetch(self, name: str, into: str, progress: "Progress") -> bool:
        """Get an object into a file; False when it is absent.

        Raises:
            EntryError: it is not what its digest says, which is not looked at for a bundle that
            comes from the registry itself. OSError: the file.
        """
        digest = names.blob_digest(name)
        if digest:
            return self._blob(digest, into, progress, surely=False)
        content = self._find(name)
        if content is None:
            return False
        if content.data is None:
            return self._blob(content.digest, into, progress, surely=True)
        out = downloads.create(into)
        try:
            files.write_all(out, content.data)
        finally:
            posix.close(out)
        progress(content.size)
        return True

    def stands(self, name: str) -> bool:
        """Whether a name stands there: the registry itself is asked."""
        client, digest = self._origin, names.blob_digest(name)
        path = f"blobs/sha256:{digest}" if digest else f"manifests/{names.tag(name)}"
        accept = {} if digest else {"Accept": manifest.MEDIA}
        told = client.tell(Request("HEAD", client.place.url(path), accept))
        unsure = not told.absent if told.status in (403, 404) else told.status == 200
        if unsure and not digest and told.headers.get("content-type") != manifest.MEDIA:
            # Without a body it could not say why, or that it is a registry: of a page that somebody
            # shows for whatever is asked, an entry would be taken for sent.
            told = client.tell(Request("GET", client.place.url(path), accept))
            if told.status == 200:
                manifest.read(told.body)
        if told.status == 200:
            return True
        self._check_absent(told, client)
        return False

    def _find(self, name: str) -> "Content | None":
        """What stands behind a name; None: nothing."""
        found = None
        if self._mirror is not None:
            try:
                found = self._find_at(self._mirror, name)
            except RemoteError as error:
                self._mirror = None
                self.passed = str(error)
        return found or self._find_at(self._origin, name)

    def _find_at(self, client: "Client", name: str) -> "Content | None":
        url = client.place.url(f"manifests/{names.tag(name)}")
        told = client.tell(Request("GET", url, {"Accept": manifest.MEDIA}))
        if told.status == 200:
            return manifest.read(told.body)
        self._check_absent(told, client)
        return None

    def _check_absent(self, told: answers.Told, client: "Client") -> None:
        """Raises RemoteError unless it is absent."""
        unmade = told.says(answers.NAME_UNKNOWN) and not self._makes
        if unmade or not told.absent:
            raise answers.failure(told, client.shown())

    def _blob(self, digest: str, into: str, progress: "Progress", surely: bool) -> bool:
        download = Download(into, digest, progress)
        try:
            if self._mirror is not None and self._mirrored(download, self._mirror):
                return True
            if not surely:
                return download.run(self._origin)
            if _surely(download, self._origin):
                return True
        finally:
            download.close()
        if download.done:
            raise EntryError("the registry's bytes are not those of the digest asked for")
        return False

    def _mirrored(self, download: Download, mirror: "Client") -> bool:
        """Whether the mirror had all of it. What it had is gone on with at the registry."""
        try:
            if _surely(download, mirror):
                return True
        except RemoteError:
            self._mirror = None
            return False
        if download.done:  # all of something else
            self._mirror = None
            download.restart()
        return False


def _surely(download: Download, client: "Client") -> bool:
    """Whether all of it came, and has its digest."""
    trailing = Trailing(download.path, _LARGE)
    tell = download.progress

    def passed(count: int) -> None:
        trailing.arrived(count)
        tell(count)

    download.progress = passed
    try:
        if not download.run(client):
            return False
        return trailing.finish(lambda: tell(download.done))[1] == download.digest
    finally:
        trailing.stop()
        download.progress = tell
