"""`neffcache flush`: sent, waiting for a credential, refused, unreachable."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import entries
from hosts import Host
from neffcache import queue, remote
from neffcache.store.local import Store
from running import end_all

KEY = "a" * 64


@pytest.fixture
def store(host: Host) -> Store:
    host.store.mkdir(mode=0o700, parents=True)
    made = Store(str(host.store))
    entries.put(made, KEY, b"neff")
    return made


def enqueue(store: Store, url: str, **environ: str) -> None:
    variables = {name.encode(): value.encode() for name, value in environ.items()}
    queue.enqueue(store, KEY, [remote.parse(url)], variables)


def test_without_a_store_nothing_waits(host: Host) -> None:
    done = host.neffcache("flush")
    assert (done.status, done.out) == (0, "nothing waits for upload\n")


def test_what_waits_is_sent(host: Host, store: Store, tmp_path: Path) -> None:
    enqueue(store, f"file://{tmp_path}/remote")
    done = host.neffcache("flush")
    assert (done.status, done.out) == (0, "1 entry sent\n")
    assert entries.has(tmp_path / "remote", KEY)
    end_all(store.path)


def test_what_lacks_its_credential_is_left_and_named(host: Host, store: Store) -> None:
    enqueue(store, f"file://{host.root}/remote?credential=env:TOKEN_A", TOKEN_A="hush")
    done = host.neffcache("flush")
    assert (done.status, done.err) == (1, "")
    assert "env:TOKEN_A" in done.out
    assert "TOKEN_A is not set" in done.out


def test_a_remote_that_fails_is_status_4(host: Host, store: Store) -> None:
    enqueue(store, f"file://{host.root}/not/mounted")
    done = host.neffcache("flush")
    assert done.status == 4
    assert f"file://{host.root}/not/mounted" in done.out
    end_all(store.path)


def test_what_is_refused_for_good_is_status_1(host: Host, store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    enqueue(store, f"file://{tmp_path}/file")
    done = host.neffcache("flush", "--timeout", "60")
    assert (done.status, "refused for good" in done.out) == (1, True)
    assert os.listdir(f"{store.path}/dead")
    end_all(store.path)


def test_what_was_refused_is_tried_again_on_request(
    host: Host, store: Store, tmp_path: Path
) -> None:
    remote_root = tmp_path / "remote"
    remote_root.write_text("a file in the way\n")
    enqueue(store, f"file://{remote_root}")
    refused = host.neffcache("flush")
    assert (refused.status, "refused for good" in refused.out) == (1, True)
    remote_root.unlink()
    assert host.neffcache("flush").status == 0  # nothing waits: it stays refused
    again = host.neffcache("flush", "--refused")
    assert (again.status, again.out) == (0, "1 entry sent\n")
    assert entries.has(remote_root, KEY)
    end_all(store.path)


def test_what_waits_for_a_mistake_is_set_aside_unasked_of_anybody(host: Host, store: Store) -> None:
    enqueue(store, "hf://acme/mistake?endpoint=http://127.0.0.1:1")
    unknown = host.neffcache("flush", "--drop", "acme/other")
    assert (unknown.status, unknown.out) == (
        1, "nothing waits for acme/other; entries wait for hf://acme/mistake\n"
    )  # fmt: skip
    done = host.neffcache("flush", "--drop", "acme/mistake")
    assert (done.status, done.out) == (0, "1 entry for acme/mistake set aside\n")
    assert host.neffcache("flush").out == "nothing waits for upload\n"
    assert "--drop" in host.neffcache("stats").out
