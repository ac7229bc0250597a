"""Unit: what obstore's exceptions mean: one line with the remedy, and nothing of their texts."""

from __future__ import annotations

import pytest

from neffcache.errors import RefusedError, RemoteError
from neffcache.objects import answers, failures
from neffcache.objects.failures import Place

SECRET = "sig=c2VjcmV0%2Fsignature"
PLACES = {
    "s3": Place("s3", "team", "team.s3.us-east-1.amazonaws.com"),
    "az": Place("az", "cache", "acct.blob.core.windows.net"),
    "gs": Place("gs", "team", "storage.googleapis.com"),
}


class Generic(Exception):
    """Stands for one of the library's."""


Generic.__module__ = "obstore.exceptions"


def answered(status: int, code: str = "", body: str | None = None) -> Generic:
    """As obstore words an answer."""
    said = f"<?xml?>\n<Error><Code>{code}</Code><Message>{SECRET}</Message></Error>"
    body = said if body is None else body
    return Generic(
        f"Generic S3 error: Error performing GET https://host/team/x?{SECRET} in 3.2ms - Server "
        f"returned non-2xx status code: {status} Some Words: {body}\n\nDebug source:\n"
        f"<Code>NoSuchKey</Code> {SECRET}"
    )


def meaning(error: Exception, scheme: str = "s3", *, writing: bool = False) -> BaseException:
    return answers.raised(PLACES[scheme], error, writing)


@pytest.mark.parametrize(
    ("scheme", "status", "code"),
    [("s3", 404, "NoSuchKey"), ("az", 404, "BlobNotFound"), ("gs", 404, "NoSuchKey")],
)
def test_what_is_absent_is_so_by_the_stores_own_word(scheme: str, status: int, code: str) -> None:
    assert isinstance(meaning(answered(status, code), scheme), answers.Absent)


def test_a_404_without_a_body_is_absence(  # the answer to a HEAD
) -> None:
    assert isinstance(meaning(answered(404, body="")), answers.Absent)


def test_a_404_of_something_else_is_no_absence() -> None:
    found = meaning(answered(404, body="<html>not found</html>"))
    assert isinstance(found, RemoteError)
    assert "does not answer like S3" in str(found)


@pytest.mark.parametrize("code", ["NoSuchBucket", "ContainerNotFound"])
def test_a_missing_bucket_is_no_absence_and_refuses_for_good(code: str) -> None:
    assert type(meaning(answered(404, code))) is RemoteError
    assert type(meaning(answered(404, code), writing=True)) is RefusedError


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "RequestTimeTooSkewed", "set the clock"),
        (400, "ExpiredToken", "expired"),
        (403, "RequestExpired", "expired"),
        (403, "SignatureDoesNotMatch", "not accepted"),
        (403, "InvalidAccessKeyId", "not accepted"),
        (403, "AuthenticationFailed", "not accepted"),
        (401, "", "not accepted"),
        (301, "PermanentRedirect", "region="),
        (400, "AuthorizationHeaderMalformed", "region="),
        (500, "InternalError", "answered 500 InternalError"),
        (403, "", "not permitted"),
        (409, "OperationAborted", "answered 409"),
    ],
)
def test_what_may_pass_or_be_mended_is_never_refused(status: int, code: str, said: str) -> None:
    for writing in (False, True):
        found = meaning(answered(status, code), writing=writing)
        assert isinstance(found, RemoteError)
        assert not isinstance(found, RefusedError)
        assert said in str(found)
        assert found.pause == 0


@pytest.mark.parametrize(
    ("status", "code"),
    [(429, ""), (429, "TooManyRequests"), (503, "SlowDown"), (503, "ServerBusy")],
)
def test_a_store_that_is_asked_too_often_states_a_pause(status: int, code: str) -> None:
    found = meaning(answered(status, code))
    assert isinstance(found, RemoteError)
    assert found.pause == failures.PAUSE


@pytest.mark.parametrize(
    ("scheme", "code", "right"),
    [
        ("s3", "AccessDenied", "s3:PutObject"),
        ("az", "AuthorizationPermissionMismatch", "Storage Blob Data Contributor"),
        ("gs", "AccessDenied", "storage.objects.create"),
    ],
)
def test_who_may_not_write_is_told_which_right_is_missing(
    scheme: str, code: str, right: str
) -> None:
    found = meaning(answered(403, code), scheme, writing=True)
    assert type(found) is RefusedError
    assert right in str(found)


@pytest.mark.parametrize(
    ("identity", "remedy"),
    [
        ("anonymous", "take anonymous=1 out"),
        ("SAS token of acct", "with the right to read"),
        ("account key of acct", "copy its key anew"),
        ("managed identity via 169.254.169.254", "Storage Blob Data Reader"),
    ],
)
def test_the_remedy_is_for_who_we_are(identity: str, remedy: str) -> None:
    place = Place("az", "cache", "acct.blob.core.windows.net", identity)
    found = answers.raised(place, answered(403, "AuthorizationFailure"))
    assert remedy in str(found)


def test_who_may_not_read_is_told_that_listing_is_needed_to_see_absence() -> None:
    found = meaning(answered(403, "AccessDenied"))
    assert type(found) is failures.Unreadable
    assert "s3:ListBucket" in str(found)


@pytest.mark.parametrize("status", [405, 413, 501])
def test_a_place_that_takes_no_uploads_refuses_for_good(status: int) -> None:
    assert type(meaning(answered(status, "X"), writing=True)) is RefusedError


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ('ConnectError("dns error", Custom', "does not resolve"),
        ("InvalidCertificate(UnknownIssuer)", "ca="),
        ('"Connection refused"', "connection refused"),
        ("kind: Timeout, source: TimedOut", "no answer in time"),
        ("source: IncompleteMessage", "broke off"),
        ("something unheard of", "no usable answer"),
    ],
)
def test_a_connection_that_does_not_work_is_named(words: str, said: str) -> None:
    found = meaning(Generic(f"Generic S3 error: https://host/x?{SECRET} - HTTP error {words}"))
    assert isinstance(found, RemoteError)
    assert said in str(found)
    assert "team.s3.us-east-1.amazonaws.com" in str(found)
    assert SECRET not in str(found)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 416, 429, 500, 503])
@pytest.mark.parametrize("code", ["", "AccessDenied", "SlowDown", "NoSuchBucket", "a b sig=1"])
def test_no_message_repeats_what_the_store_or_the_library_says(status: int, code: str) -> None:
    for scheme in PLACES:
        for writing in (False, True):
            text = str(meaning(answered(status, code), scheme, writing=writing))
            assert "sig" not in text
            assert "\n" not in text


def test_a_word_that_is_no_word_is_left_out() -> None:
    for code in ("x" * 65, "a<b>", "sig%3D", "ä"):
        assert answers.answer(str(answered(403, code))) == (403, "")


def test_the_words_below_the_librarys_first_line_count_for_nothing() -> None:
    assert answers.answer(str(answered(404, body="<html/>"))) == (404, "")
    assert answers.answer("no answer\n\nDebug source: status code: 404") == (0, "")


def test_what_is_not_the_librarys_is_given_back() -> None:
    for error in (OSError(28, "No space left"), FileNotFoundError(2, "gone"), KeyError("x")):
        assert meaning(error) is error
