"""Registry peer: what lies in a registry: blobs, uploads and manifests of each repository."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from dataclasses import dataclass, field


class RefusalError(Exception):
    """An answer that is an error: its status and the registry's code for it."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message or code.lower().replace("_", " ")


@dataclass
class Repository:
    """One repository.

    Attributes:
        blobs: by digest; uploads: what has come of each, by its id; tags: digests by tag;
        manifests: (media type, content) by digest.
    """

    blobs: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)


class Contents:
    """All repositories. What is wrong with a request is raised as RefusalError."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.guard = threading.Lock()

    def of(self, name: str) -> Repository:
        """A repository, which is made by the first who asks."""
        return self.repositories.setdefault(name, Repository())

    def begin(self, name: str) -> str:
        """A new upload's id."""
        made = uuid.uuid4().hex
        self.of(name).uploads[made] = bytearray()
        return made

    def upload(self, name: str, number: str) -> bytearray:
        """What has come of an upload."""
        found = self.of(name).uploads.get(number)
        if found is None:
            raise RefusalError(404, "BLOB_UPLOAD_UNKNOWN")
        return found

    def finish(self, name: str, number: str, digest: str) -> None:
        """Make a blob of an upload."""
        data = bytes(self.upload(name, number))
        del self.of(name).uploads[number]
        if digest != digest_of(data):
            raise RefusalError(400, "DIGEST_INVALID")
        self.of(name).blobs[digest] = data

    def mount(self, name: str, digest: str, source: str) -> bool:
        """Take a blob over from another repository, if that has it."""
        found = self.of(source).blobs.get(digest)
        if found is None:
            return False
        self.of(name).blobs[digest] = found
        return True

    def blob(self, name: str, digest: str) -> bytes:
        """A blob."""
        found = self.of(name).blobs.get(digest)
        if found is None:
            raise RefusalError(404, "BLOB_UNKNOWN")
        return found

    def put_manifest(self, name: str, tag: str, media: str, data: bytes) -> str:
        """Publish a manifest; its digest."""
        told = json.loads(data)
        if told.get("mediaType") != media or told.get("schemaVersion") != 2:
            raise RefusalError(400, "MANIFEST_INVALID")
        repository = self.of(name)
        for one in (told["config"], *told["layers"]):
            if len(repository.blobs.get(one["digest"], b"?")) != one["size"]:
                raise RefusalError(400, "MANIFEST_BLOB_UNKNOWN")
        digest = digest_of(data)
        repository.manifests[digest] = (media, data)
        if not tag.startswith("sha256:"):
            repository.tags[tag] = digest
        return digest

    def manifest(self, name: str, reference: str) -> tuple[str, bytes]:
        """(media type, content) of what a tag or digest names."""
        repository = self.of(name)
        found = repository.manifests.get(repository.tags.get(reference, reference))
        if found is None:
            raise RefusalError(404, "MANIFEST_UNKNOWN")
        return found


def digest_of(data: bytes) -> str:
    """As registries write it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
