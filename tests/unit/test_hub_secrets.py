"""What a Hub sends us to or says: no token goes astray, and no message repeats a secret."""

from __future__ import annotations

import pytest

from hub.peer import Peer
from hubs import WRITER, variables
from neffcache import remote, targets
from neffcache.errors import NeffcacheError, RemoteError, SettingError
from neffcache.hub import answers, client
from neffcache.hub.answers import Answer
from neffcache.hub.client import Client

SECRET = "hf_aSecretThatNobodyIsToSee"


@pytest.fixture(autouse=True)
def _prepared() -> None:
    client.prepare(variables())


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example:81\\@127.0.0.1:{port}/",  # one library reads this host, one that
        "http://evil.example\\@127.0.0.1:{port}/",
        "http://evil.example\t@127.0.0.1:{port}/",
        "http://evil.example#@127.0.0.1:{port}/",
        "http://alice@127.0.0.1:{port}/",
        "http:\\\\127.0.0.1:{port}/",
    ],
)
def test_a_host_that_can_be_read_in_two_ways_is_none(hub: Peer, url: str) -> None:
    with pytest.raises(RemoteError):
        client.origin(url.format(port=hub.url.rpartition(":")[2]))


@pytest.mark.parametrize("url", ["http://h/a@b", "http://h?a=b@c\\d", "https://[::1]:80/x\\y@z"])
def test_behind_the_host_everything_may_stand(url: str) -> None:
    assert client.origin(url)[0].startswith("http")


def test_a_password_in_a_redirect_is_in_no_message(hub: Peer) -> None:
    away = hub.nowhere.replace("://", "://alice:the-password@")
    hub.fault("^/moved", status=302, headers={"Location": f"{away}/x?sig=the-signature"})
    with pytest.raises(RemoteError) as caught:
        Client(hub.url, WRITER, 5.0).call("GET", "/moved")
    assert "the-" not in str(caught.value)


@pytest.mark.parametrize(
    "said",
    [
        f"Invalid token {SECRET} for alice",
        f"Authorization: Bearer {SECRET[3:]} is not valid",
        f'{{"headers": {{"Authorization":"Bearer {SECRET[3:]}"}}}}',
        f"Proxy-Authorization: Basic {SECRET[3:]}=",
        f"see https://cdn.example/lfs/1?X-Amz-Signature={SECRET[3:]}&x=1",
    ],
)
@pytest.mark.parametrize("status", [401, 403, 422, 429, 500])
def test_what_the_hub_repeats_of_a_secret_is_in_no_message(said: str, status: int) -> None:
    answer = Answer(status, {"x-error-message": said}, authorized=True)
    assert SECRET[3:] not in str(answers.failure(answer, "alice/cache"))


def test_what_is_no_secret_is_said_as_it_is() -> None:
    said = "Too many commits (see https://hub.example/docs), retry in 43 minutes"
    assert Answer(403, {"x-error-message": said}).message == said


def test_a_password_in_the_place_of_a_repository_is_in_no_message() -> None:
    with pytest.raises(NeffcacheError) as caught:
        targets.repository(f"alice:{SECRET}@hub.example/cache", "CUSTOM_CACHE_REPO", {})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("sign", ["@", "%40"])
def test_an_endpoint_with_a_password_is_refused_however_it_is_spelt(sign: str) -> None:
    with pytest.raises(SettingError) as caught:
        remote.parse(f"hf://alice/cache?endpoint=https://alice:{SECRET}{sign}hub.example")
    assert SECRET not in str(caught.value)


def test_an_endpoint_with_a_password_in_the_environment_is_asked_nothing(hub: Peer) -> None:
    named = hub.url.replace("://", f"://alice:{SECRET}@")
    with pytest.raises(SettingError) as caught:
        targets.endpoint({b"HF_ENDPOINT": named.encode()})
    assert SECRET not in str(caught.value)
    spec = remote.parse("hf://alice/cache")  # queued when nothing was bound to a Hub yet
    with pytest.raises(RemoteError) as refused:
        client.open_client(spec, {**variables(), b"HF_ENDPOINT": named.encode()})
    assert SECRET not in str(refused.value)
    assert hub.requests() == []
