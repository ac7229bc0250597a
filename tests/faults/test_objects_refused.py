"""Faults: stores that refuse for a clock, a token or a right: what to do about it is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.far import Far, Made, leaks
from faults.looking import FAILED, Look
from faults.sending import Sending

SECRET_BACK = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE"
# kind, status, the store's word, what people are told to do. All of them pass by themselves, or
# by what people do: nothing that waits is ever given up for them.
PASSING = [
    ("s3", 403, "RequestTimeTooSkewed", "set the clock"),
    ("s3", 400, "ExpiredToken", "renew"),
    ("s3", 403, "SignatureDoesNotMatch", "correct them"),
    ("s3", 403, "InvalidAccessKeyId", "correct them"),
    ("s3", 301, "PermanentRedirect", "region"),
    ("az", 403, "AuthenticationFailed", "correct them"),
    ("az", 401, "InvalidAuthenticationInfo", "correct them"),
    ("az", 503, "ServerBusy", "fewer requests"),
    ("gs", 403, "RequestTimeTooSkewed", "set the clock"),
    ("gs", 401, "AuthenticationRequired", "correct them"),
]
FINAL = [
    ("s3", 403, "AccessDenied", "s3:PutObject"),
    ("az", 403, "AuthorizationPermissionMismatch", "Storage Blob Data Contributor"),
    ("gs", 403, "AccessDenied", "storage.objects.create"),
]


def body(code: str) -> bytes:
    """An answer as stores give it, with more in it than anybody may repeat."""
    return (
        f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message>"
        f"<StringToSign>{SECRET_BACK}</StringToSign></Error>"
    ).encode()


@pytest.fixture
def host(tmp_path: Path, far: Far) -> Iterator[Sending]:
    made = Sending(tmp_path, far)
    yield made
    made.end()


@pytest.mark.parametrize(("far", "status", "code", "remedy"), PASSING, indirect=["far"])
def test_a_look_up_that_is_refused_says_what_to_do(
    look: Look, status: int, code: str, remedy: str
) -> None:
    look.far.proxy.fault(times=None, status=status, body=body(code))
    told = look.compiled()
    assert told.startswith(FAILED)
    assert code in told or "another region" in told
    assert remedy in told
    assert SECRET_BACK not in told


@pytest.mark.parametrize(("far", "status", "code", "remedy"), PASSING, indirect=["far"])
def test_what_passes_keeps_what_waits(host: Sending, status: int, code: str, remedy: str) -> None:
    host.queue("a")
    host.far.proxy.fault(times=None, status=status, body=body(code))
    reason = host.fail()
    assert remedy in reason
    assert SECRET_BACK not in reason
    assert host.dead() == []
    host.far.proxy.mend()
    assert host.flush().left == []
    assert host.arrived("a")


@pytest.mark.parametrize(("far", "status", "code", "right"), FINAL, indirect=["far"])
def test_what_we_may_not_write_is_set_aside_with_the_right_it_needs(
    host: Sending, status: int, code: str, right: str
) -> None:
    host.queue("a")
    host.far.proxy.fault(method="P.*", times=None, status=status, body=body(code))
    host.flush(None)
    ((_url, reason),) = host.dead()
    assert right in reason
    assert leaks(host.path, host.far, reason) == []


@pytest.mark.parametrize(("far", "status", "code", "right"), FINAL, indirect=["far"])
def test_what_we_may_not_read_is_no_absence(
    look: Look, status: int, code: str, right: str, made: Made
) -> None:
    assert right
    look.far.proxy.fault(times=None, status=status, body=body(code))
    told = look.compiled()
    assert told.startswith(FAILED)
    assert "not permitted" in told
    assert look.far.holds(made.key) == made.tar
