"""Which remotes there are: the settings', CUSTOM_CACHE_REPO's, the saved one, in that order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from neffcache import config, remote, targets
from neffcache.errors import SettingError
from neffcache.hub import saved
from neffcache.remote import Spec

HUB = "https://huggingface.co"


class Place:
    """An environment whose HF_HOME is a directory of the test's own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environ = {b"HF_HOME": os.fsencode(home)}

    def set(self, **variables: str) -> None:
        for name, value in variables.items():
            self.environ[name.encode()] = os.fsencode(value)

    def save(self, text: str) -> None:
        self.home.mkdir(exist_ok=True)
        (self.home / "optimum_neuron_custom_cache").write_text(text)

    def specs(self) -> list[Spec]:
        return targets.specs(config.load(self.environ), self.environ)

    def natives(self) -> list[Spec]:
        return targets.native_specs(config.load(self.environ), self.environ)

    def shown(self) -> list[str]:
        return [f"{spec.url} {spec.mode}" for spec in self.specs()]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "hf")


def test_nothing_named_is_no_remote(place: Place) -> None:
    assert place.specs() == []


def test_they_are_read_in_order_and_the_settings_alone_say_where_to_write(place: Place) -> None:
    place.set(NEFFCACHE_REMOTES="file:///a?mode=ro hf://o/a", CUSTOM_CACHE_REPO="o/b")
    place.save("o/c")
    assert place.shown() == ["file:///a ro", "hf://o/a rw", "hf://o/b ro", "hf://o/c ro"]


def test_settings_that_only_read_make_nothing_else_written_to(place: Place) -> None:
    place.set(NEFFCACHE_REMOTES="file:///a?mode=ro", CUSTOM_CACHE_REPO="o/b")
    assert place.shown() == ["file:///a ro", "hf://o/b ro"]


def test_without_settings_the_first_one_named_is_written_to(place: Place) -> None:
    place.set(CUSTOM_CACHE_REPO="o/b")
    place.save("o/c")
    assert place.shown() == ["hf://o/b rw", "hf://o/c ro"]
    del place.environ[b"CUSTOM_CACHE_REPO"]
    assert place.shown() == ["hf://o/c rw"]


def test_what_is_named_twice_counts_where_it_is_named_first(place: Place) -> None:
    place.set(NEFFCACHE_REMOTES="hf://o/b?mode=ro", CUSTOM_CACHE_REPO="o/b")
    place.save("o/b")
    assert place.shown() == ["hf://o/b ro"]
    place.set(NEFFCACHE_REMOTES="hf://o/b@main?mode=wo")
    assert place.shown() == ["hf://o/b@main wo"]


def test_another_revision_or_another_hub_is_another_remote(place: Place) -> None:
    place.set(NEFFCACHE_REMOTES="hf://o/b@v1?mode=ro", CUSTOM_CACHE_REPO="o/b")
    assert place.shown() == ["hf://o/b@v1 ro", "hf://o/b ro"]
    place.set(NEFFCACHE_REMOTES="hf://o/b?endpoint=https://hub.example")
    assert place.shown() == ["hf://o/b rw", "hf://o/b ro"]


def test_each_says_where_it_was_named(place: Place, tmp_path: Path) -> None:
    place.set(NEFFCACHE_REMOTES="file:///a", CUSTOM_CACHE_REPO="o/b")
    place.save("o/c")
    origins = [spec.origin for spec in place.specs()]
    assert origins == ["NEFFCACHE_REMOTES", "CUSTOM_CACHE_REPO", saved.path(place.environ)]
    settings = tmp_path / "settings"
    settings.write_text("remotes = file:///a\n")
    del place.environ[b"NEFFCACHE_REMOTES"]
    place.set(NEFFCACHE_CONFIG=str(settings))
    assert place.specs()[0].origin == f"remotes ({settings}:1)"


def test_a_repository_is_bound_to_the_hub_that_holds_now(place: Place) -> None:
    place.set(NEFFCACHE_REMOTES="hf://o/a", CUSTOM_CACHE_REPO="o/b")
    assert [spec.options["endpoint"] for spec in place.specs()] == [HUB, HUB]
    place.set(HF_ENDPOINT="http://127.0.0.1:8080/")
    texts = [spec.text() for spec in place.specs()]
    assert texts == [f"hf://o/{x}?endpoint=http://127.0.0.1:8080" for x in "ab"]
    again = remote.parse(texts[0])
    assert (again.text(), again.options) == (texts[0], {"endpoint": "http://127.0.0.1:8080"})


def test_a_hub_that_a_url_names_itself_stays(place: Place) -> None:
    place.set(NEFFCACHE_REMOTES="hf://o/a?endpoint=https://own.example", HF_ENDPOINT="https://x.y")
    assert place.specs()[0].options["endpoint"] == "https://own.example"


def test_directories_are_bound_to_no_hub(place: Place) -> None:
    place.set(NEFFCACHE_REMOTES="file:///a", HF_ENDPOINT="not one")
    assert place.specs()[0].options == {}


@pytest.mark.parametrize("text", ["nobody", "a/b/c", "a--b/c", "o/x.git", "hf://o/x", "o/x@main"])
def test_a_malformed_variable_is_named(place: Place, text: str) -> None:
    place.set(CUSTOM_CACHE_REPO=text)
    with pytest.raises(SettingError, match=r"^CUSTOM_CACHE_REPO: .*; write ORG/NAME$"):
        place.specs()


def test_a_secret_in_the_variable_is_not_repeated(place: Place) -> None:
    place.set(CUSTOM_CACHE_REPO="https://me:hunter2@huggingface.co/o/x")
    with pytest.raises(SettingError) as caught:
        place.specs()
    assert "hunter2" not in str(caught.value)


def test_a_malformed_saved_name_names_its_file_and_the_command(place: Place) -> None:
    place.save("whatever")
    with pytest.raises(SettingError) as caught:
        place.specs()
    assert str(caught.value).startswith(f"{saved.path(place.environ)}: whatever: ")
    assert caught.value.remedy == "run `neffcache set ORG/NAME`"


@pytest.mark.parametrize(
    "text", ["hub.example", "ftp://hub.example", "https://", "https://u:hunter2@hub", "http://a b"]
)
def test_a_malformed_endpoint_is_named(place: Place, text: str) -> None:
    place.set(CUSTOM_CACHE_REPO="o/b", HF_ENDPOINT=text)
    with pytest.raises(SettingError, match=r"^HF_ENDPOINT: ") as caught:
        place.specs()
    assert "hunter2" not in str(caught.value)


def test_a_secret_in_the_endpoint_of_a_url_is_refused_and_not_repeated(place: Place) -> None:
    place.set(NEFFCACHE_REMOTES="hf://o/b?endpoint=https://u:hunter2@hub.example")
    with pytest.raises(SettingError, match="endpoint") as caught:
        place.specs()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_blanks_name_nothing(place: Place, blank: str) -> None:
    place.set(CUSTOM_CACHE_REPO=blank)
    place.save(blank)
    assert place.specs() == []


def test_native_entries_are_also_looked_for_in_the_public_repository(place: Place) -> None:
    place.set(NEFFCACHE_REMOTES="file:///a hf://o/a?layout=bundle", CUSTOM_CACHE_REPO="o/b")
    found = place.natives()
    assert [f"{spec.url} {spec.mode}" for spec in found] == [
        "hf://o/b ro",
        f"hf://{targets.PUBLIC} ro",
    ]
    assert [spec.bundles for spec in found] == [True, False]
    assert targets.PUBLIC not in str(place.shown())


def test_the_public_repository_named_by_hand_is_there_once(place: Place) -> None:
    place.set(CUSTOM_CACHE_REPO=targets.PUBLIC)
    assert [spec.url for spec in place.natives()] == [f"hf://{targets.PUBLIC}"]


def test_the_public_repository_can_be_left_out(place: Place) -> None:
    place.set(CUSTOM_CACHE_REPO="o/b")
    assert [spec.location for spec in place.natives()] == ["o/b", targets.PUBLIC]
    place.set(NEFFCACHE_HUB_EVERYBODY="0")
    assert [spec.location for spec in place.natives()] == ["o/b"]


@pytest.mark.parametrize(
    ("url", "variables", "endpoint"),
    [
        ("s3://acme/n", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9/"}, "http://127.0.0.1:9"),
        (
            "s3://acme/n",
            {"AWS_ENDPOINT_URL": "https://a.b", "AWS_ENDPOINT_URL_S3": "https://c.d"},
            "https://c.d",
        ),
        ("s3://acme/n?endpoint=https://e.f", {"AWS_ENDPOINT_URL": "https://a.b"}, "https://e.f"),
        ("gs://acme/n", {"STORAGE_EMULATOR_HOST": "127.0.0.1:9"}, "http://127.0.0.1:9"),
        ("gs://acme/n", {"AWS_ENDPOINT_URL": "https://a.b"}, ""),
        (
            "s3://acme/n",
            {"AWS_ENDPOINT_URL": "https://a.b", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "True"},
            "",
        ),
    ],
)
def test_a_bucket_is_bound_to_the_store_that_holds_here(
    place: Place, url: str, variables: dict[str, str], endpoint: str
) -> None:
    place.set(NEFFCACHE_REMOTES=url, **variables)
    (spec,) = place.specs()
    assert spec.options.get("endpoint", "") == endpoint
    assert remote.parse(spec.text()).text() == spec.text()


_ACCOUNT = "AccountName=acme;AccountKey=aHVudGVyMg=="
_ELSEWHERE = "https://acme.blob.core.chinacloudapi.cn"


@pytest.mark.parametrize(
    ("url", "text", "endpoint"),
    [
        ("az://acme/n", f"{_ACCOUNT};EndpointSuffix=core.chinacloudapi.cn", _ELSEWHERE),
        (
            "az://acme/n",
            f"{_ACCOUNT};BlobEndpoint=http://127.0.0.1:9/acme/",
            "http://127.0.0.1:9/acme",
        ),
        ("az://acme/n", _ACCOUNT, ""),
        ("az://other/n", f"{_ACCOUNT};BlobEndpoint=https://a.b", ""),
        ("az://acme/n?credential=env:X", f"{_ACCOUNT};BlobEndpoint=https://a.b", ""),
        ("az://acme/n?anonymous=1", f"{_ACCOUNT};BlobEndpoint=https://a.b", ""),
        ("az://acme/n?endpoint=https://c.d", f"{_ACCOUNT};BlobEndpoint=https://a.b", "https://c.d"),
    ],
)
def test_a_container_is_bound_to_the_account_of_the_connection_that_holds_here(
    place: Place, url: str, text: str, endpoint: str
) -> None:
    """Or what waits would go to whoever has that name in the public cloud."""
    place.set(NEFFCACHE_REMOTES=url, AZURE_STORAGE_CONNECTION_STRING=text)
    (spec,) = place.specs()
    assert spec.options.get("endpoint", "") == endpoint
    assert "aHVudGVyMg" not in spec.text()


def test_a_signature_in_the_address_of_a_connection_is_not_repeated(place: Place) -> None:
    text = f"{_ACCOUNT};BlobEndpoint=https://a.b?sv=1&sig=hunter2"
    place.set(NEFFCACHE_REMOTES="az://acme/n", AZURE_STORAGE_CONNECTION_STRING=text)
    with pytest.raises(SettingError, match="AZURE_STORAGE_CONNECTION_STRING") as caught:
        place.specs()
    assert "hunter2" not in str(caught.value)


def test_olives_container_is_bound_to_it_too(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "olive.json"
    file.write_text(
        '{"account_url": "https://acme.blob.core.windows.net", "container_name": "n", '
        '"enable_cloud_cache": true}'
    )
    text = f"{_ACCOUNT};BlobEndpoint=https://a.b"
    place.set(NEFFCACHE_CONFIG_JSON=str(file), AZURE_STORAGE_CONNECTION_STRING=text)
    (spec,) = place.specs()
    assert spec.options["endpoint"] == "https://a.b"


@pytest.mark.parametrize(("more", "anonymous"), [("", "1"), ("?credential=env:X", "")])
def test_an_emulator_gets_nobodys_token_unless_it_is_named(
    place: Place, more: str, anonymous: str
) -> None:
    """Whoever sends later may be logged in, and the emulator another host without TLS."""
    place.set(NEFFCACHE_REMOTES=f"gs://acme/n{more}", STORAGE_EMULATOR_HOST="10.0.0.5:4443")
    (spec,) = place.specs()
    assert remote.parse(spec.text()).options.get("anonymous", "") == anonymous


def test_a_malformed_address_of_a_store_is_named_and_no_secret_repeated(place: Place) -> None:
    place.set(NEFFCACHE_REMOTES="s3://acme/n", AWS_ENDPOINT_URL="https://me:hunter2@a.b")
    with pytest.raises(SettingError, match="AWS_ENDPOINT_URL") as caught:
        place.specs()
    assert "hunter2" not in str(caught.value)
