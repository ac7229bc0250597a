"""Unit: profiles of AWS whose keys somebody else gives: by botocore, or told how to get it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from neffcache.errors import RemoteError
from servers.metadata import SSO_TOKEN, Cloud
from signing import CLOUDS, HIDDEN, ROLE_ARN, find, given, keys, write

URL = "s3://bucket/x"


def program(home: Path, says: str) -> str:
    """A program for credential_process."""
    path = home / "process"
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return str(path)


def sign_on(start: str) -> str:
    """The lines of a profile with single sign-on."""
    lines = f"sso_start_url={start}\nsso_region=eu-west-3\n"
    return f"{lines}sso_account_id=1\nsso_role_name=neff\n"


def answer(**more: str) -> str:
    """What such a program prints."""
    told = {"Version": 1, "AccessKeyId": "AKIAPROCESS", "SecretAccessKey": HIDDEN, **more}
    return f"echo '{json.dumps(told)}'"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, also for botocore, which reads the process's own variables."""
    for name in ("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def test_a_program_s_keys_come_through_botocore(home: Path) -> None:
    end = "2099-01-01T00:00:00Z"
    path = program(home, answer(SessionToken="T", Expiration=end))
    write(home, "config", f"[profile dev]\nregion=eu-west-3\ncredential_process = {path}\n")
    found = find(URL, home, AWS_PROFILE="dev")
    assert found.provider is not None
    made = found.provider()
    assert (made["access_key_id"], made["token"]) == ("AKIAPROCESS", "T")
    assert made["expires_at"].year == 2099
    assert (found.identity, found.settings["region"]) == ("profile dev", "eu-west-3")


def test_a_program_that_fails_is_told_without_its_words(home: Path) -> None:
    path = program(home, f"echo {HIDDEN} >&2; exit 1")
    write(home, "config", f"[profile dev]\ncredential_process = {path}\n")
    with pytest.raises(RemoteError, match=r"dev \(credential_process\) gives no keys") as caught:
        find(URL, home, AWS_PROFILE="dev")
    assert HIDDEN not in str(caught.value)


def test_a_program_that_hangs_is_left_alone(home: Path) -> None:
    path = program(home, f"echo $$ > {home}/pid; exec sleep 60")
    write(home, "config", f"[profile dev]\ncredential_process = {path}\n")
    with pytest.raises(RemoteError, match="gave no keys in 1 s"):
        find(URL, home, AWS_PROFILE="dev", NEFFCACHE_REMOTE_TIMEOUT="2")
    os.kill(int((home / "pid").read_text()), signal.SIGKILL)


def test_a_role_is_assumed_with_another_profile_s_keys(
    home: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", cloud.url)
    lines = f"role_arn = {ROLE_ARN}\nsource_profile = base\nregion = eu-west-3\n"
    write(home, "config", f"[profile dev]\n{lines}[profile base]\n{keys('AKIABASE')}")
    found = find(URL, home, AWS_PROFILE="dev")
    assert given(found) == CLOUDS
    assert cloud.asked[0].form["RoleArn"] == ROLE_ARN
    assert "Credential=AKIABASE/" in cloud.asked[0].headers["authorization"]


def test_single_sign_on(home: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", cloud.url)
    start = "http://127.0.0.1:9/start"
    write(home, "config", f"[profile dev]\n{sign_on(start)}")
    cache = home / "cache"
    cache.mkdir()
    # Botocore asks for the home when it is imported.
    place = "botocore.credentials.SSOProvider._SSO_TOKEN_CACHE_DIR"
    monkeypatch.setattr(place, str(cache))
    told = {"accessToken": SSO_TOKEN, "expiresAt": "2099-01-01T00:00:00Z"}
    name = hashlib.sha1(start.encode(), usedforsecurity=False).hexdigest()
    (cache / f"{name}.json").write_text(json.dumps(told))
    found = find(URL, home, AWS_PROFILE="dev")
    assert given(found) == CLOUDS
    assert found.identity == "profile dev"


def test_a_login_that_ran_out_names_the_command_that_renews_it(home: Path) -> None:
    write(home, "config", f"[profile dev]\n{sign_on('http://127.0.0.1:9')}")
    with pytest.raises(RemoteError, match="`aws sso login --profile dev`"):
        find(URL, home, AWS_PROFILE="dev")


def test_a_profile_that_needs_botocore_says_how_to_get_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_package: str) -> None:
        raise RemoteError("not installed")

    write(home, "config", "[default]\nrole_arn = x\nsource_profile = y\n")
    monkeypatch.delitem(sys.modules, "botocore", raising=False)
    monkeypatch.setattr("neffcache.objects.borrowing.installed.make_importable", missing)
    with pytest.raises(RemoteError, match=r"by role_arn: that needs botocore") as caught:
        find(URL, home)
    assert caught.value.remedy == "pip install 'neffcache[aws]'"
