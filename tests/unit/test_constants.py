"""Constants in a graph: never fewer than there are, and few where the weights are outside."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphs import codec, keys, mlir_programs, schema, semantic, zoo
from neffcache.graph import constants, source
from neffcache.invocation import Bypass

SIZES = (1, 31, 1000, 20_000)
DTYPES = ("float32", "bfloat16", "int8", "uint8", "bool", "int32", "float64", "complex64", "int4")
SMALL = ("bool", "int4")  # may take less than a byte each
FORMS = ("hlo", "text", "bytecode")


def inlined(tmp_path: Path, data: bytes, name: str = "graph") -> int:
    path = tmp_path / name
    path.write_bytes(data)
    return constants.inlined(str(path))


def random(size: int, dtype: str) -> np.ndarray[Any, Any]:
    bits = np.random.default_rng(size).integers(0, 256, size * 8, dtype=np.uint8)
    if dtype == "bool":
        return (bits[:size] > 127).astype(bool)
    if dtype in ("int4", "bfloat16"):
        return np.asarray(jnp.asarray(bits[:size].astype(np.int8) % 8, dtype=dtype))
    return bits.view(dtype)[:size]


@functools.cache
def lowered(size: int, dtype: str) -> Any:
    """A program with an array closed over, as users who inline their weights write it."""
    weights = random(size, dtype)

    def apply(x: Any) -> Any:
        return x, jnp.asarray(weights)

    return jax.jit(apply).lower(jax.ShapeDtypeStruct((size,), "float32"))


def written(program: Any, form: str) -> bytes:
    """A lowered program as a graph file."""
    if form == "hlo":
        return bytes(program.compiler_ir("hlo").as_serialized_hlo_module_proto())
    if form == "text":
        return str(program.as_text()).encode()
    from jax._src.interpreters import mlir

    return bytes(mlir.module_to_bytecode(program.compiler_ir("stablehlo")))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_every_number_of_an_inlined_array_counts(
    tmp_path: Path, size: int, dtype: str, form: str
) -> None:
    jax.config.update("jax_enable_x64", dtype == "float64")
    program = lowered(size, dtype)
    jax.config.update("jax_enable_x64", False)
    found = inlined(tmp_path, written(program, form))
    needed = size * np.dtype(random(1, dtype).dtype).itemsize // (8 if dtype in SMALL else 1)
    assert found >= needed
    assert constants.may_be_weights(found) or needed <= constants.HARMLESS


@pytest.mark.parametrize("name", zoo.NAMES)
def test_a_real_program_with_its_weights_outside_is_harmless(tmp_path: Path, name: str) -> None:
    found = inlined(tmp_path, zoo.graph(name))
    assert found < 300
    assert not constants.may_be_weights(found)


@pytest.mark.parametrize("form", ["proto", "snapshot"])
def test_a_wrapped_module_counts_alike(tmp_path: Path, form: str) -> None:
    module = zoo.graph("llama_step")
    proto = codec.one(codec.text(1, module))
    wrapped = proto if form == "proto" else codec.one(codec.text(1, proto))
    assert inlined(tmp_path, wrapped) == inlined(tmp_path, module)


def test_the_arguments_of_a_snapshot_are_the_weights(tmp_path: Path) -> None:
    proto = codec.one(codec.text(1, zoo.graph("mlp")))
    arguments = codec.one(codec.text(2, os.urandom(5000)))
    assert inlined(tmp_path, codec.one(codec.text(1, proto)) + arguments) >= 5000


def with_literal(data: bytes, size: int, count: int = 1) -> bytes:
    module = keys.module(zoo.graph("llama_step"))
    first, *others = list(semantic.instructions(module, "constant"))[:count]
    first.literal.u8s = data[:size]
    for other in others:
        other.literal.CopyFrom(first.literal)
    return bytes(keys.written(module))


@pytest.mark.parametrize("size", [100, 16_000, 17_000, 70_000, 1_100_000])
def test_a_literal_counts_in_instructions_of_every_size(tmp_path: Path, size: int) -> None:
    found = inlined(tmp_path, with_literal(os.urandom(size), size))
    assert size <= found <= size + 500


def test_large_files_are_read_through_a_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = with_literal(os.urandom(300_000), 300_000)
    path = tmp_path / "graph"
    path.write_bytes(data)
    whole = constants.inlined(str(path))
    held: list[int] = []
    init, load = source.Source.__init__, source.Source.load

    def without_memory(made: source.Source, fd: int, size: int) -> None:
        init(made, fd, size, 0)

    def watched(made: source.Source, at: int, need: int) -> None:
        load(made, at, need)
        held.append(len(made.data))

    monkeypatch.setattr(source.Source, "__init__", without_memory)
    monkeypatch.setattr(source.Source, "load", watched)
    monkeypatch.setattr(source, "WINDOW", 1000)
    assert constants.inlined(str(path)) == whole
    assert max(held) < 20_000


def test_equal_small_constants_count_once_and_large_ones_each_time(tmp_path: Path) -> None:
    before = inlined(tmp_path, with_literal(b"", 0))
    small = inlined(tmp_path, with_literal(b"z" * 40, 40, 3))
    large = inlined(tmp_path, with_literal(b"z" * 400, 400, 3))
    assert small <= before + 60
    assert large >= 1200


@pytest.mark.parametrize("where", ["module", "computation", "instruction"])
def test_a_field_that_nobody_knows_counts(tmp_path: Path, where: str) -> None:
    unknown = codec.text(300, os.urandom(3000))
    path = {"module": [], "computation": [(3, 0)], "instruction": [(3, 0), (2, 0)]}[where]
    data = codec.edit(zoo.graph("mlp"), path, lambda fields: [*fields, unknown])
    assert inlined(tmp_path, data) >= 3000


@pytest.mark.parametrize(("size", "counts"), [(9000, False), (20_000, True)])
@pytest.mark.parametrize("field", ["backend_config", "frontend_attributes"])
def test_a_configuration_counts_when_no_framework_writes_one_as_long(
    tmp_path: Path, field: str, size: int, counts: bool
) -> None:
    module = keys.module(zoo.graph("mlp"))
    first = module.computations[0].instructions[0]
    if field == "backend_config":
        first.backend_config = b"x" * size
    else:
        first.frontend_attributes.map["k"] = "x" * size
    assert (inlined(tmp_path, keys.written(module)) >= size) is counts


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_what_cannot_be_read_counts_whole(tmp_path: Path, cut: int) -> None:
    data = zoo.graph("llama")[:-cut]
    assert inlined(tmp_path, data) == len(data)
    assert inlined(tmp_path, os.urandom(5000)) == 5000
    assert inlined(tmp_path, b"") == 0


@pytest.mark.parametrize("program", mlir_programs.NAMES)
@pytest.mark.parametrize("form", ["txt", "dbg"])
def test_a_text_with_its_weights_outside_is_harmless(
    tmp_path: Path, program: str, form: str
) -> None:
    data = mlir_programs.read(next(iter(mlir_programs.SCENARIOS)), program, form)
    assert not constants.may_be_weights(inlined(tmp_path, data))


def text(body: str) -> bytes:
    return f"module {{\n  func.func @main() {{\n    {body}\n  }}\n}}\n".encode()


@pytest.mark.parametrize(
    "body",
    [
        'stablehlo.constant dense<"0x@"> : tensor<5000xi8>',
        "stablehlo.constant dense<[@]> : tensor<5000xf32>",
        "stablehlo.constant sparse<[[0]], [@]> : tensor<5000xf32>",
        'x.y {a = array<f32: @>, b = "c"}',
        'x.y {a = opaque<"d", "0x@">}',
        'x.y {a = "say \\22dense<@>\\22"}',
        '"x.y"() {backend_config = "@@@@"} : () -> ()',
        "// dense<@>",
        '// "\n    stablehlo.constant dense<@>',
    ],
)
@pytest.mark.parametrize("chunk", [7, 100, 4096, 1 << 20])
def test_what_a_text_holds_counts(
    tmp_path: Path, body: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neffcache.files.CHUNK", chunk)
    data = "7," * 2500
    found = inlined(tmp_path, text(body.replace("@", data)), "graph.mlir")
    assert 5000 <= found <= 21_000


def test_resources_behind_a_text_count(tmp_path: Path) -> None:
    body = text("stablehlo.constant dense_resource<w> : tensor<5000xi8>")
    blob = b'\n{-#\n dialect_resources: { builtin: { w: "0x%b" } }\n#-}\n' % (b"7f" * 5000)
    assert inlined(tmp_path, body, "a.mlir") == 0
    assert inlined(tmp_path, body + blob, "a.mlir") >= 10_000


def test_the_signature_of_a_function_is_no_constant(tmp_path: Path) -> None:
    arguments = ", ".join(f"%arg{n}: tensor<4096x4096xbf16>" for n in range(2000))
    data = f"module {{\n  func.func @main({arguments}) {{\n  }}\n}}\n".encode()
    assert inlined(tmp_path, data, "a.mlir") == 0


def directory(tmp_path: Path, **files: bytes) -> int:
    top = tmp_path / "model"
    for name, data in {"graph.hlo": zoo.graph("mlp"), **files}.items():
        path = top / name.replace("__", "/").replace("_json", ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return constants.inlined(str(top))


def test_the_weights_of_a_directory_count(tmp_path: Path) -> None:
    alone = directory(tmp_path, metadata_json=b"{}" * 1000)
    assert not constants.may_be_weights(alone)
    assert directory(tmp_path, weights__a=b"x" * 5000, b=b"y" * 7) == alone + 5007
    assert directory(tmp_path, metadata_json=b"{}" * 10_000) == alone + 5007 + 20_000


def test_a_directory_that_is_none_raises(tmp_path: Path) -> None:
    directory(tmp_path)
    os.mkfifo(tmp_path / "model" / "pipe")
    with pytest.raises(Bypass):
        constants.inlined(str(tmp_path / "model"))
    with pytest.raises(OSError, match="No such file"):
        constants.inlined(str(tmp_path / "nothing"))


def test_files_that_options_name_count_but_for_shapes(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"x" * 2000)
    assert constants.in_option("--tfpb", str(file)) == 2000
    assert constants.in_option("--io-config", str(file)) == 0
    file.write_bytes(b"x" * 20_000)
    assert constants.in_option("--io-config", str(file)) == 20_000


@pytest.mark.parametrize(
    ("count", "may"), [(None, True), (-1, True), (0, False), (1024, False), (1025, True)]
)
def test_what_is_not_known_to_be_harmless_may_be_weights(count: int | None, may: bool) -> None:
    assert constants.may_be_weights(count) is may


def test_the_schema_puts_literals_where_they_are_looked_for() -> None:
    instruction = schema.message("xla.HloInstructionProto").DESCRIPTOR.fields_by_name
    assert instruction["literal"].number == 8
    assert schema.message("xla.LiteralProto").DESCRIPTOR.fields_by_name["shape"].number == 1
