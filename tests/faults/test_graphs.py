"""Graphs that are broken, unreadable, or change under the compiler's hands."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from faults.making import PlainUser, comes_from, command, double, real_compile, write_graph
from hosts import TRAIN, Host
from neffcache.graph import walk
from neffcache.invocation import Bypass

CHUNK = 1 << 20
# Rewrites the graph, and puts size and time back as they were.
SWAP = 'cp -p "$GRAPH" "$GRAPH.kept"; cat "$OTHER" >"$GRAPH"; touch -r "$GRAPH.kept" "$GRAPH"'


@pytest.mark.parametrize("content", [b"", TRAIN.read_bytes()[:9000]], ids=["empty", "truncated"])
def test_broken_graph_fails_as_without_us(true_host: Host, tmp_path: Path, content: bytes) -> None:
    graph = tmp_path / "broken.pb"
    graph.write_bytes(content)
    status = real_compile(true_host, tmp_path / "real", command(graph, "out.neff"))
    assert true_host.compile(tmp_path / "work", graph).status == status == 70
    assert true_host.outcomes() == ["compile_failed"]
    assert true_host.entries() == []


def test_unreadable_graph_is_left_to_the_compiler(plain_user: PlainUser, tmp_path: Path) -> None:
    graph = write_graph(tmp_path / "secret.mlir", "secret")
    graph.chmod(0)
    done = plain_user.compile(tmp_path / "work", graph)
    assert done.status == 70
    assert "NCC_EUOC002" in done.err
    assert plain_user.outcomes() == ["graph_unreadable"]
    assert plain_user.compiles == 1


def test_pipe_as_graph_is_left_to_the_compiler_unread(host: Host, tmp_path: Path) -> None:
    content = write_graph(tmp_path / "content.mlir", "piped").read_bytes()
    pipe = tmp_path / "graph.mlir"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=pipe.write_bytes, args=(content,))
    feeder.start()
    done = host.compile(tmp_path / "work", pipe)
    feeder.join()
    assert done.status == 0
    assert comes_from(tmp_path / "work" / "out.neff", tmp_path / "content.mlir")
    assert host.outcomes() == ["graph_unreadable"]


def test_graph_that_vanishes_after_the_key_fails_as_without_us(host: Host, tmp_path: Path) -> None:
    graph = write_graph(tmp_path / "graph.mlir", "short_lived")
    variables = double(host, f'rm "{graph}"; exec "$REAL" "$@"')
    assert host.compile(tmp_path / "work", graph, variables=variables).status == 70
    assert host.outcomes() == ["compile_failed"]


def test_graph_that_vanishes_after_the_compile_is_not_kept(host: Host, tmp_path: Path) -> None:
    graph = write_graph(tmp_path / "graph.mlir", "short_lived")
    variables = double(host, f'"$REAL" "$@" || exit; rm "{graph}"')
    assert host.compile(tmp_path / "work", graph, variables=variables).status == 0
    assert (tmp_path / "work" / "out.neff").exists()
    assert host.outcomes() == ["inputs_changed"]
    assert host.entries() == []


def _swapped(host: Host, tmp_path: Path, after: str) -> tuple[Path, Path, dict[str, str]]:
    graph = write_graph(tmp_path / "graph.mlir", "one")
    other = write_graph(tmp_path / "other.mlir", "two")
    body = f'GRAPH="{graph}"; OTHER="{other}"; {SWAP}; "$REAL" "$@" || exit; {after}'
    return graph, other, double(host, body)


def test_graph_swapped_under_the_compile_is_not_kept(host: Host, tmp_path: Path) -> None:
    """Same size, same time, same inode: only the content tells."""
    graph, other, variables = _swapped(host, tmp_path, ":")
    before = graph.stat()
    assert host.compile(tmp_path / "work", graph, variables=variables).status == 0
    after = graph.stat()
    assert (before.st_size, before.st_mtime_ns, before.st_ino) == (
        after.st_size, after.st_mtime_ns, after.st_ino,
    )  # fmt: skip
    assert comes_from(tmp_path / "work" / "out.neff", other)
    assert host.outcomes() == ["inputs_changed"]
    assert host.entries() == []


def test_graph_swapped_and_put_back_is_not_kept(host: Host, tmp_path: Path) -> None:
    """The content is the key's again when the compile ends, but it was not what was compiled."""
    back = 'cat "$GRAPH.kept" >"$GRAPH"; touch -r "$GRAPH.kept" "$GRAPH"'
    graph, other, variables = _swapped(host, tmp_path, back)
    assert host.compile(tmp_path / "work", graph, variables=variables).status == 0
    assert comes_from(tmp_path / "work" / "out.neff", other)
    assert host.outcomes() == ["inputs_changed"]
    assert host.entries() == []


def test_graph_moved_away_and_back_is_not_kept(host: Host, tmp_path: Path) -> None:
    graph = write_graph(tmp_path / "graph.mlir", "one")
    other = write_graph(tmp_path / "other.mlir", "two")
    body = (
        f'mv "{graph}" "{graph}.kept"; cp "{other}" "{graph}"; "$REAL" "$@" || exit\n'
        f'mv "{graph}.kept" "{graph}"'
    )
    assert host.compile(tmp_path / "work", graph, variables=double(host, body)).status == 0
    assert comes_from(tmp_path / "work" / "out.neff", other)
    assert host.outcomes() == ["inputs_changed"]


def test_file_of_a_flag_that_changes_is_not_kept(host: Host, tmp_path: Path) -> None:
    graph = write_graph(tmp_path / "graph.mlir", "steady")
    config = tmp_path / "io.json"
    config.write_text("{}")
    variables = double(host, f'"$REAL" "$@" || exit; echo changed >"{config}"')
    argv = command(graph, "out.neff", f"--io-config={config}")
    assert host.cc(tmp_path / "work", *argv, variables=variables).status == 0
    assert host.outcomes() == ["inputs_changed"]


def _custom_code(at: int) -> bytes:
    """A program that calls code nobody can find; the name of the call's target starts at `at`."""
    head = b"module @m {\n"
    name = b"@AwsNeuronCustomSomething"
    call = b"    %0 = stablehlo.custom_call "
    padding = (b"\n" + b" " * 999) * (at // 1000 + 1)
    padding = padding[: at - len(head) - len(call) - 1] + b"\n"
    rest = b'(%a) {backend_config = "x"} : (tensor<2xf32>) -> tensor<2xf32>\n}\n'
    return head + padding + call + name + rest


@pytest.mark.parametrize("before", [0, 1, 10, 24])
@pytest.mark.parametrize("level", ["raw", "strict"])
def test_custom_code_is_seen_across_a_chunk_boundary(
    tmp_path: Path, level: str, before: int
) -> None:
    graph = write_graph(tmp_path / "graph.mlir", "replaced")
    graph.write_bytes(_custom_code(CHUNK - before))
    with pytest.raises(Bypass) as caught:
        walk.walk(str(graph), level, str(tmp_path), lambda _path: None)
    assert caught.value.outcome == "graph_custom_code"


def test_graph_with_custom_code_is_compiled_and_not_kept(host: Host, tmp_path: Path) -> None:
    graph = write_graph(tmp_path / "graph.mlir", "replaced")
    graph.write_bytes(_custom_code(CHUNK - 5))
    assert host.compile(tmp_path / "work", graph).status == 0
    assert comes_from(tmp_path / "work" / "out.neff", graph)
    assert host.outcomes() == ["graph_custom_code"]
    assert host.entries() == []


def _model(tmp_path: Path) -> Path:
    model = tmp_path / "model"
    (model / "weights").mkdir(parents=True)
    write_graph(model / "graph.hlo", "with_weights")
    (model / "weights" / "w.bin").write_bytes(b"12345")
    return model


ODD = {
    "dangling link": ("nowhere", "graph_unreadable"),
    "link to directory": ("..", "graph_directory_odd"),
    "pipe": ("", "graph_directory_odd"),
}


@pytest.mark.parametrize("kind", ODD)
def test_model_directory_with_something_odd_is_passed_on(
    host: Host, tmp_path: Path, kind: str
) -> None:
    model = _model(tmp_path)
    odd = model / "weights" / "odd"
    target, outcome = ODD[kind]
    if target:
        odd.symlink_to(target)
    else:
        os.mkfifo(odd)
    host.compile(tmp_path / "work", model)
    assert host.outcomes() == [outcome]
    assert host.compiles == 1


def test_link_in_a_model_directory_counts_by_its_content(host: Host, tmp_path: Path) -> None:
    """Caches of models link every weight."""
    model = _model(tmp_path)
    weight = tmp_path / "weight"
    (model / "weights" / "linked").symlink_to(weight)
    for content in ("one", "two", "two"):
        weight.write_text(content)
        host.compile(tmp_path / "work", model)
    keys = [record["key"] for record in host.journal()]
    assert keys[0] != keys[1] == keys[2]


def test_model_directory_nested_without_end_is_passed_on(host: Host, tmp_path: Path) -> None:
    model = _model(tmp_path)
    (model / "/".join("d" * 40)).mkdir(parents=True)
    host.compile(tmp_path / "work", model)
    assert host.outcomes() == ["graph_directory_odd"]


def test_model_directory_that_gains_a_file_is_another_key(host: Host, tmp_path: Path) -> None:
    model = _model(tmp_path)
    host.compile(tmp_path / "work", model)
    (model / "weights" / "more.bin").write_bytes(b"")
    host.compile(tmp_path / "work", model)
    keys = {record.get("key") for record in host.journal()}
    assert len(keys) == 2


def test_arguments_that_are_no_text_are_cached_all_the_same(host: Host, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    content = write_graph(tmp_path / "content.mlir", "named").read_bytes()
    Path(os.fsdecode(os.fsencode(work) + b"/gr\xe4ph.pb")).write_bytes(content)
    argv = (b"compile", b"gr\xe4ph.pb", b"--target=trn1", b"--output=\xff.neff")
    assert [host.cc(work, *argv).status for _ in range(2)] == [0, 0]
    assert host.outcomes() == ["compiled", "hit_local"]
    assert comes_from(
        Path(os.fsdecode(os.fsencode(work) + b"/\xff.neff")), tmp_path / "content.mlir"
    )


@pytest.mark.parametrize("flag", ["--frobnicate", "--frobnicate=3", "-z"])
def test_unknown_flag_ends_as_without_us(host: Host, tmp_path: Path, flag: str) -> None:
    graph = write_graph(tmp_path / "graph.mlir", "plain")
    argv = command(graph, "out.neff", flag)
    status = real_compile(host, tmp_path / "real", argv)
    assert host.cc(tmp_path / "work", *argv).status == status == 2
    assert host.entries() == []


def test_unknown_flag_that_the_compiler_takes_is_in_the_key(host: Host, tmp_path: Path) -> None:
    graph = write_graph(tmp_path / "graph.mlir", "plain")
    for flag in ("--internal-new=1", "--internal-new=2", "--internal-new=2"):
        assert host.compile(tmp_path / "work", graph, flag).status == 0
    assert host.outcomes() == ["compiled", "compiled", "hit_local"]


def test_two_inputs_are_left_to_the_compiler(host: Host, tmp_path: Path) -> None:
    one = write_graph(tmp_path / "one.mlir", "one")
    two = write_graph(tmp_path / "two.mlir", "two")
    argv = command(one, "out.neff", str(two))
    status = real_compile(host, tmp_path / "real", argv)
    assert host.cc(tmp_path / "work", *argv).status == status == 2
    assert host.outcomes() == ["several_inputs"]


def test_graph_that_is_its_own_output_is_not_kept(host: Host, tmp_path: Path) -> None:
    graph = write_graph(tmp_path / "graph.mlir", "eaten")
    assert host.compile(tmp_path / "work", graph, output=str(graph)).status == 0
    assert host.outcomes() == ["inputs_changed"]
