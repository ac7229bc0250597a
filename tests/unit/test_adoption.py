"""What waits for a secret that is no more is queued anew for this environment's, when asked to."""

from __future__ import annotations

from pathlib import Path

import pytest

import natives
from entries import key_of, make_store
from neffcache import adoption, backlog, queue, remote
from neffcache.store.local import Store

KEY = key_of("a")
URL = "file:///a?credential=env:TOK"
OLD, NEW = {b"TOK": b"old"}, {b"TOK": b"new"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


def enqueue(store: Store, url: str, environ: dict[bytes, bytes]) -> queue.Marker:
    return queue.enqueue(store, KEY, [remote.parse(url)], environ)[0]


def waiting(store: Store, environ: dict[bytes, bytes]) -> list[tuple[list[str], str]]:
    """(keys, why they are not sent with this environment)."""
    return [(one.keys, one.reason) for one in backlog.pending(store, environ)]


def test_it_waits_for_the_new_secret_only(store: Store) -> None:
    enqueue(store, URL, OLD)
    assert adoption.adopt(store, NEW) == 1
    assert waiting(store, NEW) == [([KEY], "")]
    assert "another secret" in waiting(store, OLD)[0][1]


def test_the_reason_names_the_remedy(store: Store) -> None:
    enqueue(store, URL, OLD)
    assert "`neffcache flush --adopt`" in waiting(store, NEW)[0][1]


@pytest.mark.parametrize("environ", [{}, OLD], ids=["none", "its own"])
def test_without_another_secret_nothing_changes(store: Store, environ: dict[bytes, bytes]) -> None:
    marker = enqueue(store, URL, OLD)
    assert adoption.adopt(store, environ) == 0
    assert Path(marker.path).exists()


def test_what_was_queued_without_a_secret_stays_where_it_is(store: Store) -> None:
    markers = [enqueue(store, url, {}) for url in ("file:///b", URL, "hf://acme/cache")]
    assert adoption.adopt(store, {**NEW, b"HF_TOKEN": b"hf_x"}) == 0
    assert all(Path(marker.path).exists() for marker in markers)


def test_a_token_of_a_variable_gives_way_to_the_login(store: Store, tmp_path: Path) -> None:
    login = tmp_path / "token"
    login.write_text("hf_login")
    enqueue(store, "hf://acme/cache", {b"HF_TOKEN": b"hf_old"})
    environ = {b"HF_TOKEN_PATH": bytes(login)}
    assert "the login" in waiting(store, environ)[0][1]
    assert adoption.adopt(store, environ) == 1
    login.write_text("hf_renewed")
    assert waiting(store, environ) == [([KEY], "")]


def test_a_native_entry_stays_one(store: Store) -> None:
    native = ("/root of it", "neuronxcc-2/MODULE_1")
    key = queue.native_key(*native)
    queue.put(store, queue.destination_of(store, remote.parse(URL), OLD), key, native)
    assert adoption.adopt(store, NEW) == 1
    name = backlog.pending(store, NEW)[0].name
    assert queue.native_of(store, name, key) == native


def test_a_damaged_destination_does_not_stop_the_others(store: Store) -> None:
    enqueue(store, "file:///b?credential=env:TOK", OLD)
    for described in Path(store.path).glob("queue/*/destination"):
        described.write_text("torn")
    enqueue(store, URL, OLD)
    assert adoption.adopt(store, NEW) == 1


def test_what_waits_for_a_mistaken_place_is_set_aside_and_can_come_back(store: Store) -> None:
    wrong, right = "hf://acme/wrong", "hf://acme/right"
    for url in (wrong, right, f"{wrong}@v1"):
        enqueue(store, url, {})
    assert adoption.drop(store, {}, "acme/wrong") == 1
    assert sorted(one.remote for one in backlog.pending(store, {})) == [right, f"{wrong}@v1"]
    (gone,) = backlog.dead(store)
    assert (gone.key, gone.remote) == (KEY, wrong)
    assert "flush --drop" in gone.reason


def test_a_native_entry_that_was_set_aside_is_the_same_one_when_it_comes_back(
    store: Store, tmp_path: Path
) -> None:
    root = str(tmp_path / "root")
    natives.write(tmp_path / "root")
    destination = queue.destination_of(store, remote.parse("hf://acme/wrong"), {})
    key = queue.native_key(root, natives.ENTRY)
    queue.put(store, destination, key, (root, natives.ENTRY))
    assert adoption.drop(store, {}, "hf://acme/wrong") == 1
    assert queue.keys(store, destination.name) == []
    assert backlog.revive(store, {}) == 1
    assert queue.native_of(store, destination.name, key) == (root, natives.ENTRY)


def test_a_place_is_dropped_with_every_secret_and_no_place_is_a_part_of_another(
    store: Store,
) -> None:
    for environ in (OLD, NEW):
        enqueue(store, URL, environ)
    assert adoption.drop(store, {}, "file://") == 0
    assert adoption.drop(store, {}, "file:///a") == 2
    assert backlog.pending(store, {}) == []
