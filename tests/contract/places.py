"""The kinds of remotes that the contract is tested with: a new kind adds one row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

import hung
from contract import real
from hub.peer import Peer
from neffcache.hub import client

_REPO = "acme/cache"


@dataclass(frozen=True)
class Place:
    """How to come by a remote of one kind.

    Attributes:
        working: the URL of an empty place below a directory.
        down: the URL of a place that cannot answer now.
        silent: makes a place that is asked and never answers; gives its URL.
        environ: what a caller's environment needs to hold.
        create_only: whether of two writers of a name the first one wins, even at once.
    """

    working: Callable[[Path], str]
    down: Callable[[Path], str]
    silent: Callable[[Path], AbstractContextManager[str]]
    environ: Mapping[bytes, bytes] = field(default_factory=dict)
    create_only: bool = True


@contextmanager
def _silent_directory(path: Path) -> Iterator[str]:
    problem = hung.why_not()
    if problem:
        pytest.skip(reason=f"no mount that hangs: {problem}")
    at = path / "hung"
    at.mkdir()
    with hung.mount(at):
        yield f"file://{at}/cache"


_FILE = Place(
    working=lambda path: f"file://{path}/cache",
    down=lambda path: f"file://{path}/not-mounted/cache",
    silent=_silent_directory,
)


@contextmanager
def _hub() -> Iterator[Place]:
    client.prepare({})
    with Peer() as peer, pytest.MonkeyPatch.context() as patch:
        # Decided when it is imported; Xet, which keeps a cache in the home, has tests elsewhere.
        patch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        peer.create(_REPO)

        @contextmanager
        def silent(_path: Path) -> Iterator[str]:
            peer.fault("", times=None, silence=True)
            yield f"hf://{_REPO}"

        yield Place(
            working=lambda _path: f"hf://{_REPO}",
            down=lambda _path: f"hf://{_REPO}?endpoint={peer.nowhere}",
            silent=silent,
            environ={name.encode(): text.encode() for name, text in peer.environ().items()},
        )


@contextmanager
def _server(kind: str) -> Iterator[Place]:
    """A bucket of its own at a server that all tests share."""
    server = real.KINDS[kind]()
    bucket = server.bucket()
    url = server.remote(bucket)
    with real.nowhere() as refusing:

        @contextmanager
        def silent(_path: Path) -> Iterator[str]:
            with real.silence() as mute:
                yield server.elsewhere(url, mute)

        yield Place(
            working=lambda _path: url,
            down=lambda _path: server.elsewhere(url, refusing),
            silent=silent,
            environ={name.encode(): text.encode() for name, text in server.environ.items()},
            create_only=not kind.startswith("oci"),
        )


PLACES: dict[str, Callable[[], AbstractContextManager[Place]]] = {
    "file": lambda: nullcontext(_FILE),
    "hf": _hub,
    **{kind: partial(_server, kind) for kind in real.KINDS},
}
