"""Unit: who we are at S3: keys, profiles, roles, in the order of the AWS tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub import tls
from neffcache.errors import RemoteError
from neffcache.objects import roles
from servers import metadata
from servers.metadata import AGENT_TOKEN, REGION, Cloud, Said
from signing import CLOUDS, HIDDEN, ROLE_ARN, find, given, keys, write

URL = "s3://bucket/x"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAONE", "AWS_SECRET_ACCESS_KEY": HIDDEN}


def identity_token(home: Path, text: str = "pod-token") -> dict[str, str]:
    """The variables of a pod with a web identity."""
    path = home / "web-identity"
    path.write_text(text)
    return {"AWS_ROLE_ARN": ROLE_ARN, "AWS_WEB_IDENTITY_TOKEN_FILE": str(path)}


def agent(cloud: Cloud, token: str = AGENT_TOKEN) -> dict[str, str]:
    """The variables of a pod with an agent."""
    return {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{cloud.url}/agent",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
    }


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty one."""
    return tmp_path


def test_keys_of_variables(home: Path) -> None:
    found = find(URL, home, **KEYS, AWS_SESSION_TOKEN="session")
    expected = {"access_key_id": "AKIAONE", "secret_access_key": HIDDEN, "token": "session"}
    assert given(found) == expected
    assert found.identity == "key AKIA…"


@pytest.mark.parametrize(("text", "token"), [("K:S", None), ("K:S:T", "T"), ("K:S:T:U", "T:U")])
def test_keys_of_a_named_variable_come_before_all(home: Path, text: str, token: str) -> None:
    more = {"AWS_SESSION_TOKEN": "another's", "AWS_PROFILE": "gone"}
    made = given(find(f"{URL}?credential=env:TOK", home, TOK=text, **KEYS, **more))
    assert (made["access_key_id"], made["secret_access_key"]) == ("K", "S")
    assert made.get("token") == token


def test_keys_of_the_default_profile(home: Path) -> None:
    write(home, "credentials", f"[default]\n{keys('AKIADEFAULT')}")
    write(home, "config", "[default]\nregion = eu-west-3\ns3 =\n  max_concurrent_requests = 20\n")
    found = find(URL, home)
    assert given(found)["access_key_id"] == "AKIADEFAULT"
    assert (found.identity, found.settings["region"]) == ("profile default", "eu-west-3")


def test_the_named_profile_s_keys_and_region(home: Path) -> None:
    write(home, "config", f"[profile  dev]\nregion=eu-west-3\n{keys('AKIADEV')}[profile x]\n")
    found = find(URL, home, AWS_PROFILE="dev")
    assert given(found)["access_key_id"] == "AKIADEV"
    assert (found.identity, found.settings["region"]) == ("profile dev", "eu-west-3")


def test_files_elsewhere_are_found(home: Path) -> None:
    place = home / "elsewhere"
    place.write_text(f"[default]\n{keys('AKIAELSEWHERE')}")
    found = find(URL, home, AWS_SHARED_CREDENTIALS_FILE=str(place))
    assert given(found)["access_key_id"] == "AKIAELSEWHERE"


def test_a_profile_that_is_in_no_file_is_told(home: Path) -> None:
    with pytest.raises(RemoteError, match=r"the profile gone \(AWS_PROFILE\)"):
        find(URL, home, AWS_PROFILE="gone")


def test_half_a_pair_of_keys_is_told(home: Path) -> None:
    with pytest.raises(RemoteError, match="AWS_SECRET_ACCESS_KEY is not; export both"):
        find(URL, home, AWS_ACCESS_KEY_ID="AKIAEXAMPLE")


def test_a_named_profile_without_keys_does_not_become_the_instance(
    home: Path, cloud: Cloud
) -> None:
    write(home, "config", "[profile dev]\nregion=eu-west-3\n")
    with pytest.raises(RemoteError, match="neither holds keys"):
        find(URL, home, AWS_PROFILE="dev", **cloud.pins())
    assert cloud.asked == []


def test_a_malformed_file_is_told_without_its_lines(home: Path) -> None:
    write(home, "credentials", f"[default\n{HIDDEN}\n")
    with pytest.raises(RemoteError, match=r"~/.aws/credentials is malformed") as caught:
        find(URL, home)
    assert HIDDEN not in str(caught.value)


def test_a_file_that_may_not_be_read_is_told(home: Path) -> None:
    (home / ".aws" / "credentials").mkdir(parents=True)
    with pytest.raises(RemoteError, match=r"~/\.aws/credentials cannot be read"):
        find(URL, home)


def test_the_region_comes_from_the_url_first_then_variables_then_files(home: Path) -> None:
    write(home, "config", "[default]\nregion = eu-west-3\n")
    assert find(URL, home, **KEYS).settings["region"] == "eu-west-3"
    both = {**KEYS, "AWS_DEFAULT_REGION": "eu-west-2"}
    assert find(URL, home, **both).settings["region"] == "eu-west-2"
    assert find(f"{URL}?region=eu-west-1", home, **both).settings["region"] == "eu-west-1"


def test_the_endpoint_comes_from_variables(home: Path) -> None:
    more = {"AWS_ENDPOINT_URL": "http://one/", "AWS_ENDPOINT_URL_S3": "http://two/"}
    assert find(URL, home, **KEYS, **more).endpoint == "http://two"
    more["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true"
    assert find(URL, home, **KEYS, **more).endpoint == ""


def test_a_pod_s_web_identity_becomes_a_role(home: Path, cloud: Cloud) -> None:
    found = find(URL, home, **identity_token(home), AWS_ENDPOINT_URL_STS=cloud.url)
    assert given(found) == CLOUDS
    assert found.identity == "role role/neff by web identity"
    (asked,) = cloud.asked
    assert asked.form["WebIdentityToken"] == "pod-token"
    assert asked.form["RoleArn"] == ROLE_ARN


@pytest.mark.parametrize("named", ["AWS_CA_BUNDLE", "ca"])
def test_sts_may_have_an_authority_of_its_own(named: str, home: Path) -> None:
    certificates = tls.make(home / "tls")
    trusted = str(certificates.authority)
    with metadata.start(certificates.server()) as cloud:
        more = {**identity_token(home), "AWS_ENDPOINT_URL_STS": cloud.url}
        with pytest.raises(RemoteError, match="has no certificate that is trusted here"):
            find(URL, home, **more)
        if named == "ca":
            assert given(find(f"{URL}?ca={trusted}", home, **more)) == CLOUDS
        else:
            assert given(find(URL, home, **more, **{named: trusted})) == CLOUDS


def test_the_pod_s_token_is_read_anew_each_time(home: Path, cloud: Cloud) -> None:
    cloud.lasts = 0
    found = find(URL, home, **identity_token(home), AWS_ENDPOINT_URL_STS=cloud.url)
    identity_token(home, "second")
    given(found)
    assert [one.form["WebIdentityToken"] for one in cloud.asked] == ["pod-token", "second"]


def test_a_role_that_sts_refuses_is_told_by_its_code(home: Path, cloud: Cloud) -> None:
    body = f"<E><Error><Code>AccessDenied</Code><Message>{HIDDEN}</Message></Error></E>"
    cloud.instead["/"] = Said(403, body)
    with pytest.raises(RemoteError, match="STS answered 403 AccessDenied") as caught:
        find(URL, home, **identity_token(home), AWS_ENDPOINT_URL_STS=cloud.url)
    assert HIDDEN not in str(caught.value)


def test_sts_does_not_send_the_token_elsewhere(home: Path, cloud: Cloud) -> None:
    cloud.instead["/"] = Said(307, "", {"Location": f"{cloud.url}/other"})
    with pytest.raises(RemoteError, match="STS answered 307"):
        find(URL, home, **identity_token(home), AWS_ENDPOINT_URL_STS=cloud.url)
    assert cloud.paths == ["POST /"]


def test_a_web_identity_without_its_file_is_told(home: Path, cloud: Cloud) -> None:
    variables = identity_token(home)
    Path(variables["AWS_WEB_IDENTITY_TOKEN_FILE"]).unlink()
    with pytest.raises(RemoteError, match="file of AWS_WEB_IDENTITY_TOKEN_FILE cannot be read"):
        find(URL, home, **variables, AWS_ENDPOINT_URL_STS=cloud.url)


def test_a_pod_s_agent_gives_its_role(home: Path, cloud: Cloud) -> None:
    found = find(URL, home, **agent(cloud))
    assert given(found) == CLOUDS
    assert found.identity == f"container role via 127.0.0.1:{cloud.port}"


def test_a_pod_s_agent_is_asked_with_the_token_of_the_file(home: Path, cloud: Cloud) -> None:
    path = home / "agent-token"
    path.write_text(f"{AGENT_TOKEN}\n")
    more = {**agent(cloud, "old"), "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(path)}
    assert given(find(URL, home, **more)) == CLOUDS


def test_an_agent_that_refuses_is_told(home: Path, cloud: Cloud) -> None:
    with pytest.raises(RemoteError, match="gave no keys: 403 AccessDenied"):
        find(URL, home, **agent(cloud, "wrong"))


@pytest.mark.parametrize("host", ["agent.example", "127.example", "127.0.0.1.example", "127.1"])
def test_an_agent_elsewhere_is_not_asked(home: Path, host: str) -> None:
    uri = f"http://{host}/credentials"
    with pytest.raises(RemoteError, match="a host that no container agent has"):
        find(URL, home, AWS_CONTAINER_CREDENTIALS_FULL_URI=uri)


def test_the_instance_s_role_comes_last(home: Path, cloud: Cloud) -> None:
    found = find(URL, home, **cloud.pins())
    assert given(found) == CLOUDS
    assert found.identity == f"instance role neff-role via 127.0.0.1:{cloud.port}"
    assert found.settings["region"] == REGION


def test_an_instance_without_a_role_is_told(home: Path, cloud: Cloud) -> None:
    cloud.instead["/latest/meta-data/iam/security-credentials/"] = Said(404)
    with pytest.raises(RemoteError, match="the instance has no role"):
        find(URL, home, **cloud.pins())


def test_an_instance_that_may_not_be_asked_is_not(home: Path, cloud: Cloud) -> None:
    with pytest.raises(RemoteError, match="AWS_EC2_METADATA_DISABLED is set"):
        find(URL, home, **{**cloud.pins(), "AWS_EC2_METADATA_DISABLED": "true"})
    assert cloud.asked == []


def test_the_order_is_that_of_the_aws_tools(home: Path, cloud: Cloud) -> None:
    """Each one is taken away in turn; what is left decides."""
    write(home, "credentials", f"[default]\n{keys('A')}[named]\n{keys('B')}")
    sources: dict[str, dict[str, str]] = {
        "key AKIA…": KEYS,
        "profile named": {"AWS_PROFILE": "named"},
        "role role/neff by web identity": identity_token(home),
        "profile default": {},
        f"container role via 127.0.0.1:{cloud.port}": agent(cloud),
        f"instance role neff-role via 127.0.0.1:{cloud.port}": {},
    }
    left, found = list(sources), []
    while left:
        if "profile default" not in left:
            (home / ".aws" / "credentials").write_text("")
        made = {name: text for one in left for name, text in sources[one].items()}
        more = {**cloud.pins(), "AWS_ENDPOINT_URL_STS": cloud.url, **made}
        found.append(find(URL, home, **more).identity)
        left.pop(0)
    assert found == list(sources)


def test_the_metadata_s_own_address_is_the_cloud_s() -> None:
    assert roles.Instance({}).host == "169.254.169.254"
    six = roles.Instance({b"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": b"IPv6"})
    assert six.host == "[fd00:ec2::254]"
