"""Remotes on a Hub peer, and entries that stand there without anybody having uploaded them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from entries import write_bundle
from hub.peer import Peer
from neffcache import remote
from neffcache.cache import bundles
from neffcache.remotes.hub import HubRemote

REPO = "alice/cache"
WRITER, READER = "hf_alice_write", "hf_alice_read"


def url(peer: Peer, repo: str = REPO, mode: str = "ro") -> str:
    """The URL of a repository, bound to this peer."""
    return f"hf://{repo}?mode={mode}&endpoint={peer.url}"


def variables(token: str = WRITER, **more: str) -> dict[bytes, bytes]:
    """An environment with this token (""): nobody is logged in) and nothing of this machine's."""
    made = {"NEFFCACHE_CONFIG": "/dev/null", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1", **more}
    if token:
        made["HF_TOKEN"] = token
    return {name.encode(): text.encode() for name, text in made.items()}


def opened(peer: Peer, repo: str = REPO, token: str = WRITER, **more: str) -> HubRemote:
    """The remote itself."""
    return HubRemote(remote.parse(url(peer, repo)), variables(token, **more))


def put(peer: Peer, key: str, data: bytes, seconds: float = 60.0, repo: str = REPO) -> str:
    """Commit the bundle of a key; the name of the commit."""
    return peer.commit(repo, {bundles.single_name(key): bundle(key, data, seconds)})


def bundle(key: str, data: bytes, seconds: float = 60.0) -> bytes:
    """A bundle with these bytes as its NEFF."""
    with TemporaryDirectory() as directory:
        path = Path(directory, "bundle.tar")
        write_bundle(path, key, data, seconds)
        return path.read_bytes()
