"""Faults of stores and registries while a compile is looked up: it compiles, and says why."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from faults.far import KINDS, OBJECTS, Far, leaks
from faults.looking import ABSENT, DAMAGED, FAILED, Look
from hosts import FORWARD, TRAIN, Host
from neffcache import breaker, remote

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate</Message></Error>"


def test_well_it_is_a_hit(look: Look) -> None:
    done, out = look.once()
    assert (done.err, out) == ("", look.made.neff)
    assert (look.host.outcomes(), look.host.compiles) == (["hit_remote"], 0)
    assert leaks(look.host.root, look.far) == []


def test_what_is_absent_is_no_failure(tmp_path: Path, far: Far) -> None:
    variables = {"SDKSTANDIN_FAKE": "1", "NEFFCACHE_REMOTES": far.mode("ro"), **far.environ}
    host = Host(tmp_path / "host", variables)
    assert host.compile(tmp_path / "work", TRAIN).status == 0
    assert (host.outcomes(), host.notes()) == (["compiled"], [ABSENT])


@pytest.mark.parametrize("what", ["record", "bundle"])
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"status": 500, "body": b"<html>Sorry</html>"}, "500"),
        ({"status": 503, "body": SLOW_DOWN}, "503"),
        ({"reset": True}, ""),
        ({"reset": True, "cut": 1}, ""),
        ({"cut": 1}, ""),
    ],
    ids=["500", "503", "reset", "reset-in-the-middle", "broken-off"],
)
def test_a_remote_that_fails_again_and_again(
    look: Look, what: str, fault: dict[str, Any], says: str
) -> None:
    look.far.fault(what, **fault)
    told = look.compiled()
    # Who goes on where it broke off gets a byte each time: then the compile is quicker.
    assert told.startswith(FAILED) or (fault.get("cut") and told.startswith("remote_slow"))
    assert says in told


@pytest.mark.parametrize("what", ["record", "bundle"])
@pytest.mark.parametrize(
    "fault",
    [{"status": 503}, {"reset": True, "cut": 50}],
    ids=["503", "reset-in-the-middle"],
)
def test_what_fails_but_once_is_a_hit_or_a_compile(
    look: Look, what: str, fault: dict[str, Any]
) -> None:
    """Whether it is tried again within a look-up is free; what comes out of it is not."""
    look.far.fault(what, times=1, **fault)
    _done, out = look.once()
    host = look.host
    if host.outcomes() == ["hit_remote"]:
        assert (host.compiles, out) == (0, look.made.neff)
    else:
        assert (host.outcomes(), host.compiles, host.notes()) == (["compiled"], 1, [FAILED])


@pytest.mark.parametrize("what", ["record", "bundle"])
@pytest.mark.parametrize("cut", [None, 0])
def test_silence_delays_one_compile_alone(look: Look, what: str, cut: int | None) -> None:
    look.far.fault(what, silence=True, cut=cut)
    look.host.variables["NEFFCACHE_REMOTE_TIMEOUT"] = "2"
    assert look.compiled().startswith(FAILED)
    before = len(look.far.proxy.requests())
    second = look.host.compile(look.path / "second", FORWARD)
    assert (second.status, second.err) == (0, "")
    assert look.host.notes() == [FAILED, "remote_skipped"]
    assert len(look.far.proxy.requests()) == before


def test_a_used_up_quota_is_obeyed(look: Look) -> None:
    headers = {"Retry-After": "600"}
    look.far.proxy.fault(times=None, status=429, body=SLOW_DOWN, headers=headers)
    assert look.compiled().startswith(FAILED)
    stamps = look.host.store.glob("breakers/read-*")
    (path,) = (one for one in stamps if one.suffix != ".probe")
    stamp = breaker.read(str(path))
    assert stamp is not None
    # obstore does not hand on what Retry-After says.
    assert stamp.until - stamp.since >= (600 if look.far.is_registry else 30)


@pytest.mark.parametrize("what", ["record", "bundle"])
@pytest.mark.parametrize("longer", [-10, 10])
def test_a_wrong_length_is_never_a_wrong_hit(look: Look, what: str, longer: int) -> None:
    look.far.fault(what, longer=longer)
    if longer < 0 or what == "record":
        assert look.compiled().startswith((FAILED, DAMAGED))
        return
    _done, out = look.once()  # all that is there has come, and its digest may show that
    if look.host.outcomes() == ["hit_remote"]:
        assert (look.host.compiles, out) == (0, look.made.neff)
    else:
        assert look.host.outcomes() == ["compiled"]
        assert look.host.notes() in ([FAILED], [DAMAGED])


@pytest.mark.parametrize(("what", "flip"), [("record", 300), ("bundle", -2000), ("bundle", 600)])
def test_a_wrong_byte_is_never_a_hit(look: Look, what: str, flip: int) -> None:
    look.far.fault(what, flip=flip)
    assert look.compiled().startswith((FAILED, DAMAGED))


def test_the_page_of_some_proxy_is_no_record(look: Look) -> None:
    look.far.fault("record", status=200, body=b"<html>Please log in</html>" * 9)
    assert look.compiled().startswith((FAILED, DAMAGED))


def test_a_bundle_deleted_behind_the_look_up(look: Look) -> None:
    look.far.fault("bundle", times=1, before=look.far.lose_bundle)
    assert look.compiled() == f"{DAMAGED}: the record stands there, its bundle does not"


def test_a_download_slower_than_the_compile_is_given_up(look: Look) -> None:
    look.far.fault("bundle", rate=2000)
    assert look.compiled().startswith("remote_slow")


@pytest.mark.parametrize("far", OBJECTS, indirect=True)
def test_a_bucket_that_is_gone_is_not_an_absent_entry(look: Look) -> None:
    look.far.lose_place()
    told = look.compiled()
    assert told.startswith(FAILED)
    assert look.far.bucket in told


@pytest.mark.skipif("CI" not in os.environ, reason="faults of az and gs: CI=true scripts/test")
def test_every_kind_is_asked() -> None:
    assert set(KINDS) == set(remote.SCHEMES) - {"file", "hf"}
