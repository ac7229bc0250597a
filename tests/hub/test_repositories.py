"""Hub peer: repositories, rights, listings and commits as the real clients see them."""

from __future__ import annotations

import pytest

from hub.peer import Peer
from hub.real import RealClient

REPO = "alice/cache"


@pytest.fixture
def client(any_client: RealClient) -> RealClient:
    """Without Xet: nothing here is about transfers."""
    return any_client


def test_whoami_names_organizations_and_the_role(client: RealClient, hub: Peer) -> None:
    found = client.run(hub, "found = api.whoami()", token="hf_alice_read")
    assert found["name"] == "alice"
    assert [org["name"] for org in found["orgs"]] == ["acme"]
    assert found["auth"]["accessToken"]["role"] == "read"


def test_a_created_repository_is_private_when_asked(client: RealClient, hub: Peer) -> None:
    client.run(
        hub,
        """
        api.create_repo("alice/one", private=True)
        api.create_repo("acme/two", private=False)
        api.create_repo("alice/one", private=True, exist_ok=True)
        """,
    )
    assert hub.is_private("alice/one")
    assert not hub.is_private("acme/two")


def test_creating_is_refused_in_a_foreign_namespace(client: RealClient, hub: Peer) -> None:
    code = 'found = refusal(api.create_repo, "alice/new")'
    assert client.run(hub, code, token="hf_bob_write")[1] == 403
    assert not hub.exists("alice/new")


@pytest.mark.parametrize(
    ("token", "private", "status"),
    [
        ("hf_alice_read", True, 403),
        ("hf_bob_write", True, 404),
        ("hf_bob_write", False, 403),
        ("hf_never_made", False, 401),
        ("", True, 401),
        ("", False, 401),
    ],
)
def test_writing_is_refused_before_any_byte_is_sent(
    client: RealClient, hub: Peer, token: str, private: bool, status: int
) -> None:
    hub.create(REPO, private)
    code = """
    found = refusal(api.create_commit, given, [Add("b.tar", b"x")], commit_message="m")
    """
    assert client.run(hub, code, REPO, token=token)[1] == status
    assert [request for request in hub.requests() if request.server != "hub"] == []
    assert len(hub.commits(REPO)) == 1


@pytest.mark.parametrize(
    ("token", "name"),
    [
        ("hf_alice_read", "alice/cache"),
        ("hf_alice_fine", "alice/cache"),
        ("hf_carol_write", "acme/cache"),
        ("", "alice/public"),
    ],
)
def test_reading_is_allowed(client: RealClient, hub: Peer, token: str, name: str) -> None:
    hub.create(name, private="public" not in name)
    hub.commit(name, {"a.txt": b"a"})
    code = "found = content(api.hf_hub_download(given, 'a.txt')).decode()"
    assert client.run(hub, code, name, token=token) == "a"


def test_a_private_repository_does_not_exist_for_others(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    code = "found = [api.repo_exists(given), refusal(api.get_paths_info, given, ['a'])[0]]"
    found = client.run(hub, code, REPO, token="hf_bob_write")
    assert found == [False, "RepositoryNotFoundError"]


def test_a_revoked_token_is_refused(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    hub.revoke("hf_alice_write")
    found = client.run(hub, "found = refusal(api.model_info, given)", REPO)
    assert found[1] == 401
    assert "Invalid credentials" in found[2]


def test_a_gated_repository_keeps_its_files_from_strangers(client: RealClient, hub: Peer) -> None:
    hub.create(REPO, private=False)
    hub.commit(REPO, {"a.txt": b"a"})
    hub.gate(REPO)
    code = "found = refusal(api.hf_hub_download, given, 'a.txt')[0]"
    assert client.run(hub, code, REPO, token="hf_bob_write") == "GatedRepoError"
    assert client.run(hub, code, REPO) == ""


def test_a_renamed_repository_redirects(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    hub.commit(REPO, {"a.txt": b"a"})
    hub.rename(REPO, "alice/newer")
    code = """
    found = [api.model_info(given).id, content(api.hf_hub_download(given, "a.txt")).decode()]
    """
    assert client.run(hub, code, REPO) == ["alice/newer", "a"]


def test_paths_info_leaves_out_what_is_not_there(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    hub.commit(REPO, {"d/b.tar": b"b", "a.txt": b"a"})
    code = """
    rows = api.get_paths_info(given, ["d/b.tar", "no.tar", "a.txt", "d"])
    found = {row.path: row.lfs.sha256 if getattr(row, "lfs", None) else "" for row in rows}
    """
    digest = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"
    assert client.run(hub, code, REPO) == {"d/b.tar": digest, "a.txt": "", "d": ""}


def test_too_many_paths_are_refused(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    code = "found = refusal(api.get_paths_info, given, [str(n) for n in range(1001)])[1]"
    assert client.run(hub, code, REPO) == 413


def test_a_listing_comes_in_pages(client: RealClient, hub: Peer) -> None:
    hub.settings.page_size = 4
    hub.create(REPO)
    files = {f"d{number % 3}/{number}.txt": b"x" for number in range(8)}
    hub.commit(REPO, files)
    code = """
    rows = api.list_repo_tree(given, recursive=True)
    found = [row.path for row in rows if hasattr(row, "size")]
    """
    assert set(client.run(hub, code, REPO)) == {*files, ".gitattributes"}
    assert len(hub.requests()) == 3


def test_a_listing_of_one_folder_is_not_recursive(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    hub.commit(REPO, {"d/a.txt": b"", "d/e/b.txt": b"", "c.txt": b"", "de/x.txt": b""})
    code = "found = sorted(row.path for row in api.list_repo_tree(given, 'd'))"
    assert client.run(hub, code, REPO) == ["d/a.txt", "d/e"]


def test_a_stale_parent_is_refused(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    old = hub.head(REPO)
    hub.commit(REPO, {"theirs.txt": b""})
    code = """
    add = [Add("ours.txt", b"")]
    found = refusal(api.create_commit, "alice/cache", add, commit_message="m", parent_commit=given)
    """
    assert client.run(hub, code, old)[1] == 412
    assert hub.paths(REPO) == {"theirs.txt"}


def test_racing_commits_without_parent_all_land(client: RealClient, hub: Peer) -> None:
    hub.settings.commit_window = 0.1
    hub.create(REPO)
    assert client.run(hub, _RACE) == [0] * 4
    assert len(hub.paths(REPO)) == 4


def test_racing_commits_fail_where_the_hub_is_strict(client: RealClient, hub: Peer) -> None:
    hub.settings.commit_window = 0.5
    hub.settings.race_412 = True
    hub.create(REPO)
    found = client.run(hub, _RACE)
    assert set(found) == {0, 412}
    assert len(hub.paths(REPO)) == found.count(0)


_RACE = """
from concurrent.futures import ThreadPoolExecutor
def one(number):
    add = [Add(f"{number}.txt", str(number).encode())]
    return refusal(api.create_commit, "alice/cache", add, commit_message="m")[1]
with ThreadPoolExecutor(4) as pool:
    found = list(pool.map(one, range(4)))
"""


def test_a_commit_deletes_files_and_folders(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    hub.commit(REPO, {"a.txt": b"", "b.txt": b"", "d/c.txt": b"", "de/f.txt": b""})
    code = """
    gone = [Delete("a.txt"), Delete("d/")]
    api.create_commit(given, gone, commit_message="m")
    """
    client.run(hub, code, REPO)
    assert hub.paths(REPO) == {"b.txt", "de/f.txt"}


def test_a_squash_makes_old_commits_unknown(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    old = hub.commit(REPO, {"a.txt": b"a"})
    hub.squash(REPO)
    code = """
    found = [
        refusal(api.hf_hub_download, "alice/cache", "a.txt", revision=given)[0],
        content(api.hf_hub_download("alice/cache", "a.txt")).decode(),
    ]
    """
    assert client.run(hub, code, old) == ["RevisionNotFoundError", "a"]


def test_what_optimum_asks_to_learn_about_write_access(client: RealClient, hub: Peer) -> None:
    hub.create(REPO)
    code = "found = refusal(api.delete_branch, given, branch='never-made')[:2]"
    assert client.run(hub, code, REPO) == ["RevisionNotFoundError", 404]
    assert client.run(hub, code, REPO, token="hf_alice_read")[1] == 403


def test_commits_of_an_hour_are_limited(client: RealClient, hub: Peer) -> None:
    hub.settings.commits_an_hour = 1
    hub.create(REPO)
    code = """
    found = [
        refusal(api.create_commit, given, [Add(name, b"x")], commit_message="m")
        for name in ("a.txt", "b.txt")
    ]
    """
    first, second = client.run(hub, code, REPO)
    assert (first[1], second[1]) == (0, 429)
    assert "1 per hour" in second[2]
    assert hub.paths(REPO) == {"a.txt"}
