"""What the Hub's client and optimum-neuron leave on a host: the home, the token, the saved name."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from entries import key_of, make_store
from neffcache import credentials, queue, remote
from neffcache.errors import NeffcacheError
from neffcache.hub import home, login, offline, saved

SPEC = remote.parse("hf://o/x?endpoint=http://127.0.0.1:9")
_HOMES: tuple[dict[str, str], ...] = (
    {"HOME": "/h"},
    {"HOME": "/h", "XDG_CACHE_HOME": "/x"},
    {"HOME": "/h", "XDG_CACHE_HOME": "/x", "HF_HOME": "/f"},
    {"HOME": "/h", "HF_HOME": "~/f"},
    {"HOME": "/h", "HF_HOME": "$HOME/${NAME}/$GONE/a$", "NAME": "n"},
    {"HOME": "/h", "HF_HOME": "relative/f"},
    {"HOME": "/h", "HF_HOME": "~root/f"},
    {"HF_HOME": "/f"},
    {},
)


def encoded(variables: dict[str, str]) -> dict[bytes, bytes]:
    return {os.fsencode(name): os.fsencode(value) for name, value in variables.items()}


@pytest.mark.parametrize("variables", _HOMES)
def test_places_are_those_of_the_client(variables: dict[str, str], tmp_path: Path) -> None:
    script = "from huggingface_hub import constants as c; print(c.HF_HOME); print(c.HF_TOKEN_PATH)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=variables, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    theirs = [os.path.join(tmp_path, line) for line in done.stdout.splitlines()]
    command = (
        "import os; from neffcache.hub import home, login; e = dict(os.environb);"
        "print(home.directory(e)); print(login.path(e))"
    )
    ours = subprocess.run(
        [sys.executable, "-c", command],
        env=variables, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ours.stdout.splitlines() == theirs


def test_empty_variables_count_as_unset() -> None:
    made = encoded({"HOME": "/h", "HF_HOME": "", "XDG_CACHE_HOME": "", "HF_TOKEN_PATH": ""})
    assert home.directory(made) == "/h/.cache/huggingface"
    assert login.path(made) == "/h/.cache/huggingface/token"


def test_without_a_home_there_is_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_uid: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert (home.directory({}), login.path({}), saved.path({}), saved.name({})) == ("", "", "", "")
    assert login.token({}) == b""
    with pytest.raises(NeffcacheError, match=r"no home directory.*HF_HOME or HOME"):
        saved.save({}, "o/x")


def test_the_token_of_a_variable_comes_before_the_login(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("filed\n")
    environ = {b"HF_HOME": os.fsencode(tmp_path)}
    assert login.token(environ) == b"filed"
    environ[b"HUGGING_FACE_HUB_TOKEN"] = b"older"
    assert login.token(environ) == b"older"
    environ[b"HF_TOKEN"] = b" newer\r\n"
    assert login.token(environ) == b"newer"
    environ[b"HF_TOKEN"] = b" "
    assert login.token(environ) == b"older"


def test_a_login_file_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("named")
    assert login.token({b"HF_TOKEN_PATH": os.fsencode(tmp_path / "t")}) == b"named"


@pytest.mark.parametrize("kind", ["gone", "directory", "below a file"])
def test_a_login_file_that_cannot_be_read_is_none(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "d").mkdir()
    path = {"gone": "g", "directory": "d", "below a file": "file/t"}[kind]
    assert login.from_file({b"HF_TOKEN_PATH": os.fsencode(tmp_path / path)}) == b""


def test_a_token_the_client_makes_itself_is_not_missed(tmp_path: Path) -> None:
    environ = {b"HF_HOME": os.fsencode(tmp_path)}
    assert login.missing(environ) == "no Hub token: set HF_TOKEN or run `hf auth login`"
    assert login.missing({**environ, b"HF_OIDC_RESOURCE": b"o/x"}) == ""


@pytest.mark.parametrize(
    ("variables", "is_offline"),
    [
        ({}, False),
        ({"HF_HUB_OFFLINE": "1"}, True),
        ({"HF_HUB_OFFLINE": "Yes"}, True),
        ({"HF_HUB_OFFLINE": "on"}, True),
        ({"HF_HUB_OFFLINE": "true"}, True),
        ({"HF_HUB_OFFLINE": "0"}, False),
        ({"HF_HUB_OFFLINE": "", "TRANSFORMERS_OFFLINE": "1"}, True),
        ({"HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "1"}, False),
    ],
)
def test_offline_is_what_the_client_takes_for_it(
    variables: dict[str, str], is_offline: bool
) -> None:
    assert offline.is_offline(encoded(variables)) == is_offline


@pytest.mark.parametrize("text", ["o/x", "o/x\n", "  o/x \r\n"])
def test_a_saved_name_is_read_as_optimum_reads_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "optimum_neuron_custom_cache").write_text(text)
    assert saved.name({b"HF_HOME": os.fsencode(tmp_path)}) == "o/x"


def test_a_name_is_saved_as_optimum_saves_it(tmp_path: Path) -> None:
    environ = {b"HF_HOME": os.fsencode(tmp_path / "a" / "b")}
    file = saved.save(environ, "o/x")
    assert file == f"{tmp_path}/a/b/optimum_neuron_custom_cache"
    assert Path(file).read_bytes() == b"o/x"
    saved.save(environ, "o/longer")
    saved.save(environ, "o/y")
    assert Path(file).read_bytes() == b"o/y"
    assert os.listdir(tmp_path / "a" / "b") == ["optimum_neuron_custom_cache"]


def test_others_may_read_a_saved_name_as_the_umask_says(tmp_path: Path) -> None:
    file = saved.save({b"HF_HOME": os.fsencode(tmp_path)}, "o/x")
    umask = os.umask(0)
    os.umask(umask)
    assert os.stat(file).st_mode & 0o777 == 0o666 & ~umask


def test_a_name_that_cannot_be_saved_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NeffcacheError, match=r"file/hf.*Not a directory.*CUSTOM_CACHE_REPO=o/x"):
        saved.save({b"HF_HOME": os.fsencode(tmp_path / "file" / "hf")}, "o/x")


def test_an_unreadable_saved_name_is_none(tmp_path: Path) -> None:
    (tmp_path / "optimum_neuron_custom_cache").mkdir()
    environ = {b"HF_HOME": os.fsencode(tmp_path)}
    assert saved.name(environ) == ""
    with pytest.raises(OSError, match="directory"):
        saved.read(saved.path(environ))


def test_the_secret_of_a_repository_is_the_users_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("filed")
    environ = {b"HF_HOME": os.fsencode(tmp_path)}
    assert remote.secret(SPEC, environ) == b"filed"
    assert remote.secret(SPEC, {**environ, b"HF_TOKEN": b"own"}) == b"own"
    named = remote.parse("hf://o/x?credential=env:OTHER")
    assert remote.secret(named, {**environ, b"HF_TOKEN": b"own"}) == b""
    assert remote.secret(remote.parse("file:///x"), {**environ, b"HF_TOKEN": b"own"}) == b""


def test_a_login_is_no_part_of_a_destination_but_a_token_is(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    environ = {b"HF_HOME": os.fsencode(tmp_path)}
    (tmp_path / "token").write_text("one")
    assert credentials.fingerprint(store, SPEC, environ) == ""
    marks = {
        credentials.fingerprint(store, SPEC, {**environ, b"HF_TOKEN": token})
        for token in (b"1", b"2", b"1")
    }
    assert len(marks - {""}) == 2


class TestWhatAnUploadWaitsFor:
    """`queue.why_not` for a repository."""

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.store = make_store(tmp_path / "store")
        self.login = tmp_path / "token"
        self.environ = {b"HF_HOME": os.fsencode(tmp_path)}

    def why_not(self, queued: dict[bytes, bytes], now: dict[bytes, bytes]) -> str:
        [marker] = queue.enqueue(self.store, key_of("a"), [SPEC], {**self.environ, **queued})
        return queue.why_not(self.store, marker.destination, {**self.environ, **now})

    def test_nobody_is_logged_in(self) -> None:
        assert self.why_not({}, {}) == "no Hub token: set HF_TOKEN or run `hf auth login`"

    def test_a_new_login_sends_what_waits(self) -> None:
        self.login.write_text("one")
        assert self.why_not({}, {}) == ""
        self.login.write_text("two")
        assert self.why_not({}, {}) == ""

    def test_only_the_same_token_sends_what_a_job_left(self) -> None:
        job = {b"HF_TOKEN": b"job"}
        assert self.why_not(job, job) == ""
        assert self.why_not(job, {}) == "HF_TOKEN is not set"
        other = {b"HF_TOKEN": b"other"}
        assert self.why_not(job, other).startswith("HF_TOKEN holds another secret")
        self.login.write_text("other")
        assert self.why_not(job, {}).startswith("the login holds another secret")

    def test_the_same_token_from_a_login_is_the_same(self) -> None:
        self.login.write_text("job")
        assert self.why_not({b"HF_TOKEN": b"job"}, {}) == ""

    def test_offline_nothing_is_sent(self) -> None:
        job = {b"HF_TOKEN": b"job"}
        assert self.why_not(job, {**job, b"HF_HUB_OFFLINE": b"1"}) == "HF_HUB_OFFLINE is set"


def test_relative_places_are_kept_for_who_goes_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environ = encoded({"HF_HOME": "hf", "HF_TOKEN_PATH": "t/$X", "X": "x", "HOME": "relative"})
    made = home.pinned(environ)
    assert made == {
        **environ,
        b"HF_HOME": os.fsencode(tmp_path / "hf"),
        b"HF_TOKEN_PATH": os.fsencode(tmp_path / "t" / "x"),
    }
    absolute = encoded({"HF_HOME": "/hf", "HF_TOKEN_PATH": "~/t", "XDG_CACHE_HOME": ""})
    assert home.pinned(absolute) == absolute
