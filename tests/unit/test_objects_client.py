"""Unit: how a bucket is opened: address, certificates, what has to be installed, time limits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import tls
from neffcache import remote
from neffcache.errors import RemoteError
from neffcache.objects import access
from neffcache.objects.client import Client
from neffcache.remotes.objects import ObjectRemote
from servers.faulty import Faulty
from servers.gcs import Gcs
from servers.moto import Moto

KEYS = {b"AWS_ACCESS_KEY_ID": b"AKIAEXAMPLE1234", b"AWS_SECRET_ACCESS_KEY": b"hush-hush"}
AZURE = {b"AZURE_STORAGE_KEY": b"aHVzaA=="}
NAME = "neffcache/v1/ab/abc/entry"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("s3://team", "team.s3.us-east-1.amazonaws.com"),
        ("s3://team?region=eu-north-1", "team.s3.eu-north-1.amazonaws.com"),
        ("s3://team?region=cn-north-1", "team.s3.cn-north-1.amazonaws.com.cn"),
        ("s3://team.of.dots", "s3.us-east-1.amazonaws.com"),
        ("s3://team?endpoint=https://store.example:9000", "store.example:9000"),
        ("az://acct/box", "acct.blob.core.windows.net"),
        ("az://acct/box?endpoint=https://acct.blob.example", "acct.blob.example"),
        ("gs://team?anonymous=1", "storage.googleapis.com"),
    ],
)
def test_the_host_that_answers_for_a_bucket(url: str, host: str) -> None:
    assert Client(remote.parse(url), {**KEYS, **AZURE}).place.host == host


def test_a_bucket_goes_by_its_name_before_messages_and_no_key_does() -> None:
    opened = ObjectRemote(remote.parse("s3://team/x"), KEYS)
    assert opened.identity() == "key AKIA…1234"


def test_without_obstore_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "obstore")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(RemoteError, match=r"obstore is not installed; pip install 'neffcache\[obj"):
        ObjectRemote(remote.parse("s3://team"), KEYS)


@pytest.fixture
def secure(moto: Moto, tmp_path: Path) -> Iterator[tuple[Faulty, Path]]:
    """A store over TLS, and the certificate of its authority."""
    made = tls.make(tmp_path)
    with Faulty(moto.url, tls=made.server()) as proxy:
        yield proxy, made.authority


def test_a_private_authority_is_trusted_when_it_is_named(
    moto: Moto, secure: tuple[Faulty, Path]
) -> None:
    proxy, authority = secure
    url = f"s3://{moto.bucket()}?endpoint={proxy.url}"
    assert ObjectRemote(remote.parse(f"{url}&ca={authority}"), KEYS).exists([NAME]) == set()
    named = {**KEYS, b"AWS_CA_BUNDLE": str(authority).encode()}
    assert ObjectRemote(remote.parse(url), named).exists([NAME]) == set()


def test_an_authority_that_nobody_named_is_not_trusted(
    moto: Moto, secure: tuple[Faulty, Path]
) -> None:
    url = f"s3://{moto.bucket()}?endpoint={secure[0].url}"
    with pytest.raises(RemoteError, match="no trusted TLS connection; name its CA"):
        ObjectRemote(remote.parse(url), KEYS).exists([NAME])


@pytest.mark.parametrize("text", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nAA"])
def test_a_file_of_certificates_that_is_none_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(RemoteError, match="ca="):
        ObjectRemote(remote.parse(f"s3://team?ca={path}"), KEYS).exists([NAME])


def test_who_never_answers_is_given_up_after_few_tries(moto: Moto) -> None:
    with Faulty(moto.url) as proxy:
        proxy.fault(silence=True, times=None)
        url = f"s3://{moto.bucket()}?endpoint={proxy.url}"
        opened = ObjectRemote(remote.parse(url), {**KEYS, b"NEFFCACHE_REMOTE_TIMEOUT": b"0.3"})
        with pytest.raises(RemoteError, match="no answer in time"):
            opened.exists([NAME])
        assert len(proxy.requests()) <= 3


def test_variables_of_this_process_do_not_mix_with_what_was_asked_for(
    moto: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "somebody-elses")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    with Faulty(moto.url) as proxy:
        url = f"s3://{moto.bucket()}?endpoint={proxy.url}"
        assert ObjectRemote(remote.parse(url), KEYS).exists([NAME]) == set()
        (asked,) = proxy.requests()
    assert "AKIAEXAMPLE1234" in asked.headers["authorization"]
    assert "x-amz-security-token" not in asked.headers


def test_who_is_nobody_asks_no_machine_who_he_is(fakegcs: Gcs, tmp_path: Path) -> None:
    path = tmp_path / "source"
    path.write_bytes(b"data")
    with Faulty(fakegcs.url) as proxy:
        url = f"gs://{fakegcs.bucket()}?anonymous=1&endpoint={proxy.url}"
        assert ObjectRemote(remote.parse(url), {}).store(NAME, str(path), lambda _count: None)
        assert [one.method for one in proxy.requests()] == ["PUT"]


def test_why_a_credential_could_not_be_renewed_is_said(
    moto: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> dict[str, object]:
        raise RemoteError("the login has ended", "log in again")

    found = access.Access("somebody", {}, access.Provider(fail), moto.url)
    monkeypatch.setattr(access, "find", lambda _spec, _environ: found)
    opened = ObjectRemote(remote.parse(f"s3://{moto.bucket()}"), {})
    with pytest.raises(RemoteError) as caught:
        opened.exists([NAME])
    assert str(caught.value) == "the login has ended; log in again"
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (301, b"<Error><Code>PermanentRedirect</Code></Error>"),
        (400, b"<Error><Code>AuthorizationHeaderMalformed</Code></Error>"),
    ],
)
def test_a_bucket_of_another_region_is_told_as_that(moto: Moto, status: int, body: bytes) -> None:
    with Faulty(moto.url) as proxy:
        proxy.fault(status=status, body=body, times=None)
        opened = ObjectRemote(remote.parse(f"s3://{moto.bucket()}?endpoint={proxy.url}"), KEYS)
        with pytest.raises(RemoteError, match=r"another region.*region= in the URL"):
            opened.exists([NAME])
