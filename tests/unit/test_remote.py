"""Remote URLs: what is understood, what is refused with a remedy, and that no secret is printed."""

from __future__ import annotations

import pytest

from neffcache import remote
from neffcache.errors import RemoteError, SettingError

SECRET = "hunter2"


def test_a_url_becomes_a_spec() -> None:
    spec = remote.parse("file:///mnt//cache/?mode=wo&credential=env:TOK")
    assert (spec.scheme, spec.location, spec.mode) == ("file", "/mnt/cache", "wo")
    assert (spec.credential, spec.url) == ("env:TOK", "file:///mnt/cache")
    assert (spec.reads, spec.writes) == (False, True)


@pytest.mark.parametrize(
    ("query", "reads", "writes"),
    [("", True, True), ("?mode=rw", True, True), ("?mode=ro", True, False)],
)
def test_modes(query: str, reads: bool, writes: bool) -> None:
    spec = remote.parse("file:///mnt/cache" + query)
    assert (spec.reads, spec.writes) == (reads, writes)


def test_text_opens_the_same_remote_whatever_the_mode() -> None:
    spec = remote.parse("file:///mnt/cache?credential=env:TOK&mode=ro")
    assert spec.text() == "file:///mnt/cache?credential=env:TOK"
    assert remote.parse(spec.text()).text() == spec.text()


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("ftp://host/x", "unknown scheme", "known are az://"),
        ("/mnt/cache", "not a URL", "file://"),
        ("file://mnt/cache", "not absolute", "three slashes"),
        ("file:///", "not absolute", "three slashes"),
        ("file://", "not absolute", "three slashes"),
        ("file:///mnt/../x", "dots", "write the path out"),
        ("file:///mnt/%00", "dots", "write the path out"),
        ("file:///mnt?mode=no", "mode", "ro, rw, wo"),
        ("file:///mnt?mode=", "mode", "ro, rw, wo"),
        ("file:///mnt?mode=ro&mode=rw", "twice", "remove one"),
        ("file:///mnt?color=red", "unknown option color", "known are mode, credential"),
        (f"file:///mnt?credential={SECRET}", "not a source", "credential=env:NAME"),
        (f"file:///mnt?sig={SECRET}", "unknown option sig", "credential=env:NAME"),
        (f"file://user:{SECRET}@host/mnt", "user or password", "credential=env:NAME"),
        (f"s3://user:{SECRET}@bucket", "user or password", "credential=env:NAME"),
        (f"s3://user:{SECRET}/part@bucket/x", "user or password", "credential=env:NAME"),
        (f"s3://bucket#{SECRET}", "bucket's name", "s3://bucket/prefix"),
        ("gs://x", "bucket's name", "gs://bucket/prefix"),
        ("s3://bucket?region=", "its region", "us-east-1"),
        ("https://acct.blob.core.windows.net", "container's name", "az://account/container"),
        ("oci://registry", "names no repository", "oci://registry/repository"),
        ("oci://registry/Team", "repository's name", "small letters"),
        ("oci://registry/team?mount=UP:x", "mount's name", "small letters"),
        (f"nfs://bucket#{SECRET}", "unknown scheme", "file://"),
        (f"s3://bucket?{SECRET}", "unknown option ***", "credential=env:NAME"),
        (f"s3://bucket?{SECRET}==", "unknown option ***", "credential=env:NAME"),
        (f"az://account/c?endpoint=https://h/c?sig={SECRET}", "its endpoint", "a variable"),
        (f"oci://h/c?mirror=https://h/%3Fsig={SECRET}", "its mirror", "a variable"),
    ],
)
def test_malformed_is_one_line_with_setting_and_remedy(
    text: str, problem: str, remedy: str
) -> None:
    with pytest.raises(SettingError) as caught:
        remote.parse(text)
    message = str(caught.value)
    assert message.startswith("NEFFCACHE_REMOTES: ")
    assert problem in message
    assert remedy in message
    assert SECRET not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("file:///mnt/a@b#c?mode=ro", "file:///mnt/a@b#c?mode=ro"),
        (f"s3://k:{SECRET}@bucket/x?mode=ro&sig={SECRET}", "s3://bucket/x?mode=ro&sig=***"),
        (f"az://account/c?{SECRET}", "az://account/c?***"),
        (f"k:{SECRET}@host/x", "host/x"),
        (f"file:///m?credential={SECRET}&mode={SECRET}", "file:///m?credential=***&mode=***"),
        (f"az://account/c?endpoint=https://h/?sig={SECRET}", "az://account/c?endpoint=***"),
        ("s3://bucket?endpoint=http://h:9000/x", "s3://bucket?endpoint=http://h:9000/x"),
        ("hf://org/repo@main", "hf://org/repo@main"),
        ("oci://host:5000/repo@sha256:12", "oci://host:5000/repo@sha256:12"),
    ],
)
def test_shown_keeps_what_is_no_secret(text: str, shown: str) -> None:
    assert remote.shown(text) == shown


def test_one_place_twice_is_an_error() -> None:
    with pytest.raises(SettingError, match="twice"):
        remote.specs(("file:///a", "file:///b", "file:///a/?mode=ro"))


def test_one_place_may_be_read_and_written_separately() -> None:
    both = remote.specs(("file:///a?mode=ro", "file:///a?mode=wo&credential=env:TOK"))
    assert [spec.mode for spec in both] == ["ro", "wo"]


def test_a_missing_credential_closes_the_remote() -> None:
    spec = remote.parse("file:///tmp/absent?credential=env:TOK")
    with pytest.raises(RemoteError, match="env:TOK is not set"):
        remote.open_remote(spec, {b"TOK": b""})
    opened = remote.open_remote(spec, {b"TOK": b"x"})
    assert opened.exists(["x"]) == set()


def test_what_is_not_installed_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    row = ("neffcache_absent.remote:Class", "pip install 'neffcache[x]'", ())
    monkeypatch.setitem(remote.SCHEMES, "file", row)
    with pytest.raises(RemoteError, match=r"needs what is not there.*pip install"):
        remote.open_remote(remote.parse("file:///somewhere"), {})


def test_percent_encoding_names_odd_paths() -> None:
    assert remote.unquote("/a%20b%2Cc%3fd%zz%") == "/a b,c?d%zz%"
    assert remote.unquote("/%ff") == "/\udcff"
