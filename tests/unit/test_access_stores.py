"""Unit: stores that look at who asks take what we find, and take its successor in mid-upload."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from neffcache import remote
from neffcache.errors import RefusedError, RemoteError
from neffcache.remotes.objects import ObjectRemote
from servers import metadata, shared
from servers import moto as moto_server
from servers.azurite import Azurite
from servers.gcs import Gcs
from servers.metadata import AGENT_TOKEN, Cloud
from servers.moto import Moto
from servers.users import Users
from signing import HIDDEN, variables
from waiting import until

LARGE = 80 << 20
BUNDLE = "neffcache/v1/ab/abc/" + "a" * 64 + ".tar"
# What is given out holds for so long: some of it is over before the next is asked for.
SHORT = 3.0


class Guarded:
    """An S3 that lets in whom it knows.

    Attributes:
        keys: a pair that it knows; bucket: one that is there.
    """

    def __init__(self, server: Moto) -> None:
        self.server = server
        self.bucket = server.bucket()
        self.users = Users(server)
        self.keys = self.users.add()
        self.url = server.remote(self.bucket)


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    with shared.or_skip(moto_server.start()) as server:
        yield Guarded(server)


def opened(url: str, home: Path, **more: str) -> ObjectRemote:
    return ObjectRemote(remote.parse(url), variables(home, **more))


def may_write(url: str, home: Path, **more: str) -> bool:
    """Whether the probe stands there afterwards."""
    made = opened(url, home, **more)
    made.try_write()
    return made.exists(["neffcache/v1/probe"]) == {"neffcache/v1/probe"}


def upload(made: ObjectRemote, home: Path, change: Callable[[], None]) -> bool:
    """Store something large; when the first of it is on its way, something changes."""
    path = home / "large"
    with path.open("wb") as file:
        file.truncate(LARGE)
    counts: list[int] = []

    def progress(count: int) -> None:
        if count and not counts:
            counts.append(count)
            change()

    stored = made.store(BUNDLE, str(path), progress)
    # Even behind the last byte: what publishes them is asked for after that.
    assert 0 < counts[0] <= LARGE
    return stored and made.exists([BUNDLE]) == {BUNDLE}


@pytest.mark.parametrize("source", ["variables", "named", "profile", "web", "agent", "instance"])
def test_s3_takes_keys_wherever_they_come_from(
    source: str, guarded: Guarded, tmp_path: Path, cloud: Cloud
) -> None:
    name, secret = guarded.keys
    cloud.keys = (name, secret, "")
    token = tmp_path / "token"
    token.write_text("pod")
    lines = f"[profile dev]\naws_access_key_id={name}\naws_secret_access_key={secret}\n"
    (tmp_path / "config").write_text(lines)
    more = {
        "variables": {"AWS_ACCESS_KEY_ID": name, "AWS_SECRET_ACCESS_KEY": secret},
        "named": {"TOK": f"{name}:{secret}"},
        "profile": {"AWS_PROFILE": "dev", "AWS_CONFIG_FILE": f"{tmp_path}/config"},
        "web": {
            "AWS_ROLE_ARN": "arn:aws:iam::1:role/x",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
            "AWS_ENDPOINT_URL_STS": cloud.url,
        },
        "agent": {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{cloud.url}/agent",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": AGENT_TOKEN,
        },
        "instance": cloud.pins(),
    }[source]
    named = "&credential=env:TOK" if source == "named" else ""
    assert may_write(guarded.url + named, tmp_path, **more)


@pytest.mark.parametrize("keys", ["{name}:wrong", "AKIANOBODY:{secret}"])
def test_s3_with_wrong_keys_is_not_refused_for_good(
    keys: str, guarded: Guarded, tmp_path: Path
) -> None:
    """Who corrects them has lost nothing of what waits."""
    name, secret = guarded.keys
    text = keys.format(name=name, secret=secret)
    with pytest.raises(RemoteError) as caught:
        may_write(f"{guarded.url}&credential=env:TOK", tmp_path, TOK=text)
    assert not isinstance(caught.value, RefusedError)
    assert secret not in str(caught.value)


def test_a_session_of_this_process_is_not_mixed_with_named_keys(
    guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", HIDDEN)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    text = ":".join(guarded.keys)
    assert may_write(f"{guarded.url}&credential=env:TOK", tmp_path, TOK=text)


def test_an_s3_upload_goes_on_with_the_next_keys(
    guarded: Guarded, tmp_path: Path, cloud: Cloud
) -> None:
    first, second = guarded.users.add(), guarded.users.add()
    cloud.keys, cloud.lasts = (*first, ""), SHORT
    made = opened(guarded.url, tmp_path, **cloud.pins())
    ended = time.monotonic() + SHORT

    def change() -> None:
        until(lambda: time.monotonic() > ended)
        cloud.keys = (*second, "")
        guarded.users.remove(first[0])

    assert upload(made, tmp_path, change)


def test_an_upload_whose_next_keys_cannot_be_had_says_why(
    guarded: Guarded, tmp_path: Path, cloud: Cloud
) -> None:
    first = guarded.users.add()
    cloud.keys, cloud.lasts = (*first, ""), SHORT
    made = opened(guarded.url, tmp_path, **cloud.pins())
    ended = time.monotonic() + SHORT

    def change() -> None:
        cloud.instead["/latest/api/token"] = metadata.Said(500)
        until(lambda: time.monotonic() > ended)

    with pytest.raises(RemoteError, match=r"gives no token \(500\)"):
        upload(made, tmp_path, change)


@pytest.mark.parametrize("source", ["key", "signature", "connection"])
def test_azure_takes_secrets(source: str, azurite: Azurite, tmp_path: Path) -> None:
    text = {
        "key": azurite.environ["AZURE_STORAGE_KEY"],
        "signature": azurite.sas(),
        "connection": azurite.connection_string,
    }[source]
    assert may_write(f"{azurite.remote()}&credential=env:TOK", tmp_path, TOK=text)


def test_azure_takes_a_connection_that_says_where(azurite: Azurite, tmp_path: Path) -> None:
    url = azurite.remote().partition("?")[0]
    more = {"AZURE_STORAGE_CONNECTION_STRING": azurite.connection_string}
    assert may_write(url, tmp_path, **more)


def test_azure_takes_the_token_of_az_login(secure_azurite: Azurite, tmp_path: Path) -> None:
    assert may_write(secure_azurite.remote(), tmp_path, **secure_azurite.login())


def test_an_azure_upload_goes_on_with_the_next_token(
    secure_azurite: Azurite, tmp_path: Path, cloud: Cloud
) -> None:
    """Azurite takes no token after its end."""
    cloud.token, cloud.lasts = secure_azurite.token(SHORT), SHORT
    made = opened(secure_azurite.remote(), tmp_path, **cloud.pins())
    ended = time.monotonic() + SHORT + 1

    def change() -> None:
        until(lambda: time.monotonic() > ended)
        cloud.token = secure_azurite.token()

    assert upload(made, tmp_path, change)


def test_google_takes_what_a_service_account_signs_itself(fakegcs: Gcs, tmp_path: Path) -> None:
    text = fakegcs.environ["GOOGLE_SERVICE_ACCOUNT_KEY"]
    assert may_write(f"{fakegcs.remote()}&credential=env:TOK", tmp_path, TOK=text)


def test_nobody_s_upload_asks_no_machine_who_it_is(
    fakegcs: Gcs, tmp_path: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself obstore would, for whatever changes something."""
    for name, text in cloud.pins().items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("GCE_METADATA_ROOT", f"127.0.0.1:{cloud.port}")
    assert may_write(f"{fakegcs.remote()}&anonymous=1", tmp_path)
    assert cloud.asked == []


def test_a_named_account_is_not_mixed_with_this_process_s(
    fakegcs: Gcs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", "/gone")
    text = fakegcs.environ["GOOGLE_SERVICE_ACCOUNT_KEY"]
    assert may_write(f"{fakegcs.remote()}&credential=env:TOK", tmp_path, TOK=text)


def test_google_takes_the_token_of_a_login(own_fakegcs: Gcs, tmp_path: Path, cloud: Cloud) -> None:
    path = tmp_path / "login.json"
    told = {"type": "authorized_user", "refresh_token": "R", "token_uri": f"{cloud.url}/token"}
    path.write_text(json.dumps(told))
    own_fakegcs.allow(cloud.token)
    more = {"GOOGLE_APPLICATION_CREDENTIALS": str(path)}
    assert may_write(own_fakegcs.remote(), tmp_path, **more)


def test_a_google_upload_goes_on_with_the_next_token(
    own_fakegcs: Gcs, tmp_path: Path, cloud: Cloud
) -> None:
    cloud.lasts = SHORT
    own_fakegcs.allow(cloud.token)
    made = opened(own_fakegcs.remote(), tmp_path, **cloud.pins())
    ended = time.monotonic() + SHORT

    def change() -> None:
        until(lambda: time.monotonic() > ended)
        cloud.token = "second"
        own_fakegcs.allow("second")

    assert upload(made, tmp_path, change)
