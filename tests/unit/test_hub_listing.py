"""What a repository holds, page by page."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from hub.peer import Peer
from hubs import REPO, opened
from neffcache.errors import RemoteError

NAME = "neffcache/v1/ab/abc.tar"
DATA = b"data" * 1000


@pytest.fixture
def repo(hub: Peer) -> Peer:
    """A Hub with a repository that holds one object, and one file outside."""
    hub.create(REPO)
    hub.commit(REPO, {NAME: DATA, "small.json": b"{}"})
    hub.clear()
    return hub


def test_a_listing_goes_through_all_pages(repo: Peer) -> None:
    repo.settings.page_size = 2
    repo.commit(REPO, {f"neffcache/v1/cd/{number}": b"x" * number for number in range(5)})
    listed = opened(repo).listing("neffcache")
    assert {(path, size) for path, size, _digest in listed} == {
        (NAME, len(DATA)),
        *((f"neffcache/v1/cd/{number}", number) for number in range(5)),
    }
    digests = {path: digest for path, _size, digest in listed}
    assert digests[NAME] == hashlib.sha256(DATA).hexdigest()
    assert digests["neffcache/v1/cd/1"] == hashlib.sha1(b"blob 1\0x").hexdigest()


def test_a_listing_of_what_is_not_there_is_empty(repo: Peer) -> None:
    assert opened(repo).listing("nothing/here") == []


def test_a_listing_page_of_another_origin_is_not_followed_with_the_token(
    repo: Peer, tmp_path: Path
) -> None:
    with Peer(tmp_path / "other-peer") as other:
        link = f'<{other.url}/api/models/{REPO}/tree/main>; rel="next"'
        repo.fault("/tree/", headers={"Link": link})
        with pytest.raises(RemoteError):
            opened(repo).listing("")
        assert [request.authorized for request in other.requests()] == [False]


def test_a_listing_that_is_none_is_an_error(repo: Peer) -> None:
    repo.fault("/tree/", status=200, message="<html>")
    with pytest.raises(RemoteError, match="no list of files"):
        opened(repo).listing("")


def test_an_answer_about_files_that_is_none_is_an_error(repo: Peer) -> None:
    repo.fault("/paths-info/", status=200, message="<html>")
    with pytest.raises(RemoteError, match="no list of files"):
        opened(repo).exists([NAME])
