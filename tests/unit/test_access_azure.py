"""Unit: who we are at Azure Blob: keys, signatures, identities, in the order of Azure's tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neffcache.errors import RemoteError
from neffcache.objects import entra
from servers.metadata import Cloud, Said
from signing import HIDDEN, find, given, variables

URL = "az://account/container"
KEY = "aHVudGVyMg=="
SIGNATURE = "sv=2024-01-01&sp=rw&sig=abc%2F"
CONNECTION = f"DefaultEndpointsProtocol=https;AccountName=account;AccountKey={KEY}"
PRINCIPAL = {"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client"}


def az(home: Path, says: str, *, logged_in: bool = True) -> dict[str, str]:
    """Variables of somebody who has the program az."""
    (home / "bin").mkdir(exist_ok=True)
    path = home / "bin" / "az"
    path.write_text(f'#!/bin/sh\necho "$*" >> {home}/asked\n{says}\n')
    path.chmod(0o755)
    (home / ".azure").mkdir(exist_ok=True)
    told = {"subscriptions": [{"id": "1"}] if logged_in else []}
    text = json.dumps(told)
    (home / ".azure" / "azureProfile.json").write_text("\ufeff" + text, encoding="utf-8")
    return {"PATH": f"{home}/bin:/usr/bin:/bin"}


def token(home: Path, text: str = "federated") -> dict[str, str]:
    """The variable of a pod with a workload identity."""
    path = home / "federated"
    path.write_text(text)
    return {"AZURE_FEDERATED_TOKEN_FILE": str(path)}


@pytest.mark.parametrize(
    ("text", "credential"),
    [
        (KEY, {"access_key": KEY}),
        (SIGNATURE, {"sas_token": SIGNATURE}),
        (f"?{SIGNATURE}", {"sas_token": SIGNATURE}),
        (CONNECTION, {"access_key": KEY}),
        (f"SharedAccessSignature={SIGNATURE};", {"sas_token": SIGNATURE}),
    ],
)
def test_a_named_variable_holds_a_key_a_signature_or_a_connection(
    text: str, credential: dict[str, str], tmp_path: Path
) -> None:
    found = find(f"{URL}?credential=env:TOK", tmp_path, TOK=text, AZURE_STORAGE_KEY="eA==")
    assert given(found) == credential
    assert found.settings == {"account_name": "account"}
    assert found.endpoint == ""


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("AZURE_STORAGE_CONNECTION_STRING", CONNECTION, "access_key"),
        ("AZURE_STORAGE_ACCOUNT_KEY", KEY, "access_key"),
        ("AZURE_STORAGE_KEY", KEY, "access_key"),
        ("AZURE_STORAGE_ACCESS_KEY", KEY, "access_key"),
        ("AZURE_STORAGE_SAS_TOKEN", SIGNATURE, "sas_token"),
        ("AZURE_STORAGE_SAS_KEY", SIGNATURE, "sas_token"),
    ],
)
def test_secrets_of_variables(name: str, text: str, kind: str, tmp_path: Path) -> None:
    found = find(URL, tmp_path, **{name: text})
    assert list(given(found)) == [kind]
    assert found.identity in ("account key of account", "SAS token of account")


@pytest.mark.parametrize(
    ("more", "endpoint"),
    [
        ("BlobEndpoint=http://127.0.0.1:1/account/", "http://127.0.0.1:1/account"),
        ("EndpointSuffix=core.chinacloudapi.cn", "https://account.blob.core.chinacloudapi.cn"),
        ("EndpointSuffix=core.windows.net", ""),
    ],
)
def test_a_connection_says_where_too(more: str, endpoint: str, tmp_path: Path) -> None:
    text = f"{CONNECTION};{more}"
    assert find(URL, tmp_path, AZURE_STORAGE_CONNECTION_STRING=text).endpoint == endpoint


def test_a_signature_in_the_address_of_a_connection_is_refused(tmp_path: Path) -> None:
    """The address is shown in messages."""
    text = f"{CONNECTION};BlobEndpoint=https://account.blob.core.windows.net?{SIGNATURE}"
    with pytest.raises(RemoteError, match="BlobEndpoint") as caught:
        find(f"{URL}?credential=env:TOK", tmp_path, TOK=text)
    assert "abc%2F" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["AccountName=account", f"AccountName=other;AccountKey={KEY}", "UseDevelopmentStorage=true"],
)
def test_a_named_connection_that_does_not_fit_is_told(text: str, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="env:TOK") as caught:
        find(f"{URL}?credential=env:TOK", tmp_path, TOK=text)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "others",
    [
        {"AZURE_STORAGE_CONNECTION_STRING": CONNECTION.replace("account;", "other;")},
        {"AZURE_STORAGE_ACCOUNT": "other", "AZURE_STORAGE_KEY": KEY},
    ],
)
def test_another_account_s_secret_is_not_sent(
    others: dict[str, str], tmp_path: Path, cloud: Cloud
) -> None:
    found = find(URL, tmp_path, **others, **cloud.pins())
    assert given(found) == {"token": cloud.token}


def test_a_service_principal_gets_a_token(tmp_path: Path, cloud: Cloud) -> None:
    more = {**PRINCIPAL, "AZURE_CLIENT_SECRET": HIDDEN, "AZURE_AUTHORITY_HOST": cloud.url}
    found = find(URL, tmp_path, **more)
    assert given(found) == {"token": cloud.token}
    assert found.identity == "service principal client"
    (asked,) = cloud.asked
    assert asked.path == "/tenant/oauth2/v2.0/token"
    assert asked.form["client_secret"] == HIDDEN
    assert asked.form["scope"] == "https://storage.azure.com/.default"


def test_a_principal_that_is_refused_is_told(tmp_path: Path, cloud: Cloud) -> None:
    body = {"error": "invalid_client", "error_description": HIDDEN}
    cloud.instead["/tenant/oauth2/v2.0/token"] = Said(401, body)
    more = {**PRINCIPAL, "AZURE_CLIENT_SECRET": HIDDEN, "AZURE_AUTHORITY_HOST": cloud.url}
    with pytest.raises(RemoteError, match=r"gave no token: 401 \(invalid_client\)") as caught:
        find(URL, tmp_path, **more)
    assert HIDDEN not in str(caught.value)


def test_a_workload_s_token_is_read_anew_each_time(tmp_path: Path, cloud: Cloud) -> None:
    cloud.lasts = 0
    more = {**PRINCIPAL, **token(tmp_path), "AZURE_AUTHORITY_HOST": cloud.url}
    found = find(URL, tmp_path, **more)
    token(tmp_path, "second")
    given(found)
    assert found.identity == "workload identity client"
    assert [one.form["client_assertion"] for one in cloud.asked] == ["federated", "second"]


@pytest.mark.parametrize(
    ("names", "header"),
    [
        (("IDENTITY_ENDPOINT", "IDENTITY_HEADER"), "x-identity-header"),
        (("MSI_ENDPOINT", "MSI_SECRET"), "secret"),
    ],
)
def test_a_service_s_identity(
    names: tuple[str, str], header: str, tmp_path: Path, cloud: Cloud
) -> None:
    more = {names[0]: f"{cloud.url}/service", names[1]: HIDDEN}
    assert given(find(URL, tmp_path, **more)) == {"token": cloud.token}
    assert cloud.asked[0].headers[header] == HIDDEN


def test_a_machine_s_identity(tmp_path: Path, cloud: Cloud) -> None:
    found = find(URL, tmp_path, **cloud.pins())
    assert given(found) == {"token": cloud.token}
    assert found.identity == f"managed identity via 127.0.0.1:{cloud.port}"


def test_a_machine_without_an_identity_is_told(tmp_path: Path, cloud: Cloud) -> None:
    cloud.instead["/metadata/identity/oauth2/token"] = Said(400, {"error": "invalid_request"})
    with pytest.raises(RemoteError, match=r"gave no token: 400 \(invalid_request\)"):
        find(URL, tmp_path, **cloud.pins())


def test_whoever_ran_az_login(tmp_path: Path, cloud: Cloud) -> None:
    says = """echo '{"accessToken": "T", "expires_on": 4070908800}'"""
    found = find(URL, tmp_path, **az(tmp_path, says), **cloud.pins())
    assert found.provider is not None
    made = found.provider()
    assert (made["token"], made["expires_at"].year) == ("T", 2099)
    assert found.identity == "login of az"
    assert (tmp_path / "asked").read_text() == (
        "account get-access-token --output json --resource https://storage.azure.com/\n"
    )
    assert cloud.asked == []


def test_az_is_not_started_where_nobody_is_logged_in(tmp_path: Path, cloud: Cloud) -> None:
    more = az(tmp_path, "exit 1", logged_in=False)
    find(URL, tmp_path, **more, **cloud.pins())
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize("says", [f"echo {HIDDEN} >&2; exit 1", "echo {}", f"echo {HIDDEN}"])
def test_az_without_a_token_is_told_without_its_words(says: str, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="`az account get-access-token` gave no") as caught:
        find(URL, tmp_path, **az(tmp_path, says))
    assert HIDDEN not in str(caught.value)
    assert "az login" in caught.value.remedy


def test_az_that_hangs_is_ended(tmp_path: Path) -> None:
    more = az(tmp_path, "exec sleep 60")
    with pytest.raises(RemoteError, match="is not through after"):
        find(URL, tmp_path, **more, NEFFCACHE_REMOTE_TIMEOUT="1")


def test_nothing_to_be_found_lists_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(RemoteError) as caught:
        find(URL, tmp_path, AZURE_STORAGE_ACCOUNT="other", AZURE_STORAGE_KEY=KEY)
    for what in ("for the account other", "AZURE_CLIENT_SECRET", "`az login`", "metadata"):
        assert what in caught.value.what


def test_the_metadata_s_own_address_is_the_cloud_s(tmp_path: Path) -> None:
    environ = variables(tmp_path)
    del environ[b"AZURE_POD_IDENTITY_AUTHORITY_HOST"]
    assert entra.Machine(environ).identity == "managed identity via 169.254.169.254"
