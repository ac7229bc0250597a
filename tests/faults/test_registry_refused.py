"""Faults: registries that refuse: what waits is kept, or set aside with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.far import Far
from faults.looking import FAILED, Look
from faults.sending import Sending

pytestmark = pytest.mark.parametrize("far", ["oci"], indirect=True)


@pytest.fixture
def host(tmp_path: Path, far: Far) -> Iterator[Sending]:
    made = Sending(tmp_path, far)
    yield made
    made.end()


def body(code: str) -> bytes:
    """An answer as registries give it."""
    return f'{{"errors":[{{"code":"{code}","message":"no","detail":null}}]}}'.encode()


def test_a_repository_that_has_to_be_made_first_loses_nothing(host: Sending) -> None:
    """As at ECR, where a push makes none."""
    host.queue("a")
    host.far.proxy.fault(
        "/blobs/uploads", "POST", times=None, status=404, body=body("NAME_UNKNOWN")
    )
    done = host.flush(None)
    reasons = [one.reason for one in done.left] + [reason for _url, reason in host.dead()]
    assert len(reasons) == 1
    assert host.far.bucket in reasons[0]
    host.far.proxy.mend()
    host.neffcache("flush", "--refused", "--timeout", "60")
    assert host.arrived("a")


def test_a_login_that_is_not_taken_keeps_what_waits(host: Sending) -> None:
    host.queue("a")
    headers = {"WWW-Authenticate": 'Basic realm="r"'}
    host.far.proxy.fault(times=None, status=401, body=body("UNAUTHORIZED"), headers=headers)
    assert "log" in host.fail()
    assert host.dead() == []
    host.far.proxy.mend()
    assert host.flush().left == []
    assert host.arrived("a")


def test_a_look_up_without_a_login_says_what_to_do(look: Look) -> None:
    headers = {"WWW-Authenticate": 'Basic realm="r"'}
    look.far.proxy.fault(times=None, status=401, body=body("UNAUTHORIZED"), headers=headers)
    told = look.compiled()
    assert told.startswith(FAILED)
    assert "log" in told


def test_an_unknown_repository_has_no_entry(look: Look) -> None:
    """A registry says the same of one that is empty: it is no failure."""
    look.far.proxy.fault("/manifests/", times=None, status=404, body=body("NAME_UNKNOWN"))
    assert look.compiled() == "remote_absent"


def test_a_404_of_somebody_else_is_no_absence(look: Look) -> None:
    look.far.proxy.fault("/manifests/", times=None, status=404, body=b"<html>Not here</html>")
    assert look.compiled().startswith(FAILED)
