"""`neffcache config --import FILE`: Olive's remote goes into the settings file, the rest stays."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hosts import Done, Host

ACCOUNT = "https://acme.blob.core.windows.net"
URL = "az://acme/cache"


@pytest.fixture
def olive(host: Host) -> Path:
    """A file of Olive's."""
    path = host.root / "olive.json"
    write(path)
    return path


def write(path: Path, **more: object) -> None:
    block = {"account_url": ACCOUNT, "container_name": "cache", **more}
    path.write_text(json.dumps({"cloud_cache_config": block}))


def user_file(host: Host) -> Path:
    return host.home / ".config" / "neffcache.conf"


def take(host: Host, path: Path, status: int = 0, **variables: str) -> Done:
    done = host.neffcache("config", "--import", str(path), variables=variables)
    assert done.status == status, done.err
    return done


def remotes(host: Host, **variables: str) -> list[str]:
    """What the settings hold now."""
    done = host.neffcache("config", "--json", variables=variables)
    return next(row["value"] for row in json.loads(done.out)["options"] if row["name"] == "remotes")


def test_it_makes_the_users_settings_file(host: Host, olive: Path) -> None:
    done = take(host, olive)
    assert done.out == f"{user_file(host)}: added: remotes = {URL}\n"
    assert user_file(host).read_text() == f"remotes = {URL}\n"
    assert user_file(host).stat().st_mode & 0o600 == 0o600
    assert remotes(host) == [URL]


def test_what_stands_there_stays(host: Host, olive: Path) -> None:
    file = user_file(host)
    file.parent.mkdir()
    file.write_text("# mine\nwait = 60\nremotes = file:///a?mode=ro, file:///b\n# last")
    file.chmod(0o640)
    write(olive, upload_to_cloud=False)
    done = take(host, olive)
    value = f"remotes = file:///a?mode=ro file:///b {URL}?mode=ro"
    assert done.out == f"{file}: line 3 is now: {value}\n"
    assert file.read_text() == f"# mine\nwait = 60\n{value}\n# last"
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_file_without_remotes_gets_a_line(host: Host, olive: Path) -> None:
    file = user_file(host)
    file.parent.mkdir()
    for before in ("wait = 60", "wait = 60\n"):
        file.write_text(before)
        take(host, olive)
        assert file.read_text() == f"wait = 60\nremotes = {URL}\n"


def test_twice_is_once(host: Host, olive: Path) -> None:
    take(host, olive)
    before = user_file(host).stat()
    done = take(host, olive)
    assert done.out == f"{user_file(host)}:1: names {URL} already: nothing is changed\n"
    assert user_file(host).stat().st_ino == before.st_ino


def test_the_mode_that_somebody_wrote_is_not_changed(host: Host, olive: Path) -> None:
    file = user_file(host)
    file.parent.mkdir()
    file.write_text(f"remotes = {ACCOUNT}/cache?mode=ro\n")
    done = take(host, olive, 1)
    assert f"{file}:1: names {URL} with mode=ro, not rw: nothing is changed" in done.err
    assert file.read_text() == f"remotes = {ACCOUNT}/cache?mode=ro\n"


def test_switched_off_changes_nothing(host: Host, olive: Path) -> None:
    write(olive, enable_cloud_cache=False)
    assert "nothing is changed" in take(host, olive).out
    assert not user_file(host).exists()


@pytest.mark.parametrize("text", ["{}", "nonsense", ""])
def test_a_file_of_another_kind_is_status_2(host: Host, olive: Path, text: str) -> None:
    olive.write_text(text)
    done = take(host, olive, 2)
    assert (done.out, done.err.count("\n")) == ("", 1)
    assert str(olive) in done.err
    assert not user_file(host).exists()


def test_a_settings_file_that_is_wrong_is_left_alone(host: Host, olive: Path) -> None:
    file = user_file(host)
    file.parent.mkdir()
    file.write_text("what is this\n")
    assert f"{file}:1" in take(host, olive, 2).err
    assert file.read_text() == "what is this\n"


def test_a_variable_that_holds_instead_is_pointed_at(host: Host, olive: Path) -> None:
    done = take(host, olive, NEFFCACHE_REMOTES="file:///a")
    assert "NEFFCACHE_REMOTES is set and holds instead" in done.err
    assert user_file(host).read_text() == f"remotes = {URL}\n"


def test_a_named_settings_file_is_the_one(host: Host, olive: Path) -> None:
    file = host.root / "mine.conf"
    file.write_text("")
    take(host, olive, NEFFCACHE_CONFIG=str(file))
    assert file.read_text() == f"remotes = {URL}\n"
    assert not user_file(host).exists()


def test_a_link_stays_one(host: Host, olive: Path) -> None:
    real = host.root / "dotfiles.conf"
    real.write_text("wait = 60\n")
    user_file(host).parent.mkdir()
    user_file(host).symlink_to(real)
    take(host, olive)
    assert user_file(host).is_symlink()
    assert real.read_text() == f"wait = 60\nremotes = {URL}\n"


def test_what_is_only_read_from_then_on_is_said(host: Host, olive: Path) -> None:
    """With remotes in the settings nothing else is written to."""
    done = take(host, olive, CUSTOM_CACHE_REPO="acme/custom")
    assert "hf://acme/custom is only read from now on" in done.out


def test_a_home_that_cannot_be_written_is_one_line(host: Host, olive: Path) -> None:
    done = take(host, olive, 1, HOME="/dev/null")
    assert (done.out, done.err.count("\n")) == ("", 1)
    assert "/dev/null" in done.err
    assert os.path.exists("/dev/null")


def test_a_relative_name_is_one_of_the_working_directory(host: Host, olive: Path) -> None:
    assert take(host, Path(olive.name)).out.endswith(f"remotes = {URL}\n")
