"""Whole: an entry, or another object, written to a registry: blobs first, the manifest last."""

import posix
import time

from neffcache import files
from neffcache.cache import bundles
from neffcache.registry import client, manifest, names, uploads
from neffcache.registry.request import Request
from neffcache.registry.uploads import Upload

_TRIES, _PAUSE = 4, 0.15

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.registry.client import Client
    from neffcache.remote import Progress


class Writing:
    """One object on its way. Raises RemoteError, RefusedError, OSError (the file)."""

    def __init__(self, to: "Client", mount: str, progress: "Progress") -> None:
        """Nothing is sent yet.

        Args:
            mount: another repository of the registry that may have the bundle; "": none.
        """
        self._client = to
        self._mount = mount
        self._progress = progress

    def bundle(self, source: int, digest: str) -> bool:
        """Send a bundle as a blob; False when it stands there already."""
        size = posix.fstat(source).st_size
        upload = Upload(self._client, source, size, digest, self._progress)
        if upload.stands():
            self._progress(size)
            return False
        upload.run(self._mount)
        self._progress(size)
        return True

    def artifact(self, source: int, name: str) -> None:
        """Send a record, or another object, as an artifact of its own."""
        size = posix.fstat(source).st_size
        record = files.read_fd(source, size, name) if size <= bundles.MOST_RECORD else b""
        bundle = manifest.bundle_of(record) if name.endswith("/entry") else None
        if bundle is None:
            text = self._object(source, name, size)
        else:
            self._progress(0)
            uploads.send_small(self._client, record)
            self._progress(size)
            text = manifest.of_entry(record, bundle, names.tag(name))
        self._tag(names.tag(name), text)

    def _tag(self, tag: str, text: bytes) -> None:
        """Publish: from here on it is there."""
        url = self._client.place.url(f"manifests/{tag}")
        request = Request("PUT", url, {"Content-Type": manifest.MEDIA}, text)
        told = self._client.tell(request)
        for _ in range(_TRIES):
            # A blob that somebody else pushes, too, is not there for a moment in some registries.
            if told.status != 400 or not told.says("MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"):
                break
            time.sleep(_PAUSE)
            told = self._client.tell(request)
        client.check(told, self._client.shown(), (201,), writing=True)

    def _object(self, source: int, name: str, size: int) -> bytes:
        """Send the content, and what every artifact needs besides; the manifest of both."""
        made = files.new_hash(size)
        at = 0
        while part := posix.pread(source, files.CHUNK, at):
            made.update(part)
            at += len(part)
            self._progress(0)
        digest = made.hexdigest()
        upload = Upload(self._client, source, size, digest, self._progress)
        if not upload.stands():
            upload.run()
        uploads.send_small(self._client, manifest.EMPTY)
        self._progress(size)
        return manifest.of_object(name, size, digest)
