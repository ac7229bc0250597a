"""Unit: the key: every part counts, no two lists of parts give one digest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from neffcache import environment, files, invocation, key
from neffcache.graph import raw, walk
from neffcache.invocation import Bypass
from neffcache.key import Key, Part

COMPILER = [("compiler", b"neuronx-cc 2.21"), ("compiler record", b"ab")]
labels = st.text(max_size=4) | st.binary(max_size=4).map(files.decode)
parts = st.lists(st.tuples(labels, st.binary(max_size=4)), max_size=5)


def _key(pairs: list[tuple[str, bytes]]) -> str:
    return Key([Part(label, value) for label, value in pairs]).digest


def _compute(
    cwd: Path, *words: str, environ: dict[bytes, bytes] | None = None, target: str = ""
) -> Key:
    call = invocation.parse(["compile", "in.pb", *words], str(cwd))
    around = environment.selected(environ or {}, (), ())
    return key.compute(call, _graph(cwd), COMPILER, around, target)


def _graph(cwd: Path) -> raw.Graph:
    return walk.walk(str(cwd / "in.pb"), raw.STRICT, str(cwd), lambda _path: None).graph


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    """A working directory with a graph and two files."""
    for name in ("in.pb", "one", "two"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


@given(parts, parts)
def test_different_parts_have_different_keys(
    one: list[tuple[str, bytes]], other: list[tuple[str, bytes]]
) -> None:
    spelled = [[(files.encode(label), value) for label, value in pairs] for pairs in (one, other)]
    assert (_key(one) == _key(other)) == (spelled[0] == spelled[1])


@given(st.binary(min_size=1), st.binary(), st.data())
def test_moving_bytes_between_neighbours_changes_the_key(
    first: bytes, second: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(first) - 1))
    moved = [("option", first[:at]), ("option", first[at:] + second)]
    assert _key(moved) != _key([("option", first), ("option", second)])


@given(st.text(min_size=1, max_size=8), st.text(max_size=8), st.data())
def test_moving_text_between_label_and_value_changes_the_key(
    label: str, value: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(label) - 1))
    moved = (label[:at], (label[at:] + value).encode("utf-8", "surrogatepass"))
    assert _key([moved]) != _key([(label, value.encode("utf-8", "surrogatepass"))])


@given(parts, st.sampled_from(["", "1 "]))
def test_a_label_cannot_play_the_lines_behind_it(pairs: list[tuple[str, bytes]], size: str) -> None:
    """A label that spells out a further line is still one part."""
    assume(pairs)
    digest = Part("x", b"y").digest
    first = Part(*pairs[0]).digest
    forged = (f"x\n{first} {size}{pairs[0][0]}", b"y")
    assert _key([forged, *pairs[1:]]) != _key([("x", b"y"), *pairs])
    behind = (f"{pairs[0][0]}\n{digest} {size}x", pairs[0][1])
    assert _key([behind, *pairs[1:]]) != _key([pairs[0], ("x", b"y"), *pairs[1:]])


def test_the_order_of_parts_counts() -> None:
    assert _key([("option", b"a"), ("option", b"b")]) != _key([("option", b"b"), ("option", b"a")])


@given(parts)
def test_labels_and_digests_alone_give_the_key(pairs: list[tuple[str, bytes]]) -> None:
    """A manifest holds no values, and can be checked all the same."""
    made = Key([Part(label, value) for label, value in pairs])
    assert key.combine([(part.label, part.digest) for part in made.parts]) == made.digest


def test_the_parts_of_a_compile_stand_in_order(cwd: Path) -> None:
    environ = {b"NEURON_B": b"2", b"NEURON_A": b"1", b"PATH": b"/x"}
    found = _compute(cwd, "--io-config=one", "-O1", environ=environ, target="trn2").parts
    assert [(part.label, part.value) for part in found] == [
        *COMPILER,
        ("graph", _graph(cwd).text().encode()),
        ("target", b"trn2"),
        ("option", b"--io-config"),
        ("option", b"--optlevel=1"),
        ("file --io-config", files.digest(b"one").encode()),
        ("env NEURON_A", b"1"),
        ("env NEURON_B", b"2"),
    ]


def test_a_given_target_leaves_no_room_for_the_named_one(cwd: Path) -> None:
    named = _compute(cwd, "--target=trn1", target="trn2")
    assert [part.label for part in named.parts].count("target") == 0
    assert named.digest == _compute(cwd, "--target=trn1").digest


def test_where_the_compile_runs_does_not_count(
    cwd: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "in.pb").write_bytes(b"in.pb")
    assert _compute(cwd, "-O1").digest == _compute(other, "-O1", "--output=x").digest


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (("-O2",), {}),
        (("-O1", "-O1"), {}),
        (("-O1", "--unknown"), {}),
        ((), {}),
        (("-O1",), {b"NEURON_FSDP": b"1"}),
        (("-O1",), {b"XLA_FLAGS": b"--xla_a"}),
    ],
)
def test_options_and_environment_count(
    cwd: Path, words: tuple[str, ...], environ: dict[bytes, bytes]
) -> None:
    assert _compute(cwd, *words, environ=environ).digest != _compute(cwd, "-O1").digest


def test_the_graphs_content_counts(cwd: Path) -> None:
    before = _compute(cwd).digest
    (cwd / "in.pb").write_bytes(b"in.pc")
    assert _compute(cwd).digest != before


def test_the_format_counts(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _compute(cwd).digest
    monkeypatch.setattr(key, "FORMAT", key.FORMAT + 1)
    assert _compute(cwd).digest != before


@pytest.mark.parametrize("option", ["--unknown={d}/one", "--tensorizer-options='--x={d}/one --y'"])
def test_the_content_of_a_named_file_counts(cwd: Path, option: str) -> None:
    word = option.format(d=cwd)
    before = _compute(cwd, word).digest
    (cwd / "one").write_bytes(b"changed")
    assert _compute(cwd, word).digest != before


def test_only_the_content_of_a_documented_file_counts(cwd: Path) -> None:
    (cwd / "two").write_bytes(b"one")
    assert _compute(cwd, "--io-config=one").digest == _compute(cwd, "--io-config", "two").digest


def test_the_last_of_two_documented_files_is_not_the_first(cwd: Path) -> None:
    """The right-most one wins: swapped, they are another compile."""
    one = _compute(cwd, "--io-config=one", "--io-config=two").digest
    assert _compute(cwd, "--io-config=two", "--io-config=one").digest != one


def test_a_named_file_that_went_away_is_not_for_the_cache(cwd: Path) -> None:
    call = invocation.parse(["compile", "in.pb", "--unknown=one"], str(cwd))
    os.unlink(cwd / "one")
    with pytest.raises(Bypass) as caught:
        key.compute(call, _graph(cwd), COMPILER, ())
    assert caught.value.outcome == "graph_unreadable"
    assert "one" in caught.value.detail


@pytest.mark.parametrize(
    ("name", "value"), [(b"XLA_FLAGS", "one"), (b"XLA_FLAGS", "{d}/one"), (b"NEURON_X", "{d}/one")]
)
def test_the_content_of_a_file_that_a_variable_names_counts(
    cwd: Path, name: bytes, value: str
) -> None:
    environ = {name: value.format(d=cwd).encode()}
    before = _compute(cwd, environ=environ).digest
    (cwd / "one").write_bytes(b"changed")
    assert _compute(cwd, environ=environ).digest != before


def test_a_word_that_happens_to_be_a_file_is_a_word(cwd: Path) -> None:
    environ = {b"NEURON_X": b"one"}
    before = _compute(cwd, environ=environ).digest
    (cwd / "one").write_bytes(b"changed")
    assert _compute(cwd, environ=environ).digest == before


def test_names_and_values_that_are_no_text_count(cwd: Path) -> None:
    keys = {
        _compute(cwd, environ={name: value}).digest
        for name in (b"NKI_\xff", b"NKI_\xfe")
        for value in (b"\xff", b"\xfe")
    }
    assert len(keys) == 4
