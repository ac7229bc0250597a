"""Files that custom calls name: content counts, place does not; the uncertain is refused."""

from __future__ import annotations

import base64
import itertools
import json
from pathlib import Path

import pytest

from graphs import codec, keys, zoo
from neffcache.graph import hlo, outside
from neffcache.invocation import Bypass

KERNEL, LIBRARY = outside.KERNEL, outside.LIBRARY


def _config(path: object, **more: object) -> bytes:
    stated = {"func_name": "k", "grid": [1, 2], "klir_binary": {"binary": str(path)}, **more}
    return base64.b64encode(json.dumps(stated).encode())


def _plant(directory: Path, **contents: str) -> Path:
    """A directory with files (`_` is the dot of a name); `{}` in a text is the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        (directory / name.replace("_", ".")).write_text(text.replace("{}", str(directory)))
    return directory


def _answer(directory: Path, **more: object) -> bytes | None:
    return outside.Outside("/")(KERNEL, _config(directory / "k.json", **more))


def test_same_kernel_elsewhere_gives_the_same_answer(tmp_path: Path) -> None:
    first = _plant(tmp_path / "one", k_json='{"c": "{}/c.npy"}', c_npy="1")
    second = _plant(tmp_path / "another", k_json='{"c": "{}/c.npy"}', c_npy="1")
    assert _answer(first) == _answer(second)


def test_edited_kernel_gives_another_answer(tmp_path: Path) -> None:
    where = _plant(tmp_path, k_json="[1]")
    before = _answer(where)
    _plant(tmp_path, k_json="[]")
    assert _answer(where) != before


@pytest.mark.parametrize("spelling", ["{}/c.npy", "c.npy", "./c.npy"])
def test_file_named_in_the_kernel_counts(tmp_path: Path, spelling: str) -> None:
    where = _plant(tmp_path, k_json=json.dumps({"shared": spelling}), c_npy="1")
    before = _answer(where)
    _plant(tmp_path, c_npy="2")
    assert _answer(where) != before


def test_file_named_in_a_file_named_in_the_kernel_counts(tmp_path: Path) -> None:
    where = _plant(tmp_path, k_json='["{}/a.json"]', a_json='["{}/b.npy"]', b_npy="1")
    before = _answer(where)
    _plant(tmp_path, b_npy="2")
    assert _answer(where) != before


def test_path_with_a_blank_is_followed(tmp_path: Path) -> None:
    where = _plant(tmp_path / "a dir", k_json='{"c": "{}/c.npy"}', c_npy="1")
    before = _answer(where)
    _plant(where, c_npy="2")
    assert _answer(where) != before


def test_two_kernels_that_trade_constants_differ(tmp_path: Path) -> None:
    first = _plant(tmp_path / "1", k_json='["{}/a.npy", "{}/b.npy"]', a_npy="1", b_npy="2")
    second = _plant(tmp_path / "2", k_json='["{}/a.npy", "{}/b.npy"]', a_npy="2", b_npy="1")
    assert _answer(first) != _answer(second)


def test_rest_of_the_configuration_counts(tmp_path: Path) -> None:
    where = _plant(tmp_path, k_json="[1]")
    assert _answer(where) != _answer(where, grid=[2, 1])


def test_dotted_name_is_understood(tmp_path: Path) -> None:
    where = _plant(tmp_path, k_json="[1]")
    config = base64.b64encode(json.dumps({"klir_binary.binary": f"{where}/k.json"}).encode())
    assert outside.Outside("/")(KERNEL, config)


def test_kernel_is_found_below_its_own_directory(tmp_path: Path) -> None:
    _plant(tmp_path / "last", k_json="[1]")
    asked = outside.Outside(str(tmp_path))
    assert asked(KERNEL, _config("/nowhere/last/k.json")) is not None
    assert list(asked.references) == [f"{tmp_path}/last/k.json"]


def test_references_tell_path_digest_and_size(tmp_path: Path) -> None:
    where = _plant(tmp_path, k_json='["{}/c.npy"]', c_npy="12345")
    asked = outside.Outside("/")
    asked(KERNEL, _config(where / "k.json"))
    assert {path: size for path, (_, size) in asked.references.items()}[f"{where}/c.npy"] == 5


def test_files_that_name_each_other_end(tmp_path: Path) -> None:
    where = _plant(tmp_path, k_json='["{}/a.json"]', a_json='["{}/k.json"]')
    assert _answer(where) is not None


def test_chain_of_files_that_is_too_long_is_refused(tmp_path: Path) -> None:
    names = "abcdefgh"
    chain = {f"{a}_json": f'["{{}}/{b}.json"]' for a, b in itertools.pairwise(names)}
    where = _plant(tmp_path, k_json='["{}/a.json"]', **chain, h_json="[]")
    with pytest.raises(Bypass, match="graph_custom_code"):
        _answer(where)


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    contents = {f"c{at}_npy": str(at) for at in range(300)}
    where = _plant(
        tmp_path, k_json=json.dumps([f"{{}}/c{at}.npy" for at in range(300)]), **contents
    )
    with pytest.raises(Bypass, match="graph_custom_code"):
        _answer(where)


@pytest.mark.parametrize(
    "config",
    [
        b"",
        b"not base64!",
        base64.b64encode(b"[]"),
        base64.b64encode(b"not json"),
        base64.b64encode(b'{"klir_binary": {"binary": 5}}'),
        _config("/nowhere/at/all.json"),
        _config("relative.json"),
        _config("/"),
    ],
)
def test_kernel_that_cannot_be_found_is_refused(config: bytes) -> None:
    with pytest.raises(Bypass, match="graph_custom_code"):
        outside.Outside("/")(KERNEL, config)


def test_library_counts_by_content(tmp_path: Path) -> None:
    answers = []
    for name, text in (("1", "code"), ("2", "code"), ("3", "other")):
        where = _plant(tmp_path / name, lib_so=text)
        answers.append(outside.Outside("/")(LIBRARY, f"path={where}/lib.so;hash=0;".encode()))
    assert answers[0] == answers[1] != answers[2]


@pytest.mark.parametrize("config", [b"", b"path=x.so;hash=0;", b"path=/no/x.so;hash=0;", b"/x.so"])
def test_library_that_cannot_be_found_is_refused(config: bytes) -> None:
    with pytest.raises(Bypass, match="graph_custom_code"):
        outside.Outside("/")(LIBRARY, config)


@pytest.mark.parametrize("config", [b"", b"unspecified_dims=[0]", b'{"a": 1, "b": "x/y"}', b"a;b"])
def test_configuration_without_files_stays(config: bytes) -> None:
    assert outside.Outside("/")(b"Sharding", config) is None


@pytest.mark.parametrize(
    "config", [b'{"f": "/tmp/x"}', b"path=/x", base64.b64encode(b"a /etc/x b")]
)
def test_unknown_call_that_names_a_path_is_refused(config: bytes) -> None:
    with pytest.raises(Bypass, match="graph_custom_code"):
        outside.Outside("/")(b"Other", config)


def test_unknown_call_that_names_a_file_beside_is_refused(tmp_path: Path) -> None:
    _plant(tmp_path, k_npy="1")
    with pytest.raises(Bypass, match="graph_custom_code"):
        outside.Outside(str(tmp_path))(b"Other", b"file k.npy")


def test_unknown_call_of_the_family_is_refused() -> None:
    with pytest.raises(Bypass, match="graph_custom_code"):
        outside.Outside("/")(b"AwsNeuronCustomNew", b"x")


def _graph(directory: Path) -> bytes:
    module = keys.module(zoo.graph("neuron_mlp"))
    for found in module.computations[-1].instructions:
        if found.custom_call_target == KERNEL.decode():
            found.backend_config = _config(directory / "k.json")
    return keys.written(module)


@pytest.mark.parametrize("level", hlo.LEVELS)
def test_edited_kernel_changes_the_digest_of_its_graph(tmp_path: Path, level: str) -> None:
    graph = _graph(_plant(tmp_path, k_json="[1]"))
    before = keys.digest(graph, level, outside.Outside("/")).hexdigest
    _plant(tmp_path, k_json="[]")
    assert keys.digest(graph, level, outside.Outside("/")).hexdigest != before


@pytest.mark.parametrize("level", keys.NORMALISING)
def test_kernel_elsewhere_keeps_the_digest_of_its_graph(tmp_path: Path, level: str) -> None:
    found = {
        keys.digest(
            _graph(_plant(tmp_path / name, k_json="[1]")), level, outside.Outside("/")
        ).hexdigest
        for name in ("one", "another")
    }
    assert len(found) == 1


def test_graph_whose_kernel_is_missing_is_refused(tmp_path: Path) -> None:
    for level in hlo.LEVELS:
        with pytest.raises(Bypass, match="graph_custom_code"):
            keys.digest(_graph(tmp_path), level, outside.Outside("/"))


@pytest.mark.parametrize("level", keys.NORMALISING)
def test_kernel_is_seen_in_any_order_of_fields(tmp_path: Path, level: str) -> None:
    """Target and configuration behind everything that a quick look goes by."""

    def turn(fields: list[codec.Field]) -> list[codec.Field]:
        late = [field for field in fields if field.number in {28, 43}]
        early = [field for field in fields if field.number not in {28, 43}]
        return [*early, *late, codec.text(68, b"")]

    graph = _graph(_plant(tmp_path, k_json="[1]"))
    other = codec.edit(graph, [(3, -1), (2, -2)], turn)
    before = keys.digest(other, level, outside.Outside("/")).hexdigest
    _plant(tmp_path, k_json="[2]")
    assert keys.digest(other, level, outside.Outside("/")).hexdigest != before
