"""Hub: what we publish, by each version of the client, by Xet and by LFS."""

from __future__ import annotations

from pathlib import Path

import neffcache
from hub.peer import Peer
from hub.real import RealClient

REPO = "alice/cache"
SHIM = str(Path(neffcache.__file__).parent.parent)
_PUBLISH = """
sys.path.append(given["shim"])
from neffcache import remote
from neffcache.errors import RemoteError
from neffcache.publishing import Object
opened = remote.open_remote(remote.parse("hf://alice/cache"), dict(os.environb))
objects = [Object(name, path, False) for name, path in given["objects"].items()]
try:
    found = sorted(opened.publish(objects, lambda _count: None).created)
except RemoteError as error:
    found = [type(error).__name__, str(error), error.pause]
"""


def _publish(client: RealClient, hub: Peer, token: str = "hf_alice_write") -> list[object]:
    objects = {}
    for name in ("neffcache/v1/ab/a.tar", "b/model.done", "b/neffcache.json"):
        path = client.home / name.replace("/", "-")
        path.write_bytes(b"" if "done" in name else name.encode() * 1000)
        objects[name] = str(path)
    given = {"shim": SHIM, "objects": objects}
    found = client.run(
        hub, _PUBLISH, given, token=token,
        NEFFCACHE_CONFIG="/dev/null", HF_XET_CLIENT_RETRY_BASE_DELAY="10ms",
    )  # fmt: skip
    assert isinstance(found, list)
    return found


def _made(hub: Peer) -> tuple[int, int]:
    """(files, commits) beyond those that a repository starts with."""
    return len(hub.paths(REPO)), len(hub.commits(REPO)) - 1


def test_files_arrive_in_one_commit(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    assert len(_publish(client, hub)) == 3
    assert _made(hub) == (3, 1)
    assert hub.read(REPO, "b/model.done") == b""


def test_what_stands_there_stays(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    hub.commit(REPO, {"neffcache/v1/ab/a.tar": b"of another"})
    assert _publish(client, hub) == ["b/model.done", "b/neffcache.json"]
    assert hub.read(REPO, "neffcache/v1/ab/a.tar") == b"of another"


def test_landed_behind_a_gateway_that_gave_up_it_is_found(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    hub.fault("/commit/", status=504, after=True)
    assert len(_publish(client, hub)) == 3
    assert _made(hub) == (3, 1)


def test_lost_to_a_race_it_is_tried_again(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    hub.fault("/commit/", status=412)
    assert len(_publish(client, hub)) == 3
    assert _made(hub) == (3, 1)


def test_without_the_xet_store_it_goes_by_lfs(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    hub.settings.cas_up = False
    assert len(_publish(client, hub)) == 3
    assert _made(hub) == (3, 1)


def test_a_refusal_names_place_user_and_remedy(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    kind, words, _pause = _publish(client, hub, "hf_alice_read")
    assert kind == "RefusedError"
    assert str(words).startswith("alice/cache: not permitted (")
    assert str(words).endswith(", you are alice; use a token that may do this there")


def test_a_pause_is_asked_for_in_words(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    words = "You have exceeded the rate limit. You can retry this action in 43 minutes."
    hub.fault("/commit/", status=429, message=words, times=None)
    assert _publish(client, hub)[2] == 43 * 60
    assert _made(hub) == (0, 0)
