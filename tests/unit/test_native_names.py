"""libneuronxla's cache: which names are entries, what state they are in, where the cache lies."""

from __future__ import annotations

import pytest

from natives import ENTRY, VERSION
from neffcache.cache import native_reading
from neffcache.errors import SettingError
from neffcache.native import names, root, state


@pytest.mark.parametrize(
    "entry",
    [ENTRY, f"{VERSION}/MODULE_2209f8fcf8a2ef6b2a2b+e30acd3a", "neuronxcc-2.14.213.0/MODULE_1+2"],
)
def test_entry_is_recognised(entry: str) -> None:
    assert names.is_entry(entry)


@pytest.mark.parametrize(
    "entry",
    [
        "",
        VERSION,
        f"{VERSION}/MODULE_",
        f"{VERSION}/0_REGISTRY",
        f"{VERSION}/MODULE_a/b",
        f"/{ENTRY}",
        f"../{ENTRY}",
        f"{VERSION}/../MODULE_x",
        f"{VERSION}/MODULE_..",
        f"{VERSION}/MODULE_a b",
        f"{VERSION}/MODULE_a\0",
        f"{VERSION}/MODULE_{'9' * 300}",
        f"{ENTRY}.lock",
        "neuronxcc-/MODULE_x",
    ],
)
def test_what_could_be_another_path_is_no_entry(entry: str) -> None:
    assert not names.is_entry(entry)
    assert names.entry_of(f"{entry}/model.neff") == ("", "")


def test_file_of_an_entry_is_told_from_its_entry() -> None:
    assert names.entry_of(f"{ENTRY}/model.neff") == (ENTRY, "model.neff")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (("model.hlo_module.pb", "compile_flags.json", "model.neff", "model.done"), state.WHOLE),
        (("model.neff", "model.done", "model.log"), state.WHOLE),
        (("model.hlo_module.pb", "model.log"), state.FAILED),
        (("model.hlo_module.pb", "model.hlo_module.pb.lock"), state.LOCKED),
        (("model.neff", "model.done", "model.hlo_module.pb.lock"), state.LOCKED),
        (("model.hlo.pb", "compile_flags.txt", "model.neff"), state.OLD),
        (("model.hlo_module.pb", "model.neff"), state.PARTIAL),
        (("model.hlo_module.pb",), state.PARTIAL),
        ((), state.PARTIAL),
    ],
)
def test_files_tell_the_state(found: tuple[str, ...], expected: str) -> None:
    assert state.of(found) == expected


def test_copy_of_a_lock_on_a_remote_is_held_by_nobody() -> None:
    found = ("model.neff", "model.done", "model.hlo_module.pb.lock")
    assert state.of(found, locks=False) == state.WHOLE


@pytest.mark.parametrize(
    ("flags", "url", "expected"),
    [
        ("", "", root.DEFAULT),
        ("--model-type=unet", "", root.DEFAULT),
        ("--cache_dir=/a", "/b", "/a"),
        ("-O1 --cache_dir /a --x", "/b", "/a"),
        ("--cache_dir=/a --cache_dir=/c", "", "/c"),
        ('--cache_dir="/a b/c.d"', "", "/a b/c.d"),
        ("--cache_dir '/a b'", "", "/a b"),
        (r"--cache_dir=/a\ b", "", "/a b"),
        ("", "/b c/d.e", "/b c/d.e"),
        ("", "relative/dir", "/cwd/relative/dir"),
        ("--cache_dir=./x", "", "/cwd/./x"),
        ("--cache_dirs=/no", "/b/", "/b"),
    ],
)
def test_root_is_found_as_libneuronxla_finds_it(flags: str, url: str, expected: str) -> None:
    environ = {b"NEURON_CC_FLAGS": flags.encode(), b"NEURON_COMPILE_CACHE_URL": url.encode()}
    assert root.find(environ, "/cwd") == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"NEURON_COMPILE_CACHE_URL", b"s3://bucket/cache"),
        (b"NEURON_CC_FLAGS", b"--cache_dir=s3://bucket/cache"),
        (b"NEURON_COMPILE_CACHE_URL", b"~/cache"),
        (b"NEURON_COMPILE_CACHE_URL", b"file:///cache"),
        (b"NEURON_CC_FLAGS", b"--cache_dir='/open"),
    ],
)
def test_cache_that_is_no_directory_here_is_left_alone(name: bytes, value: bytes) -> None:
    with pytest.raises(SettingError, match=name.decode()) as caught:
        root.find({name: value}, "/")
    assert caught.value.remedy


def test_listing_holds_entries_and_nothing_else() -> None:
    rows = [
        ("README.md", 1, "x"),
        (f"{VERSION}/0_REGISTRY/0.4.5/a.json", 1, "x"),
        (f"{ENTRY}/deeper/model.neff", 1, "x"),
        (f"neuronxcc-x/../{ENTRY}/model.neff", 1, "x"),
        (f"{ENTRY}/model.neff", 5, "d"),
    ]
    assert native_reading.by_entry(rows) == {ENTRY: {"model.neff": (5, "d")}}
