"""Unit: credentials of object stores: what holds for every cloud."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from neffcache import remote
from neffcache.errors import RemoteError
from neffcache.objects import access, lasting, metadata
from servers.metadata import Cloud
from signing import HIDDEN, find, given, variables

URLS = ("s3://bucket/x", "az://account/container", "gs://bucket/x")


def credential(seconds: float | None, name: str = "one") -> dict[str, object]:
    """One that ends in so many seconds."""
    end = None if seconds is None else datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return {"token": name, "expires_at": end}


@pytest.mark.parametrize("url", URLS)
def test_anonymous_asks_nobody_and_signs_nothing(url: str, tmp_path: Path, cloud: Cloud) -> None:
    secrets = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": HIDDEN}
    found = find(f"{url}?anonymous=1", tmp_path, **secrets, **cloud.pins())
    assert (found.identity, found.provider) == ("anonymous", None)
    assert found.settings["skip_signature"] is True
    assert cloud.asked == []


@pytest.mark.parametrize("url", URLS)
def test_endpoint_of_the_url_wins(url: str, tmp_path: Path) -> None:
    others = {"AWS_ENDPOINT_URL": "http://other", "STORAGE_EMULATOR_HOST": "http://other"}
    found = find(f"{url}?anonymous=1&endpoint=http://127.0.0.1:1/", tmp_path, **others)
    assert found.endpoint == "http://127.0.0.1:1"


@pytest.mark.parametrize("url", URLS)
def test_a_credential_that_is_not_set_is_told_by_its_name(url: str, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="env:TOK is not set"):
        find(f"{url}?credential=env:TOK", tmp_path)


@pytest.mark.parametrize("url", URLS)
def test_a_credential_that_is_none_is_not_repeated(url: str, tmp_path: Path) -> None:
    with pytest.raises(RemoteError) as caught:
        find(f"{url}?credential=env:TOK", tmp_path, TOK=f"{HIDDEN}!")
    assert "env:TOK" in str(caught.value)
    assert HIDDEN not in str(caught.value)


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that each request for metadata has been allowed."""
    given: list[float] = []
    ask = metadata.ask

    def note(url: str, seconds: float, *more: Any) -> metadata.Answer:
        given.append(seconds)
        return ask(url, seconds, *more)

    monkeypatch.setattr(metadata, "ask", note)
    return given


@pytest.mark.parametrize("url", URLS)
def test_without_credentials_one_line_says_what_to_do(
    url: str, tmp_path: Path, cloud: Cloud, allowed: list[float]
) -> None:
    """Though the metadata's address takes the question and never answers it."""
    cloud.silent = True
    with pytest.raises(RemoteError) as caught:
        find(url, tmp_path, **cloud.pins())
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("no ")
    assert "is silent" in message
    assert "credential=env:NAME" in caught.value.remedy
    assert "anonymous=1" in caught.value.remedy
    assert len(cloud.asked) == 1
    assert sum(allowed) <= 1


@pytest.mark.parametrize("url", URLS)
def test_a_cloud_without_metadata_is_told(url: str, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="cannot be asked \\(Connection refused\\)"):
        find(url, tmp_path)


def test_a_provider_gives_what_was_just_got_first() -> None:
    asked = access.Provider(lambda: credential(None, "two"), credential(3600))
    assert asked()["token"] == "one"


def test_a_provider_asks_anew_when_the_last_has_run_out() -> None:
    asked = access.Provider(lambda: credential(3600, "two"), credential(0.5))
    assert asked()["token"] == "two"


def test_a_provider_that_fails_says_why() -> None:
    def fail() -> dict[str, object]:
        raise RemoteError("gone", "bring it back")

    asked = access.Provider(fail)
    with pytest.raises(RemoteError, match="gone"):
        asked()
    assert asked.failure is not None
    assert asked.failure.remedy == "bring it back"


def test_a_failure_is_forgotten_when_a_credential_comes() -> None:
    answers = [credential(3600)]

    def ask() -> dict[str, object]:
        if asked.failure is None:
            raise RemoteError("gone")
        return answers[0]

    asked = access.Provider(ask)
    with pytest.raises(RemoteError):
        asked()
    assert asked() == answers[0]
    assert asked.failure is None


def test_what_still_holds_outlasts_a_failed_renewal(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> dict[str, object]:
        asks.append(1)
        raise RemoteError("gone")

    asks: list[int] = []
    asked = access.Provider(fail, credential(60))
    monkeypatch.setattr(access, "_SPACING", 0.0)
    assert asked()["token"] == "one"
    assert (asks, asked.failure) == ([1], None)


def test_variables_of_this_process_are_away_while_obstore_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", HIDDEN)
    monkeypatch.setenv("AWS_SERVER_SIDE_ENCRYPTION", "AES256")
    with access.hidden():
        assert "AWS_SESSION_TOKEN" not in os.environ
        assert os.environ["AWS_SERVER_SIDE_ENCRYPTION"] == "AES256"
    assert os.environ["AWS_SESSION_TOKEN"] == HIDDEN


def test_a_login_that_obstore_does_not_know_does_not_stop_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from obstore.store import GCSStore

    login = tmp_path / ".config/gcloud/application_default_credentials.json"
    login.parent.mkdir(parents=True)
    login.write_text('{"type": "external_account"}')
    monkeypatch.setenv("HOME", str(tmp_path))
    with access.hidden():
        assert GCSStore("bucket", skip_signature=True) is not None


@pytest.mark.parametrize(
    ("scheme", "one", "other"),
    [
        ("s3", {"AWS_ACCESS_KEY_ID": "A"}, {"AWS_ACCESS_KEY_ID": "B"}),
        ("s3", {"AWS_PROFILE": "dev"}, {"AWS_PROFILE": "prod"}),
        ("s3", {"AWS_PROFILE": "dev"}, {"AWS_ROLE_ARN": "dev"}),
        ("az", {"AZURE_STORAGE_KEY": "A"}, {"AZURE_STORAGE_KEY": "B"}),
        ("az", {"AZURE_CLIENT_ID": "A"}, {"AZURE_CLIENT_ID": "B"}),
        (
            "gs",
            {"GOOGLE_APPLICATION_CREDENTIALS": "/a"},
            {"GOOGLE_APPLICATION_CREDENTIALS": "/b"},
        ),
    ],
)
def test_users_are_told_from_each_other(
    scheme: str, one: dict[str, str], other: dict[str, str], tmp_path: Path
) -> None:
    first = lasting.secret(scheme, variables(tmp_path, **one))
    second = lasting.secret(scheme, variables(tmp_path, **other))
    assert len({first, second, b""}) == 3


@pytest.mark.parametrize(
    ("scheme", "renewed"),
    [
        ("s3", {"AWS_ACCESS_KEY_ID": "ASIAX", "AWS_SECRET_ACCESS_KEY": "S"}),
        ("s3", {"AWS_ACCESS_KEY_ID": "AKIAX", "AWS_SESSION_TOKEN": "T"}),
        ("az", {"AZURE_STORAGE_SAS_TOKEN": "sv=1&sig=x"}),
        ("az", {"AZURE_STORAGE_CONNECTION_STRING": "SharedAccessSignature=sv=1&sig=x"}),
        ("gs", {}),
    ],
)
def test_what_is_renewed_tells_nobody(scheme: str, renewed: dict[str, str], tmp_path: Path) -> None:
    assert lasting.secret(scheme, variables(tmp_path, **renewed)) == b""


def test_a_secret_never_stands_in_the_remote_s_text(tmp_path: Path) -> None:
    url = "s3://bucket/x?credential=env:TOK"
    found = find(url, tmp_path, TOK=f"AKIAEXAMPLEKEYNAME:{HIDDEN}")
    assert given(found)["secret_access_key"] == HIDDEN
    assert found.identity == "key AKIA…NAME"
    assert HIDDEN not in remote.parse(url).text()
