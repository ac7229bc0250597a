"""Unit: settings: environment over files over defaults, and what is wrong with a wrong one."""

from __future__ import annotations

import os
import posix
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neffcache import config, options
from neffcache.errors import SettingError
from unit import makers

BOOLEANS = [row[0] for row in options.OPTIONS if row[1] == "bool"]


@pytest.fixture(autouse=True)
def _no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own settings file stays out."""
    monkeypatch.setattr(config, "SYSTEM_FILE", "/nonexistent/neffcache.conf")


def _file(path: Path, text: str) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return os.fsencode(path)


def test_every_option_has_a_default_and_a_slot() -> None:
    made = config.load({})
    assert [name for name, *_ in options.OPTIONS if not hasattr(made, name)] == []
    assert sorted(options.Config.__slots__) == sorted(
        ["origins", *(name for name, *_ in options.OPTIONS)]
    )


def test_defaults_switch_nothing_on_but_what_helps_a_job() -> None:
    made = config.load({})
    assert [name for name in BOOLEANS if getattr(made, name)] == [
        "hub_everybody",
        "catch_up",
        "retry_failed",
    ]
    assert (made.dir, made.remotes, made.max_size, made.wait) == ("", (), -1, 7200.0)
    assert made.origins == {}


@pytest.mark.parametrize("text", ["1", "true", "yes", "on", "TRUE", "Yes", " on "])
def test_words_for_yes(text: str) -> None:
    assert makers.settings(disable=text).disable is True


@pytest.mark.parametrize("text", ["0", "false", "no", "off", "OFF"])
def test_words_for_no(text: str) -> None:
    assert makers.settings(disable=text).disable is False


@pytest.mark.parametrize("text", ["2", "y", "enabled", "tru", "-1", "none", " "])
def test_other_words_are_refused_with_name_and_remedy(text: str) -> None:
    with pytest.raises(SettingError) as caught:
        makers.settings(readonly=text)
    assert caught.value.what.startswith("NEFFCACHE_READONLY=")
    assert "1/true/yes/on or 0/false/no/off" in caught.value.remedy


@pytest.mark.parametrize("name", [row[0] for row in options.OPTIONS])
def test_an_empty_variable_counts_as_unset(name: str) -> None:
    made = config.load({config.variable(name).encode(): b""})
    assert getattr(made, name) == getattr(config.load({}), name)
    assert made.origins == {}


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("123", 123),
        ("500M", 500 << 20),
        ("50G", 50 << 30),
        ("50g", 50 << 30),
        ("50GB", 50 << 30),
        ("50GiB", 50 << 30),
        ("1.5T", 3 << 39),
        ("2 K", 2048),
        ("", -1),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert config.size(text) == size


@pytest.mark.parametrize("text", ["-1", "G", "10X", "1e99", "nan", "inf", "10 G G", "ten"])
def test_malformed_sizes_are_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"NEFFCACHE_MAX_SIZE=.*500M"):
        makers.settings(max_size=text)


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "soon", "5s"])
def test_malformed_seconds_are_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"NEFFCACHE_WAIT=.*number of seconds"):
        makers.settings(wait=text)


@pytest.mark.parametrize("text", ["relative/dir", "./x", "~other/x", "file:///x"])
def test_a_path_must_be_absolute(text: str) -> None:
    with pytest.raises(SettingError, match=r"NEFFCACHE_DIR=.*absolute"):
        makers.settings(dir=text)


def test_a_path_may_start_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(posix.environ, b"HOME", b"/home/someone")
    assert makers.settings(dir="~/cache").dir == "/home/someone/cache"
    monkeypatch.delitem(posix.environ, b"HOME")
    with pytest.raises(SettingError, match="without HOME"):
        makers.settings(dir="~/cache")


def test_a_path_keeps_bytes_that_are_no_text() -> None:
    made = config.load({b"NEFFCACHE_DIR": b"/x/\xff"})
    assert os.fsencode(made.dir) == b"/x/\xff"


def test_remotes_are_separated_by_blanks_or_commas_in_order() -> None:
    made = makers.settings(remotes=" file:///b,s3://a/p  hf://x/y ")
    assert made.remotes == ("file:///b", "s3://a/p", "hf://x/y")


def test_an_unknown_variable_is_refused_by_its_name() -> None:
    with pytest.raises(SettingError, match="unknown setting NEFFCACHE_MAXSIZE"):
        makers.settings(maxsize="5G")


def test_the_recursion_variable_is_no_setting() -> None:
    assert config.load({b"NEFFCACHE_ACTIVE": b"/x"}).origins == {}


def test_other_variables_are_left_alone() -> None:
    assert config.load({b"NEURON_X": b"1", b"PATH": b"/x", b"XNEFFCACHE_DIR": b"?"}).origins == {}


def test_a_named_file_gives_values_and_their_lines(tmp_path: Path) -> None:
    text = "# comment\n\n  wait = 5 \nremotes=file:///a?x=1 \n"
    path = _file(tmp_path / "conf", text)
    made = config.load({b"NEFFCACHE_CONFIG": path})
    assert (made.wait, made.remotes) == (5.0, ("file:///a?x=1",))
    assert made.origins["wait"] == f"{tmp_path / 'conf'}:3"


def test_environment_beats_file_beats_default(tmp_path: Path) -> None:
    path = _file(tmp_path / "conf", "wait = 5\nremote_timeout = 7\n")
    made = config.load({b"NEFFCACHE_CONFIG": path, b"NEFFCACHE_WAIT": b"9"})
    assert (made.wait, made.remote_timeout, made.upload_wait) == (9.0, 7.0, 0.0)
    assert made.origins["wait"] == "environment"


def test_the_users_file_beats_the_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = _file(tmp_path / "system", "wait = 5\nremote_timeout = 7\n")
    monkeypatch.setattr(config, "SYSTEM_FILE", os.fsdecode(system))
    _file(tmp_path / ".config" / "neffcache.conf", "wait = 6\n")
    made = config.load({b"HOME": os.fsencode(tmp_path)})
    assert (made.wait, made.remote_timeout) == (6.0, 7.0)


def test_a_named_file_stands_in_for_both_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = _file(tmp_path / "system", "wait = 5\n")
    monkeypatch.setattr(config, "SYSTEM_FILE", os.fsdecode(system))
    _file(tmp_path / ".config" / "neffcache.conf", "wait = 6\n")
    named = _file(tmp_path / "named", "")
    made = config.load({b"HOME": os.fsencode(tmp_path), b"NEFFCACHE_CONFIG": named})
    assert made.wait == 7200.0


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"NEFFCACHE_CONFIG=.*cannot be read"):
        config.load({b"NEFFCACHE_CONFIG": os.fsencode(tmp_path / "none")})


@pytest.mark.parametrize("text", ["wait 5\n", "wait = soon\n", "wiat = 5\n"])
def test_a_wrong_line_is_named(tmp_path: Path, text: str) -> None:
    path = _file(tmp_path / "conf", "\n" + text)
    with pytest.raises(SettingError, match=f"{tmp_path / 'conf'}:2"):
        config.load({b"NEFFCACHE_CONFIG": path})


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({b"XDG_CONFIG_HOME": b"/x"}, "/x/neffcache.conf"),
        ({b"XDG_CONFIG_HOME": b"x", b"HOME": b"/h"}, "/h/.config/neffcache.conf"),
        ({b"HOME": b"/h"}, "/h/.config/neffcache.conf"),
        ({b"HOME": b"h"}, ""),
        ({}, ""),
    ],
)
def test_where_the_users_file_lies(environ: dict[bytes, bytes], path: str) -> None:
    assert config.user_file(environ) == path


def test_the_fallback_keeps_only_well_formed_places() -> None:
    environ = {
        b"NEFFCACHE_DIR": b"/cache",
        b"NEFFCACHE_LOG": b"relative",
        b"NEFFCACHE_COMPILER": b"/bin/cc",
        b"NEFFCACHE_WAIT": b"soon",
        b"NEFFCACHE_DISABLE": b"1",
        b"NEFFCACHE_WIAT": b"5",
    }
    made = config.fallback(environ)
    assert (made.dir, made.log, made.compiler) == ("/cache", "", "/bin/cc")
    assert (made.wait, made.disable) == (7200.0, False)


@given(
    st.dictionaries(
        st.sampled_from([config.variable(row[0]).encode() for row in options.OPTIONS]),
        st.binary().map(lambda value: value.replace(b"\0", b"")),
    )
)
def test_any_values_are_taken_or_refused_and_always_fall_back(environ: dict[bytes, bytes]) -> None:
    with suppress(SettingError):
        config.load(environ)
    assert config.fallback(environ).origins == {}


@pytest.mark.parametrize("name", options.CHOICES)
def test_a_choice_is_one_of_its_words(name: str) -> None:
    for word in options.CHOICES[name]:
        assert getattr(makers.settings(**{name: word.upper()}), name) == word
    with pytest.raises(SettingError) as caught:
        makers.settings(**{name: "other"})
    assert caught.value.what.startswith(f"{config.variable(name)}=other")
    assert caught.value.remedy == f"use one of {', '.join(options.CHOICES[name])}"
