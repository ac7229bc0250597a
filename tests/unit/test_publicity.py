"""Public repositories: nothing goes there unless this user has said so, once and for that one."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from entries import settings
from neffcache.errors import NeffcacheError
from neffcache.hub import publicity

REPO = "me/cache"
OTHER_HUB = "https://hub.example.org"
NONE = settings()


@pytest.fixture
def environ(tmp_path: Path) -> dict[bytes, bytes]:
    return {b"HF_HOME": bytes(tmp_path / "hf")}


def may_push(environ: dict[bytes, bytes], repo: str = REPO, endpoint: str = "") -> bool:
    return publicity.refusal(repo, False, NONE, environ, endpoint) is None


def test_a_private_repository_needs_no_consent(environ: dict[bytes, bytes]) -> None:
    assert publicity.refusal(REPO, True, NONE, environ) is None
    assert publicity.weights_refusal(REPO, True, NONE) is None


def test_a_public_one_is_refused_with_every_remedy(environ: dict[bytes, bytes]) -> None:
    error = publicity.refusal(REPO, False, NONE, environ)
    assert error is not None
    assert str(error).startswith(f"{REPO} is public and nobody has agreed to that")
    assert f"`neffcache create --public -n {REPO}`" in error.remedy
    assert f"NEFFCACHE_HUB_PUBLIC={REPO}" in error.remedy
    assert "\n" not in str(error)


def test_consent_holds_from_then_on_and_for_no_other(environ: dict[bytes, bytes]) -> None:
    publicity.consent(REPO, environ)
    publicity.consent("org/second", environ)
    assert may_push(environ)
    assert may_push(environ, "org/second")
    assert not may_push(environ, "org/third")
    assert not may_push(environ, "me/cach")


def test_consent_for_one_hub_is_none_for_another(environ: dict[bytes, bytes]) -> None:
    publicity.consent(REPO, environ, OTHER_HUB + "/")
    assert may_push(environ, REPO, OTHER_HUB)
    assert not may_push(environ)
    publicity.consent(REPO, environ, "https://huggingface.co")
    assert may_push(environ)


def test_the_file_is_one_repository_a_line_and_closed_to_others(
    environ: dict[bytes, bytes], tmp_path: Path
) -> None:
    for _ in range(2):
        publicity.consent(REPO, environ)
        publicity.consent("org/second", environ)
    file = tmp_path / "hf" / "neffcache_public_repos"
    assert file.read_text() == "me/cache\norg/second\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_the_setting_is_consent_too(environ: dict[bytes, bytes]) -> None:
    config = settings(hub_public=f"org/x, {REPO}")
    assert publicity.refusal(REPO, False, config, environ) is None
    assert publicity.refusal("org/y", False, config, environ) is not None


def test_weights_need_a_setting_of_their_own(environ: dict[bytes, bytes]) -> None:
    publicity.consent(REPO, environ)
    error = publicity.weights_refusal(REPO, False, settings(hub_public=REPO))
    assert error is not None
    assert "NEFFCACHE_HUB_PUBLIC_WEIGHTS=1" in error.remedy
    assert "flush --refused" in error.remedy
    assert publicity.weights_refusal(REPO, False, settings(hub_public_weights="1")) is None


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_what_others_may_have_written_is_no_consent(
    environ: dict[bytes, bytes], tmp_path: Path, mode: int
) -> None:
    publicity.consent(REPO, environ)
    file = tmp_path / "hf" / publicity.FILE
    file.chmod(mode)
    assert not may_push(environ)
    with pytest.raises(NeffcacheError, match="NEFFCACHE_HUB_PUBLIC=org/second"):
        publicity.consent("org/second", environ)
    assert file.read_text() == f"{REPO}\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_somebody_else_wrote_is_no_consent(
    environ: dict[bytes, bytes], tmp_path: Path
) -> None:
    publicity.consent(REPO, environ)
    os.chown(tmp_path / "hf" / publicity.FILE, 12345, 12345)
    assert not may_push(environ)


def test_a_file_that_cannot_be_read_is_no_consent(
    environ: dict[bytes, bytes], tmp_path: Path
) -> None:
    (tmp_path / "hf" / publicity.FILE).mkdir(parents=True)
    assert not may_push(environ)
    with pytest.raises(NeffcacheError):
        publicity.consent(REPO, environ)


def test_blank_lines_and_blanks_around_a_name_are_passed_over(
    environ: dict[bytes, bytes], tmp_path: Path
) -> None:
    (tmp_path / "hf").mkdir()
    file = tmp_path / "hf" / publicity.FILE
    file.write_text(f"\n  {REPO}\r\n\n")
    file.chmod(0o600)
    assert may_push(environ)


@pytest.mark.parametrize("repo", ["", "\n", "me", "me/cache\norg/other", " "])
def test_what_is_no_repository_is_never_agreed_to(environ: dict[bytes, bytes], repo: str) -> None:
    publicity.consent(REPO, environ)
    assert not may_push(environ, repo)


def test_without_a_home_nothing_is_agreed_to(tmp_path: Path) -> None:
    nowhere = {b"HOME": b"relative"}
    assert not may_push(nowhere)
    with pytest.raises(NeffcacheError, match="HF_HOME or HOME"):
        publicity.consent(REPO, nowhere)
    blocked = {b"HF_HOME": bytes(tmp_path / "file" / "hf")}
    (tmp_path / "file").write_text("")
    assert not may_push(blocked)
    with pytest.raises(NeffcacheError, match="cannot be noted"):
        publicity.consent(REPO, blocked)


def test_of_many_that_agree_at_once_nothing_is_lost(environ: dict[bytes, bytes]) -> None:
    repos = [f"me/cache{number}" for number in range(16)]
    start = threading.Barrier(len(repos))

    def agree(repo: str) -> None:
        start.wait()
        publicity.consent(repo, environ)

    threads = [threading.Thread(target=agree, args=(repo,)) for repo in repos]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [repo for repo in repos if not may_push(environ, repo)] == []


def test_a_last_line_without_an_end_stays_a_line(
    environ: dict[bytes, bytes], tmp_path: Path
) -> None:
    file = tmp_path / "hf" / "neffcache_public_repos"
    file.parent.mkdir()
    file.write_text("org/second")
    file.chmod(0o600)
    publicity.consent(REPO, environ)
    assert file.read_text() == "org/second\nme/cache\n"


def test_a_pipe_in_the_place_of_the_file_is_no_consent(
    environ: dict[bytes, bytes], tmp_path: Path
) -> None:
    (tmp_path / "hf").mkdir()
    os.mkfifo(tmp_path / "hf" / "neffcache_public_repos", 0o600)
    assert not may_push(environ)
    with pytest.raises(NeffcacheError, match="not this user's alone"):
        publicity.consent(REPO, environ)
