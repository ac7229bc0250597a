"""Hub peer: files go in and come out through the real clients."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from hub.peer import Peer
from hub.real import RealClient

REPO = "alice/cache"
_UPLOAD = """
files = [Add(path, bytes.fromhex(text)) for path, text in given.items()]
found = api.create_commit("alice/cache", files, commit_message="some").oid
"""
_DOWNLOAD = """
found = content(api.hf_hub_download("alice/cache", given)).hex()
"""


def _noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def _put(client: RealClient, hub: Peer, files: dict[str, bytes]) -> object:
    return client.run(hub, _UPLOAD, {path: data.hex() for path, data in files.items()})


def test_uploaded_files_are_in_the_repository(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    files = {"a/b.tar": _noise(300_000), "note.txt": b"hello"}
    assert _put(client, hub, files) == hub.head(REPO)
    assert {path: hub.read(REPO, path) for path in hub.paths(REPO)} == files


def test_upload_goes_by_the_way_that_was_asked_for(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    _put(client, hub, {"b.tar": _noise(300_000)})
    stores = {request.server for request in hub.requests() if request.server != "hub"}
    assert stores == ({"cas"} if client.xet else {"cdn"})


def test_download_of_what_another_writer_committed(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    data = _noise(300_000)
    hub.commit(REPO, {"a/b.tar": data})
    assert client.run(hub, _DOWNLOAD, "a/b.tar") == data.hex()
    stores = {request.server for request in hub.requests() if request.server != "hub"}
    assert stores == ({"cas"} if client.xet else {"cdn"})


def test_download_of_a_regular_file(any_client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    hub.commit(REPO, {"note.txt": b"hello"})
    assert any_client.run(hub, _DOWNLOAD, "note.txt") == b"hello".hex()
    assert {request.server for request in hub.requests()} == {"hub"}


def test_download_of_a_regular_file_by_way_of_the_second_address(
    any_client: RealClient, hub: Peer
) -> None:
    hub.settings.resolve_cache = True
    hub.create(REPO)
    hub.commit(REPO, {"a b/note.txt": b"hello"})
    assert any_client.run(hub, _DOWNLOAD, "a b/note.txt") == b"hello".hex()
    assert any("/api/resolve-cache/" in request.path for request in hub.requests())


def test_what_came_by_xet_is_served_to_one_without(
    make_client: Callable[[bool], RealClient], hub: Peer
) -> None:
    hub.create(REPO)
    # Compressible in both ways that Xet knows, so that the peer must unpack them.
    data = b"".join(struct.pack("<f", 1.0 + step / 7) for step in range(80_000)) + b"neff" * 90_000
    _put(make_client(True), hub, {"b.tar": data})
    hub.clear()
    assert make_client(False).run(hub, _DOWNLOAD, "b.tar") == data.hex()
    assert [request.server for request in hub.requests()][-1] == "cdn"


def test_large_uploads_go_in_parts(any_client: RealClient, hub: Peer) -> None:
    hub.settings.part_size = 100_000
    hub.create(REPO)
    data = _noise(250_000)
    _put(any_client, hub, {"b.tar": data})
    assert hub.read(REPO, "b.tar") == data
    assert sum("/part/" in request.path for request in hub.requests("cdn")) == 3


def test_no_token_reaches_the_storage(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    _put(client, hub, {"b.tar": _noise(100_000)})
    client.run(hub, _DOWNLOAD, "b.tar")
    stored = [
        request
        for request in hub.requests()
        if request.server == "cdn" or request.path.startswith("/xorb/")
    ]
    assert stored
    assert [request.authorized for request in stored] == [False] * len(stored)


def test_content_that_is_there_is_not_sent_again(any_client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    _put(any_client, hub, {"b.tar": _noise(100_000)})
    hub.clear()
    _put(any_client, hub, {"copy.tar": _noise(100_000)})
    assert hub.requests("cdn") == []
    assert hub.read(REPO, "copy.tar") == _noise(100_000)


def test_no_client_notices_a_corrupted_object(client: RealClient, hub: Peer) -> None:
    """What the product's own check is for."""
    hub.create(REPO)
    data = _noise(200_000)
    _put(client, hub, {"b.tar": data})
    hub.corrupt(REPO, "b.tar")
    got = bytes.fromhex(client.run(hub, _DOWNLOAD, "b.tar"))
    assert got != data
    assert len(got) == len(data)


def test_a_file_object_goes_by_lfs_even_where_xet_is_on(client: RealClient, hub: Peer) -> None:
    hub.settings.cas_up = False
    hub.create(REPO)
    found = client.run(
        hub,
        """
        with open("b.tar", "wb") as file:
            file.write(b"neff" * 1000)
        with open("b.tar", "rb") as file:
            found = api.create_commit(
                "alice/cache", [Add("b.tar", file)], commit_message="m"
            ).oid
        """,
    )
    assert found == hub.head(REPO)
    assert hub.read(REPO, "b.tar") == b"neff" * 1000


def test_the_xet_store_can_be_down_while_the_hub_answers(
    make_client: Callable[[bool], RealClient], hub: Peer
) -> None:
    hub.settings.cas_up = False
    hub.create(REPO)
    found = make_client(True).run(
        hub,
        """
        found["refusal"] = refusal(
            api.create_commit, "alice/cache", [Add("b.tar", b"x" * 1000)], commit_message="m"
        )
        found["user"] = api.whoami()["name"]
        """,
        HF_XET_CLIENT_RETRY_MAX_ATTEMPTS="1",
        HF_XET_CLIENT_RETRY_BASE_DELAY="10ms",
    )
    assert found["refusal"][0]
    assert found["user"] == "alice"
    assert hub.paths(REPO) == set()
