"""Who we are to a registry: credential files, helpers, variables; what is shown of them."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neffcache import remote
from neffcache.errors import RemoteError
from neffcache.registry import login, names

URL = "oci://registry.example:5000/team/cache"
Environ = dict[bytes, bytes]


@pytest.fixture
def environ(tmp_path: Path) -> Environ:
    (tmp_path / "home").mkdir()
    return {b"HOME": os.fsencode(tmp_path / "home"), b"PATH": os.fsencode(tmp_path)}


def keep(path: Path, told: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told))


def auths(user: str, key: str = "registry.example:5000") -> dict[str, Any]:
    text = base64.b64encode(f"{user}:pass:word".encode()).decode()
    return {"auths": {key: {"auth": text}}}


def find(environ: Environ, url: str = URL, ask: bool = True) -> login.Login | None:
    return login.of_files(names.origin(remote.parse(url)), environ, 5, ask)


def found(environ: Environ, url: str = URL) -> str:
    made = find(environ, url)
    return made.user if made else "nobody"


def helper(folder: Path, name: str, text: str) -> None:
    path = folder / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


PLACES: list[Callable[[Path, Environ], Path]] = [
    lambda home, _environ: home / ".docker/config.json",
    lambda home, _environ: home / ".config/containers/auth.json",
    lambda home, environ: _named(environ, b"XDG_CONFIG_HOME", home / "x", "containers/auth.json"),
    lambda home, environ: _named(environ, b"XDG_RUNTIME_DIR", home / "y", "containers/auth.json"),
    lambda home, environ: _named(environ, b"DOCKER_CONFIG", home / "z", "config.json"),
    lambda home, environ: _named(environ, b"REGISTRY_AUTH_FILE", home / "auth.json", ""),
]


def _named(environ: Environ, name: bytes, value: Path, below: str) -> Path:
    environ[name] = os.fsencode(value)
    return value / below if below else value


@pytest.mark.parametrize("place", range(len(PLACES)))
def test_a_login_is_found_where_container_tools_keep_it(
    place: int, environ: Environ, tmp_path: Path
) -> None:
    keep(PLACES[place](tmp_path / "home", environ), auths("alice"))
    made = find(environ)
    assert made is not None
    assert (made.user, made.password) == ("alice", "pass:word")


def test_a_named_file_counts_before_the_usual_one(environ: Environ, tmp_path: Path) -> None:
    keep(tmp_path / "home/.docker/config.json", auths("usual"))
    keep(_named(environ, b"REGISTRY_AUTH_FILE", tmp_path / "named.json", ""), auths("named"))
    assert found(environ) == "named"


def test_a_file_without_this_registry_is_passed_over(environ: Environ, tmp_path: Path) -> None:
    keep(tmp_path / "home/.docker/config.json", auths("usual"))
    named = _named(environ, b"REGISTRY_AUTH_FILE", tmp_path / "named.json", "")
    keep(named, auths("named", "elsewhere.example"))
    assert found(environ) == "usual"


@pytest.mark.parametrize(
    "key",
    [
        "registry.example:5000",
        "https://registry.example:5000",
        "https://registry.example:5000/v1/",
        "registry.example:5000/team",
        "registry.example:5000/team/cache",
    ],
)
def test_a_registry_is_known_by_each_of_its_names(
    key: str, environ: Environ, tmp_path: Path
) -> None:
    keep(tmp_path / "home/.docker/config.json", auths("alice", key))
    assert found(environ) == "alice"


@pytest.mark.parametrize("key", ["registry.example", "registry.example:5000/other", "example:5000"])
def test_another_registrys_login_is_not_shown(key: str, environ: Environ, tmp_path: Path) -> None:
    keep(tmp_path / "home/.docker/config.json", auths("alice", key))
    assert found(environ) == "nobody"


def test_the_login_nearest_to_the_repository_counts(environ: Environ, tmp_path: Path) -> None:
    told = auths("all")
    told["auths"].update(auths("team", "registry.example:5000/team")["auths"])
    keep(tmp_path / "home/.docker/config.json", told)
    assert found(environ) == "team"


def test_docker_hub_is_known_by_its_old_name(environ: Environ, tmp_path: Path) -> None:
    keep(tmp_path / "home/.docker/config.json", auths("whale", "https://index.docker.io/v1/"))
    assert found(environ, "oci://docker.io/team/cache") == "whale"
    place = names.origin(remote.parse("oci://docker.io/cache"))
    assert place.url("blobs") == "https://registry-1.docker.io/v2/library/cache/blobs"


def test_a_registrys_own_helper_is_asked(environ: Environ, tmp_path: Path) -> None:
    helper(
        tmp_path, "ecr-login",
        'read server; echo "{\\"Username\\": \\"AWS\\", \\"Secret\\": \\"for $server\\"}"',
    )  # fmt: skip
    told = {"credHelpers": {"registry.example:5000": "ecr-login"}, **auths("stale")}
    keep(tmp_path / "home/.docker/config.json", told)
    made = find(environ, ask=False)
    assert made is not None
    assert (made.user, made.password) == ("AWS", "for registry.example:5000")


def test_the_keeper_of_all_logins_is_asked_only_where_one_is_needed(
    environ: Environ, tmp_path: Path
) -> None:
    helper(tmp_path, "pass", 'echo "{\\"Username\\": \\"alice\\", \\"Secret\\": \\"s\\"}"')
    keep(tmp_path / "home/.docker/config.json", {"credsStore": "pass"})
    assert find(environ, ask=False) is None
    assert found(environ) == "alice"


def test_a_helper_may_not_know_the_registry(environ: Environ, tmp_path: Path) -> None:
    helper(tmp_path, "pass", "echo credentials not found in native keychain; exit 1")
    keep(tmp_path / "home/.docker/config.json", {"credsStore": "pass"})
    assert found(environ) == "nobody"


def test_a_token_of_a_helper_renews(environ: Environ, tmp_path: Path) -> None:
    helper(tmp_path, "acr", 'echo "{\\"Username\\": \\"<token>\\", \\"Secret\\": \\"long\\"}"')
    keep(tmp_path / "home/.docker/config.json", {"credsStore": "acr"})
    made = find(environ)
    assert made is not None
    assert (made.renewal, made.basic) == ("long", "")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo secret-text >&2; echo secret-text; exit 3", "failed with status 3"),
        ("echo no json, secret-text", "gave no login"),
    ],
)
def test_a_helper_that_fails_is_named_without_what_it_said(
    script: str, words: str, environ: Environ, tmp_path: Path
) -> None:
    helper(tmp_path, "bad", script)
    keep(tmp_path / "home/.docker/config.json", {"credsStore": "bad"})
    with pytest.raises(RemoteError, match=f"docker-credential-bad {words}") as caught:
        find(environ)
    assert "secret-text" not in str(caught.value)


def test_a_helper_that_is_not_there_is_named(environ: Environ, tmp_path: Path) -> None:
    keep(tmp_path / "home/.docker/config.json", {"credsStore": "gone"})
    with pytest.raises(RemoteError, match="docker-credential-gone is not on PATH"):
        find(environ)


def test_a_silent_helper_is_ended_with_all_it_started(environ: Environ, tmp_path: Path) -> None:
    environ[b"PATH"] += b":/bin:/usr/bin"
    mark = tmp_path / "started"
    helper(tmp_path, "hangs", f"sleep 300 & echo $! >{mark}; wait")
    keep(tmp_path / "home/.docker/config.json", {"credsStore": "hangs"})
    before = time.monotonic()
    with pytest.raises(RemoteError, match="docker-credential-hangs has not answered"):
        login.of_files(names.origin(remote.parse(URL)), environ, 0.1, True)
    assert time.monotonic() - before < 60
    state = Path(f"/proc/{int(mark.read_text())}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_file_that_is_no_json_is_named(environ: Environ, tmp_path: Path) -> None:
    path = tmp_path / "home/.docker/config.json"
    keep(path, "")
    path.write_text("{secret-text")
    with pytest.raises(RemoteError, match=r"config\.json is not JSON") as caught:
        find(environ)
    assert "secret-text" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "user", "password", "token"),
    [("alice:pass:word", "alice", "pass:word", ""), ("eyJhbGciOi", "", "", "eyJhbGciOi")],
)
def test_a_variable_holds_a_user_or_a_token(
    text: str, user: str, password: str, token: str
) -> None:
    spec = remote.parse(URL + "?credential=env:REGISTRY_LOGIN")
    made = login.of_variable(spec, {b"REGISTRY_LOGIN": text.encode()})
    assert made is not None
    assert (made.user, made.password, made.token) == (user, password, token)


def test_a_login_is_shown_without_its_secret(environ: Environ, tmp_path: Path) -> None:
    keep(tmp_path / "home/.docker/config.json", auths("alice"))
    made = find(environ)
    assert made is not None
    assert made.shown() == f"user alice ({tmp_path}/home/.docker/config.json)"
