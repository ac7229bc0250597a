"""`neffcache remotes`: which there are, how each has behaved, what waits for each; nobody asked."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import entries
from hosts import TRAIN, Host
from neffcache import backlog, breaker, credentials, queue, remote
from neffcache.store.local import Store
from running import end_all

KEY = "a" * 64


def listed(host: Host, *urls: str, **variables: str) -> dict[str, Any]:
    named = {"NEFFCACHE_REMOTES": " ".join(urls), **variables}
    done = host.neffcache("remotes", "--json", variables=named)
    assert (done.status, done.err) == (0, "")
    made: dict[str, Any] = json.loads(done.out)
    assert set(made) == {"remotes", "others"}
    return made


def shown(host: Host, *urls: str, **variables: str) -> str:
    done = host.neffcache("remotes", variables={"NEFFCACHE_REMOTES": " ".join(urls), **variables})
    assert (done.status, done.err) == (0, "")
    return done.out


@pytest.fixture
def store(host: Host) -> Store:
    host.store.mkdir(mode=0o700, parents=True)
    return Store(str(host.store))


def fail(store: Store, url: str, side: str, reason: str = "refused") -> None:
    """As after an outage that somebody met."""
    name = f"{side}-{credentials.identity(remote.parse(url), '')}"
    permit = breaker.ask(store, name)
    assert permit is not None
    permit.fail(reason)


def test_they_come_in_order_with_mode_and_origin(host: Host) -> None:
    urls = ["file:///a?mode=ro", "s3://bucket/x?region=eu-west-1&backfill=1", "oci://reg/team/neff"]
    found = listed(host, *urls, CUSTOM_CACHE_REPO="o/b")["remotes"]
    assert [(row["url"], row["mode"], row["backfill"], row["origin"]) for row in found] == [
        ("file:///a", "ro", False, "NEFFCACHE_REMOTES"),
        ("s3://bucket/x", "rw", True, "NEFFCACHE_REMOTES"),
        ("oci://reg/team/neff", "rw", False, "NEFFCACHE_REMOTES"),
        ("hf://o/b", "ro", False, "CUSTOM_CACHE_REPO"),
    ]
    assert found[1]["options"] == {"region": "eu-west-1"}
    lines = shown(host, *urls).split("\n")
    assert [line.split()[:2] for line in lines if line[:1].isdigit()] == [
        ["1", "file:///a"], ["2", "s3://bucket/x"], ["3", "oci://reg/team/neff"]
    ]  # fmt: skip
    assert lines.count("     no failure known, nothing waits") == len(urls)  # with options, too


@pytest.mark.usefixtures("store")
def test_the_fields_for_programs(host: Host) -> None:
    [row] = listed(host, "file:///a?mode=ro")["remotes"]
    assert row == {
        "url": "file:///a", "mode": "ro", "backfill": False, "origin": "NEFFCACHE_REMOTES",
        "credential": "", "options": {},
        "reads": {"state": "fine", "reason": "", "failures": 0, "until": 0.0},
        "writes": {"state": "off", "reason": "", "failures": 0, "until": 0.0},
        "waiting": 0, "refused": 0, "oldest": 0.0, "reason": "",
    }  # fmt: skip


def test_none_is_said_so(host: Host) -> None:
    assert listed(host) == {"remotes": [], "others": {}}
    assert "no remotes" in shown(host)


def test_each_side_has_a_breaker_of_its_own(host: Host, store: Store) -> None:
    fail(store, "file:///a", "read", "Connection refused")
    one, other = listed(host, "file:///a", "file:///b")["remotes"]
    assert (one["reads"]["state"], one["reads"]["reason"]) == ("failing", "Connection refused")
    assert (one["reads"]["failures"], one["reads"]["until"] > time.time()) == (1, True)
    assert {one["writes"]["state"], other["reads"]["state"], other["writes"]["state"]} == {"fine"}
    out = shown(host, "file:///a", "file:///b")
    assert out.count("left alone for") == 1
    assert "failed 1 time, the last: Connection refused" in out


def test_a_real_outage_and_what_waits_for_it_are_shown(host: Host, tmp_path: Path) -> None:
    urls = [f"file://{tmp_path}/missing/r", f"file://{tmp_path}/fine"]
    host.compile(tmp_path / "w", TRAIN, variables={"NEFFCACHE_REMOTES": " ".join(urls)})
    host.neffcache("flush", variables={"NEFFCACHE_REMOTES": " ".join(urls)})
    down, fine = listed(host, *urls)["remotes"]
    assert (down["reads"]["state"], down["writes"]["state"], down["waiting"]) == (
        "failing", "failing", 1
    )  # fmt: skip
    assert "is not there" in down["writes"]["reason"]
    assert down["oldest"] > 0
    assert (fine["reads"]["state"], fine["writes"]["state"], fine["waiting"]) == ("fine", "fine", 0)
    assert "1 waiting since" in shown(host, *urls)
    end_all(tmp_path)


@pytest.mark.usefixtures("store")
def test_a_secret_that_is_missing_blocks_and_is_not_shown(host: Host) -> None:
    url = "s3://bucket/x?credential=env:TOKEN_A"
    for named, state in (("", "blocked"), ("hush", "fine")):
        [row] = listed(host, url, TOKEN_A=named)["remotes"]
        assert (row["reads"]["state"], row["writes"]["state"]) == (state, state)
        assert row["credential"] == "env:TOKEN_A"
        assert "hush" not in json.dumps(row)
    assert "not now: env:TOKEN_A is not set" in shown(host, url)


@pytest.mark.usefixtures("store")
def test_no_hub_is_asked_offline(host: Host) -> None:
    [row] = listed(host, "hf://o/x?mode=ro", HF_HUB_OFFLINE="1")["remotes"]
    assert row["reads"] == {
        "state": "blocked", "reason": "HF_HUB_OFFLINE is set", "failures": 0, "until": 0.0
    }  # fmt: skip


def test_what_waits_and_what_was_refused_is_counted_for_each(host: Host, store: Store) -> None:
    urls = ("file:///a/x", "file:///b/x")
    for word in ("one", "two"):
        key = entries.key_of(word)
        entries.put(store, key, b"neff")
        first = queue.enqueue(store, key, remote.specs(urls), {})[0]
        if word == "one":
            backlog.bury(store, first, "not permitted")
    one, other = listed(host, *urls)["remotes"]
    assert (one["waiting"], one["refused"], other["waiting"], other["refused"]) == (1, 1, 2, 0)
    out = shown(host, *urls)
    assert "1 refused for good" in out
    assert "2 waiting since" in out


def test_what_waits_for_a_place_that_nobody_names_now_is_not_forgotten(
    host: Host, store: Store
) -> None:
    entries.put(store, KEY, b"neff")
    queue.enqueue(store, KEY, [remote.parse("file:///gone/x")], {})
    found = listed(host, "file:///a")
    assert [row["waiting"] for row in found["remotes"]] == [0]
    assert found["others"]["file:///gone/x"]["waiting"] == 1
    assert "file:///gone/x: 1 waiting" in shown(host, "file:///a")


def test_looking_makes_nothing(host: Host) -> None:
    shown(host, "file:///a", "s3://bucket/x")
    assert not host.store.exists()


def test_nothing_moves_a_terminal(host: Host, store: Store) -> None:
    fail(store, "file:///a", "read", "no \x1b[31mway")
    assert "\x1b" not in shown(host, "file:///a")


def test_a_malformed_one_is_status_2(host: Host) -> None:
    done = host.neffcache("remotes", variables={"NEFFCACHE_REMOTES": "s3://"})
    assert (done.status, done.err.count("\n")) == (2, 1)


def test_olives_is_one_of_them(host: Host) -> None:
    file = host.root / "olive.json"
    block = {"account_url": "https://acme.blob.core.windows.net", "container_name": "cache"}
    file.write_text(json.dumps({"cloud_cache_config": block | {"upload_to_cloud": False}}))
    [row] = listed(host, NEFFCACHE_CONFIG_JSON=str(file))["remotes"]
    assert (row["url"], row["mode"]) == ("az://acme/cache", "ro")
    assert row["origin"] == f"{file} (cloud_cache_config)"
