"""World: the manifest of an artifact that holds an entry, or any other object, of ours."""

import json

from neffcache import files
from neffcache.errors import RemoteError

MEDIA = "application/vnd.oci.image.manifest.v1+json"
ENTRY = "application/vnd.neffcache.entry.v1"
RECORD = "application/vnd.neffcache.record.v1"
BUNDLE = "application/vnd.neffcache.bundle.v1+tar"
# Of everything else: an artifact without a record, whose one layer is the object.
OBJECT = "application/vnd.neffcache.object.v1"
_EMPTY_MEDIA = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"
_TITLE = "org.opencontainers.image.title"
# Larger ones are a blob alone: registries take manifests of up to 4 MB, some of less.
_MOST_DATA = 64 << 10
MOST = 4 << 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Content:
    """What a manifest says of the object that it stands for.

    Attributes:
        digest: SHA-256, hex; size: bytes.
        data: the object itself, where it stands in the manifest.
    """

    __slots__ = ("data", "digest", "size")

    def __init__(self, digest: str, size: int, data: "bytes | None") -> None:
        self.digest = digest
        self.size = size
        self.data = data


def of_entry(record: bytes, bundle: "tuple[int, str]", key: str) -> bytes:
    """The manifest of an entry: its record is the configuration, its bundle the one layer."""
    size, digest = bundle
    config = _descriptor(RECORD, files.digest(record), len(record))
    if len(record) <= _MOST_DATA:
        config["data"] = _base64(record)
    layer = _descriptor(BUNDLE, digest, size)
    layer["annotations"] = {_TITLE: f"{key}.tar"}
    return _dump(ENTRY, config, layer)


def of_object(name: str, size: int, digest: str) -> bytes:
    """The manifest of any other object."""
    config = _descriptor(_EMPTY_MEDIA, files.digest(EMPTY), len(EMPTY))
    config["data"] = _base64(EMPTY)
    layer = _descriptor("application/octet-stream", digest, size)
    layer["annotations"] = {_TITLE: files.basename(name)}
    return _dump(OBJECT, config, layer)


def read(text: bytes) -> Content:
    """The object behind a manifest of ours.

    Raises:
        RemoteError: it is not one.
    """
    try:
        told = json.loads(text)
        one = told["config"] if told["artifactType"] == ENTRY else told["layers"][0]
        if told["artifactType"] not in (ENTRY, OBJECT):
            raise ValueError("an artifact of somebody else's")
        return _content(one)
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise RemoteError(
            f"its tag does not hold what neffcache put there ({type(error).__name__})",
            "give the cache a repository of its own",
        ) from error


def bundle_of(record: bytes) -> "tuple[int, str] | None":
    """(bytes, SHA-256) of the bundle that a record names; None: it is no record."""
    lines = record[:512].split(b"\n", 3)
    words = lines[2].split(b" ") if len(lines) == 4 else []
    if not lines[0].startswith(b"neffcache-record ") or len(words) != 3 or words[0] != b"bundle":
        return None
    size, digest = (word.decode("ascii", "replace") for word in words[1:])
    plain = size.isascii() and size.isdigit() and files.is_digest(digest)
    return (int(size), digest) if plain else None


def _content(one: "dict[str, Any]") -> Content:
    from base64 import b64decode

    algorithm, _, digest = str(one["digest"]).partition(":")
    if algorithm != "sha256" or not files.is_digest(digest) or type(one["size"]) is not int:
        raise ValueError("no SHA-256")
    data = b64decode(one["data"], validate=True) if "data" in one else None
    if data is not None and (len(data), files.digest(data)) != (one["size"], digest):
        raise ValueError("the data is not what its digest says")
    return Content(digest, one["size"], data)


def _descriptor(media: str, digest: str, size: int) -> "dict[str, Any]":
    return {"mediaType": media, "digest": f"sha256:{digest}", "size": size}


def _dump(kind: str, config: "dict[str, Any]", layer: "dict[str, Any]") -> bytes:
    made = {
        "schemaVersion": 2,
        "mediaType": MEDIA,
        "artifactType": kind,
        "config": config,
        "layers": [layer],
    }
    return json.dumps(made, separators=(",", ":")).encode()


def _base64(data: bytes) -> str:
    from base64 import b64encode

    return b64encode(data).decode()
