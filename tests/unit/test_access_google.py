"""Unit: who we are at Google Cloud Storage: application default credentials."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neffcache.errors import RemoteError
from neffcache.objects import google
from servers.metadata import Cloud, Said
from signing import HIDDEN, find, given

URL = "gs://bucket/x"
SERVICE = json.dumps(
    {"type": "service_account", "client_email": "neff@example", "private_key": HIDDEN}
)


def login(cloud: Cloud) -> str:
    """What a login of gcloud leaves, bound to this server."""
    told = {
        "type": "authorized_user",
        "client_id": "client",
        "client_secret": "shared",
        "refresh_token": HIDDEN,
        "token_uri": f"{cloud.url}/token",
    }
    return json.dumps(told)


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_a_service_account_in_a_named_variable(tmp_path: Path) -> None:
    more = {"TOK": SERVICE, "GOOGLE_SERVICE_ACCOUNT_KEY": "another"}
    found = find(f"{URL}?credential=env:TOK", tmp_path, **more)
    assert found.settings == {"service_account_key": SERVICE}
    assert (found.identity, found.provider) == ("service account neff@example", None)


@pytest.mark.parametrize(
    "name",
    ["GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH"],
)
def test_a_service_account_in_a_file(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "key.json", SERVICE)
    assert find(URL, tmp_path, **{name: path}).settings == {"service_account_key": SERVICE}


def test_a_service_account_in_a_variable(tmp_path: Path) -> None:
    found = find(URL, tmp_path, GOOGLE_SERVICE_ACCOUNT_KEY=SERVICE)
    assert found.settings == {"service_account_key": SERVICE}


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_login_of_gcloud(elsewhere: bool, tmp_path: Path, cloud: Cloud) -> None:
    place = tmp_path / ("elsewhere" if elsewhere else ".config/gcloud")
    write(place / "application_default_credentials.json", login(cloud))
    more = {"CLOUDSDK_CONFIG": str(place)} if elsewhere else {}
    found = find(URL, tmp_path, **more)
    assert given(found) == {"token": cloud.token}
    assert found.identity == "login of gcloud"
    assert cloud.asked[0].form["refresh_token"] == HIDDEN


def test_a_login_that_ran_out_is_told(tmp_path: Path, cloud: Cloud) -> None:
    cloud.instead["/token"] = Said(400, {"error": "invalid_grant", "more": HIDDEN})
    path = write(tmp_path / "login", login(cloud))
    with pytest.raises(RemoteError, match=r"400 \(invalid_grant\)") as caught:
        find(URL, tmp_path, GOOGLE_APPLICATION_CREDENTIALS=path)
    assert HIDDEN not in str(caught.value)
    assert "gcloud auth application-default login" in caught.value.remedy


def test_a_login_s_token_is_renewed(tmp_path: Path, cloud: Cloud) -> None:
    cloud.lasts = 0
    path = write(tmp_path / "login", login(cloud))
    found = find(URL, tmp_path, GOOGLE_APPLICATION_CREDENTIALS=path)
    cloud.token = "second"
    assert given(found) == {"token": "second"}


def federation(cloud: Cloud, source: dict[str, object], account: str = "") -> str:
    """The configuration of a federation, bound to this server."""
    told = {
        "type": "external_account",
        "audience": "pool",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{cloud.url}/v1/token",
        "credential_source": source,
    }
    if account:
        told["service_account_impersonation_url"] = f"{cloud.url}/v1/{account}:generateAccessToken"
    return json.dumps(told)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("other-token", {}),
        (
            '{"id": "other-token"}',
            {"format": {"type": "json", "subject_token_field_name": "id"}},
        ),
    ],
)
@pytest.mark.parametrize("at", ["file", "url"])
def test_a_federation(
    at: str, text: str, shape: dict[str, object], tmp_path: Path, cloud: Cloud
) -> None:
    cloud.instead["/other"] = Said(200, text)
    place = write(tmp_path / "other", text) if at == "file" else f"{cloud.url}/other"
    source = {at: place, **shape}
    path = write(tmp_path / "configuration", federation(cloud, source))
    found = find(URL, tmp_path, GOOGLE_APPLICATION_CREDENTIALS=path)
    assert given(found) == {"token": cloud.token}
    assert found.identity == "workload identity federation"
    assert cloud.asked[-1].form["subject_token"] == "other-token"
    assert cloud.asked[-1].form["audience"] == "pool"


def test_a_federation_that_acts_as_an_account(tmp_path: Path, cloud: Cloud) -> None:
    source: dict[str, object] = {"file": write(tmp_path / "other", "other-token")}
    path = write(tmp_path / "configuration", federation(cloud, source, "neff@example"))
    found = find(URL, tmp_path, GOOGLE_APPLICATION_CREDENTIALS=path)
    assert given(found) == {"token": f"{cloud.token} of the account"}
    assert found.identity == "service account neff@example by impersonation"


def test_a_login_that_acts_as_an_account(tmp_path: Path, cloud: Cloud) -> None:
    told = {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": f"{cloud.url}/v1/neff@example:generateAccessToken",
        "source_credentials": json.loads(login(cloud)),
    }
    found = find(f"{URL}?credential=env:TOK", tmp_path, TOK=json.dumps(told))
    assert given(found) == {"token": f"{cloud.token} of the account"}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "neither a file nor an address"),
        ({"environment_id": "aws1", "url": "http://127.0.0.1:9"}, "by a role of AWS"),
        ({"file": "/gone"}, "the other token of the federation cannot be read"),
        ({"url": "http://127.0.0.1:9"}, "no token of 127.0.0.1:9: it cannot be asked"),
    ],
)
def test_a_federation_that_cannot_be_is_told(
    source: dict[str, object], message: str, tmp_path: Path, cloud: Cloud
) -> None:
    with pytest.raises(RemoteError, match=message):
        find(f"{URL}?credential=env:TOK", tmp_path, TOK=federation(cloud, source))
    assert cloud.asked == []


def test_who_may_not_act_as_the_account_is_told(tmp_path: Path, cloud: Cloud) -> None:
    source: dict[str, object] = {"file": write(tmp_path / "other", "other-token")}
    cloud.instead["/v1/neff:generateAccessToken"] = Said(403, HIDDEN)
    with pytest.raises(RemoteError, match="serviceAccountTokenCreator") as caught:
        find(f"{URL}?credential=env:TOK", tmp_path, TOK=federation(cloud, source, "neff"))
    assert HIDDEN not in str(caught.value)


def test_a_machine_s_service_account(tmp_path: Path, cloud: Cloud) -> None:
    found = find(URL, tmp_path, **cloud.pins())
    assert given(found) == {"token": cloud.token}
    assert found.identity == f"machine's service account via 127.0.0.1:{cloud.port}"


def test_another_cloud_s_metadata_are_not_believed(tmp_path: Path, cloud: Cloud) -> None:
    path = "/computeMetadata/v1/instance/service-accounts/default/token"
    cloud.instead[path] = Said(200, {"access_token": "T"})
    with pytest.raises(RemoteError, match="no machine's metadata of Google"):
        find(URL, tmp_path, **cloud.pins())


def test_a_machine_that_may_not_be_asked_is_not(tmp_path: Path, cloud: Cloud) -> None:
    with pytest.raises(RemoteError, match="NO_GCE_CHECK is set"):
        find(URL, tmp_path, **cloud.pins(), NO_GCE_CHECK="true")
    assert cloud.asked == []


@pytest.mark.parametrize("named", ["127.0.0.1:1", "http://127.0.0.1:1/"])
def test_an_emulator_asks_for_nobody(named: str, tmp_path: Path) -> None:
    found = find(URL, tmp_path, STORAGE_EMULATOR_HOST=named)
    assert (found.identity, found.endpoint) == ("anonymous", "http://127.0.0.1:1")


def test_an_emulator_never_sees_the_token_of_a_login(tmp_path: Path, cloud: Cloud) -> None:
    path = write(tmp_path / "login", login(cloud))
    found = find(
        URL, tmp_path, STORAGE_EMULATOR_HOST="127.0.0.1:1", GOOGLE_APPLICATION_CREDENTIALS=path
    )
    assert found.identity == "anonymous"
    assert cloud.asked == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type": "external_thing"}', "of the kind external_thing"),
        ('{"type": "service_account"}', "lacks its private_key"),
        (f'{{"type": "{HIDDEN}!"}}', "holds no credentials of Google"),
        (HIDDEN, "holds no credentials of Google"),
    ],
)
def test_a_file_of_another_kind_is_told(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "key.json", text)
    with pytest.raises(RemoteError, match=message) as caught:
        find(URL, tmp_path, GOOGLE_APPLICATION_CREDENTIALS=path)
    assert caught.value.what.startswith("the file of GOOGLE_APPLICATION_CREDENTIALS")
    assert HIDDEN not in str(caught.value)


def test_a_variable_that_holds_a_path_is_told_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match=r"env:K holds no credentials of Google; .*JSON itself"):
        find(f"{URL}?credential=env:K", tmp_path, K="/etc/key.json")


def test_a_file_that_is_not_there_is_told(tmp_path: Path, cloud: Cloud) -> None:
    with pytest.raises(RemoteError, match=r"CREDENTIALS cannot be read .*; correct where"):
        find(URL, tmp_path, **cloud.pins(), GOOGLE_APPLICATION_CREDENTIALS="/gone")
    assert cloud.asked == []


def test_the_metadata_s_own_address_is_the_cloud_s() -> None:
    assert google.Machine({}).identity == "machine's service account via 169.254.169.254"
