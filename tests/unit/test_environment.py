"""Unit: which environment variables are in the key."""

from __future__ import annotations

import pytest

from neffcache import environment

IN = [
    "XLA_IR_DEBUG",
    "XLA_HLO_DEBUG",
    "XLA_FLAGS",
    "XLA_ANYTHING_ELSE",
    "NEURON_LOGICAL_NC_CONFIG",
    "NEURON_PLATFORM_TARGET_OVERRIDE",
    "NEURON_FSDP",
    "NEURON_FSDP_NUM_LAYER_COALESCE",
    "NEURON_UNHEARD_OF",
    "NEURON_RTX",
    "NEURON_CC_FLAGSX",
    "NKI_ANYTHING",
    "NKI_COMPILER_FLAGS",
    "NEURONX_ANYTHING",
    "NEURON_LIBRARY_PATHS",
]
OUT = [
    "NEURON_RT_VISIBLE_CORES",
    "NEURON_RT_",
    "NEURON_CC_FLAGS",
    "NEURON_COMPILE_CACHE_URL",
    "NEURON_PARALLEL_COMPILE_MAX",
    "NEURON_LIBRARY_PATH",
    "NEURON_LIBTORCH_X",
    "TORCH_NEURONX_DEBUG_DIR",
    "TORCH_NEURONX_CACHE_DIR",
    "NEURON_PJRT_PROCESS_INDEX",
    "NEURON_PJRT_PROCESSES_NUM_DEVICES",
    "NEURON_DUMP_PATH",
    "NEURON_EXTRACT_GRAPHS_ONLY",
    "NEURON_DUMP_HLO_SNAPSHOT",
    "XLA_PYTHON_CLIENT_MEM_FRACTION",
    "PATH",
    "HOME",
    "RANK",
    "SLURM_NODEID",
    "neuron_fsdp",
    "xla_flags",
    "MY_NEURON_FSDP",
    "NEFFCACHE_DIR",
    "SDKSTANDIN_FAIL",
]


def _relevant(**variables: bytes) -> list[tuple[bytes, bytes]]:
    return environment.relevant({name.encode(): value for name, value in variables.items()})


def _flags(value: bytes) -> bytes:
    """What is left of XLA_FLAGS."""
    found = dict(_relevant(XLA_FLAGS=value))
    return found.get(b"XLA_FLAGS", b"")


@pytest.mark.parametrize("name", IN)
def test_a_variable_that_may_change_the_result_is_in(name: str) -> None:
    assert _relevant(**{name: b"1"}) == [(name.encode(), b"1")]


@pytest.mark.parametrize("name", OUT)
def test_a_variable_that_does_not_is_out(name: str) -> None:
    assert _relevant(**{name: b"1"}) == []


def test_every_neutral_row_has_its_reason() -> None:
    assert [name for name, reason in environment.NEUTRAL if len(reason.split()) < 3] == []
    assert environment.why_neutral(b"NEURON_RT_X") == "read by the runtime, not by the compiler"
    assert environment.why_neutral(b"NEURON_FSDP") == ""


def test_an_empty_value_is_not_the_same_as_none() -> None:
    assert _relevant(NEURON_FSDP=b"") == [(b"NEURON_FSDP", b"")]


def test_the_order_of_the_environment_does_not_matter() -> None:
    one = _relevant(XLA_B=b"1", NEURON_A=b"2", NKI_C=b"3")
    other = _relevant(NKI_C=b"3", NEURON_A=b"2", XLA_B=b"1")
    assert one == other
    assert [name for name, _value in one] == [b"NEURON_A", b"NKI_C", b"XLA_B"]


def test_values_that_are_no_text_are_kept() -> None:
    assert environment.relevant({b"NKI_\xff": b"\xfe"}) == [(b"NKI_\xff", b"\xfe")]


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (b"--xla_a=1 --xla_dump_to=/tmp/x --xla_b=2", b"--xla_a=1 --xla_b=2"),
        (b"--xla_dump_to=/tmp/x --xla_dump_hlo_as_text", b""),
        (b"--xla_force_host_platform_device_count=8", b""),
        (b"--xla_a=1  \t --xla_b=2\n", b"--xla_a=1 --xla_b=2"),
        (b"--xla_b=2 --xla_a=1", b"--xla_b=2 --xla_a=1"),
        (b"--xla_dumps=1", b"--xla_dumps=1"),
        (b"--not_xla_dump_to=1", b"--not_xla_dump_to=1"),
        (b"", b""),
    ],
)
def test_dump_options_inside_xla_flags_are_out(value: bytes, left: bytes) -> None:
    assert _flags(value) == left


@pytest.mark.parametrize(
    "value", [b"--xla_a='x --xla_dump_to=y'", b'--xla_dump_to="/x y" --xla_a=1']
)
def test_xla_flags_with_quotes_are_kept_whole(value: bytes) -> None:
    assert _flags(value) == value


def test_dump_options_elsewhere_are_kept() -> None:
    assert _relevant(XLA_OTHER=b"--xla_dump_to=x") == [(b"XLA_OTHER", b"--xla_dump_to=x")]
