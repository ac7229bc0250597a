"""Writing to a repository of the Hub: create-only, one commit, never more said than is so."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from hub.peer import Peer
from hubs import variables
from neffcache import remote
from neffcache.errors import RefusedError, RemoteError
from neffcache.hub import client, publicity
from neffcache.publishing import Indigestible, Object
from neffcache.remotes import hub_commit, hub_writing
from neffcache.remotes.hub import HubRemote
from neffcache.remotes.hub_commit import Failed
from waiting import until

REPO = "alice/cache"
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(autouse=True)
def _by_lfs(monkeypatch: pytest.MonkeyPatch) -> None:
    client.prepare({})
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(hub_writing, "_LAST_PAUSE", 0.1)


@pytest.fixture
def repo(hub: Peer) -> Peer:
    hub.create(REPO)
    return hub


def opened(hub: Peer, **settings: str) -> HubRemote:
    spec = remote.parse(f"hf://{REPO}?endpoint={hub.url}")
    return HubRemote(spec, variables(**settings))


def objects(tmp_path: Path, names: Sequence[str], unless: str = "") -> list[Object]:
    made = []
    for name in names:
        path = tmp_path / name.replace("/", "-")
        path.write_bytes(b"\0" + name.encode())
        made.append(Object(name, str(path), weights=False, unless=unless))
    return made


def quiet(_count: int) -> None:
    return


def test_what_is_missing_is_created_and_the_rest_left(repo: Peer, tmp_path: Path) -> None:
    repo.commit(REPO, {"b.tar": b"first"})
    done = opened(repo).publish(objects(tmp_path, ["a.tar", "b.tar", "d/c.tar"]), quiet)
    assert (done.created, done.refused) == ({"a.tar", "d/c.tar"}, {})
    assert repo.read(REPO, "b.tar") == b"first"
    assert repo.read(REPO, "d/c.tar") == b"\0d/c.tar"


def test_nothing_goes_beside_what_it_does_not_fit(repo: Peer, tmp_path: Path) -> None:
    repo.commit(REPO, {"e/model.neff": b"of another compile"})
    ours = objects(tmp_path, ["e/model.neff", "e/model.done"], unless="e/model.neff")
    done = opened(repo).publish([*ours, *objects(tmp_path, ["a.tar"])], quiet)
    assert done.created == {"a.tar"}
    assert repo.paths(REPO) == {"e/model.neff", "a.tar"}


def test_beside_what_comes_in_between_it_does_not_go_either(repo: Peer, tmp_path: Path) -> None:
    """The files of one entry, by two hosts at once: those of one of them, never a mixture."""
    ours = objects(tmp_path, ["e/model.neff", "e/model.done"], unless="e/model.neff")

    def progress(_count: int) -> None:
        if "e/model.neff" not in repo.paths(REPO):
            repo.commit(REPO, {"e/model.neff": b"of another compile"})

    assert opened(repo).publish(ours, progress).created == set()
    assert repo.paths(REPO) == {"e/model.neff"}


def test_what_becomes_public_while_the_content_goes_up_gets_nothing(
    repo: Peer, tmp_path: Path
) -> None:
    def progress(_count: int) -> None:
        if [request for request in repo.requests() if "/preupload/" in request.path]:
            repo.set_private(REPO, False)

    repo.fault("/preupload/", delay=0.5)
    with pytest.raises(RefusedError, match="is public"):
        opened(repo).publish(objects(tmp_path, ["a.tar"]), progress)
    assert repo.paths(REPO) == set()


def test_names_are_asked_for_in_thousands(repo: Peer, tmp_path: Path) -> None:
    one = objects(tmp_path, ["a.tar"])[0]
    names = [f"{number}.tar" for number in range(1500)]
    repo.commit(REPO, dict.fromkeys(names, b"x"))
    done = opened(repo).publish([Object(name, one.path, False) for name in names], quiet)
    assert (done.created, len(repo.commits(REPO))) == (set(), 2)
    asked = [request for request in repo.requests() if "paths-info" in request.path]
    assert [request.status for request in asked] == [200, 200]


def test_two_who_wait_for_each_other_both_arrive(repo: Peer, tmp_path: Path) -> None:
    repo.settings.commit_window = 0.1
    at_once = threading.Barrier(3)
    found = []

    def work(name: str) -> None:
        made = opened(repo)
        at_once.wait()
        found.append(made.publish(objects(tmp_path, [f"{name}.tar", "both.tar"]), quiet).created)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, found)) == [1, 1, 2]
    assert repo.paths(REPO) == {"a.tar", "b.tar", "c.tar", "both.tar"}
    assert len(repo.commits(REPO)) == 4


def test_when_others_commit_all_the_time_it_is_given_up(repo: Peer, tmp_path: Path) -> None:
    repo.fault("/commit/", status=412, times=None)
    with pytest.raises(RemoteError, match="others commit all the time"):
        opened(repo).publish(objects(tmp_path, ["a.tar"]), quiet)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_not_digested_is_told_apart(repo: Peer, tmp_path: Path, status: int) -> None:
    repo.fault("/commit/", status=status)
    with pytest.raises(Indigestible):
        opened(repo).publish(objects(tmp_path, ["a.tar"]), quiet)


def test_a_pause_that_is_asked_for_is_handed_on(repo: Peer, tmp_path: Path) -> None:
    repo.fault("/preupload/", status=429, headers={"Retry-After": "2580"}, times=None)
    repo.fault("/revision/", status=429, headers={"Retry-After": "2580"}, times=None)
    with pytest.raises(RemoteError) as caught:
        opened(repo).publish(objects(tmp_path, ["a.tar"]), quiet)
    assert caught.value.pause == 2580


def test_a_commit_without_what_was_sent_is_not_believed(
    repo: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        hub_commit.Upload, "commit", lambda _self, _names, parent, _progress: parent
    )
    with pytest.raises(RemoteError, match="1 of 1 files are not in the commit"):
        opened(repo).publish(objects(tmp_path, ["a.tar"]), quiet)


def test_given_up_while_content_goes_up_nothing_is_committed(repo: Peer, tmp_path: Path) -> None:
    threads = set(threading.enumerate())
    repo.fault("", "PUT", "cdn", delay=0.5)

    def progress(_count: int) -> None:
        if repo.requests("cdn"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        opened(repo).publish(objects(tmp_path, ["a.tar"]), progress)
    # What was left behind ends by itself, and does not go on to the commit.
    until(lambda: not any("work" in one.name for one in set(threading.enumerate()) - threads))
    assert repo.paths(REPO) == set()


def test_the_branch_of_the_url_is_written(repo: Peer, tmp_path: Path) -> None:
    spec = remote.parse(f"hf://{REPO}@other?endpoint={repo.url}")
    with pytest.raises(RemoteError, match="has no revision other"):
        HubRemote(spec, variables()).publish(objects(tmp_path, ["a.tar"]), quiet)


def test_a_branch_is_written_and_main_is_not(repo: Peer, tmp_path: Path) -> None:
    made = opened(repo).client.call("POST", f"/api/models/{REPO}/branch/other", json={})
    assert made.fine
    spec = remote.parse(f"hf://{REPO}@other?endpoint={repo.url}")
    done = HubRemote(spec, variables()).publish(objects(tmp_path, ["a.tar"]), quiet)
    assert done.created == {"a.tar"}
    assert (repo.paths(REPO, "other"), repo.paths(REPO)) == ({"a.tar"}, set())


def test_what_is_only_read_is_never_written_to(repo: Peer, tmp_path: Path) -> None:
    spec = remote.parse(f"hf://{REPO}?mode=ro&endpoint={repo.url}")
    with pytest.raises(RefusedError, match="mode=ro"):
        HubRemote(spec, variables()).publish(objects(tmp_path, ["a.tar"]), quiet)
    assert repo.requests() == []


def test_an_agreement_for_one_hub_is_none_for_another(repo: Peer, tmp_path: Path) -> None:
    repo.set_private(REPO, False)
    home = {"HF_HOME": str(tmp_path / "home")}
    publicity.consent(REPO, variables(**home))  # the Hub that everybody means
    with pytest.raises(RefusedError, match="nobody has agreed"):
        opened(repo, **home).publish(objects(tmp_path, ["a.tar"]), quiet)
    publicity.consent(REPO, variables(**home), repo.url)
    assert opened(repo, **home).publish(objects(tmp_path, ["a.tar"]), quiet).created == {"a.tar"}


def test_only_what_does_not_hold_weights_goes_to_a_public_place(repo: Peer, tmp_path: Path) -> None:
    repo.set_private(REPO, False)
    plain = objects(tmp_path, ["a.tar"])
    heavy = [Object("b.tar", plain[0].path, weights=True)]
    done = opened(repo, NEFFCACHE_HUB_PUBLIC=REPO).publish([*plain, *heavy], quiet)
    assert done.created == {"a.tar"}
    assert list(done.refused) == ["b.tar"]
    assert repo.paths(REPO) == {"a.tar"}


def test_a_public_place_that_nobody_agreed_to_gets_nothing(repo: Peer, tmp_path: Path) -> None:
    repo.set_private(REPO, False)
    with pytest.raises(RefusedError, match="nobody has agreed"):
        opened(repo).publish(objects(tmp_path, ["a.tar"]), quiet)


def test_a_call_is_left_behind_when_its_time_is_up() -> None:
    over = threading.Event()
    beats: list[int] = []
    with pytest.raises(Failed, match="did not come to an end within 0 s"):
        hub_commit.in_time(over.wait, 0.3, beats.append)
    assert beats
    over.set()


def test_what_a_call_raises_is_told_without_its_text() -> None:
    def call() -> None:
        raise ValueError("https://cdn/object?signature=secret")

    with pytest.raises(Failed) as caught:
        hub_commit.in_time(call, 60, quiet)
    assert str(caught.value) == "the Hub's client failed (ValueError)"
    assert caught.value.answer is None


def test_without_the_token_that_is_named_nobody_elses_is_taken(
    repo: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blank one is none; the login of the user is not what the remote's URL says."""
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_login")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
    repo.set_private(REPO, False)
    spec = remote.parse(f"hf://{REPO}?endpoint={repo.url}&credential=env:TOK")
    place = HubRemote(spec, variables(TOK=" ", NEFFCACHE_HUB_PUBLIC=REPO))
    with pytest.raises(RefusedError):
        place.publish(objects(tmp_path, ["a.tar"]), quiet)
    assert [request.authorized for request in repo.requests()].count(True) == 0
    assert any("/preupload/" in request.path for request in repo.requests())
