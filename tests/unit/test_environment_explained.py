"""One key for all ranks of a job; what users put in and keep out; a reason for every variable."""

from __future__ import annotations

import pytest

from neffcache import environment, environment_reasons
from unit import cluster

ENVIRON = {b"NEURON_FSDP": b"1", b"NEURON_RT_X": b"2", b"XLA_A": b"3", b"PATH": b"/bin"}


def labels(ignore: list[bytes], extra: list[bytes]) -> list[str]:
    return [label for label, _value in environment.selected(ENVIRON, ignore, extra)]


def test_all_ranks_of_a_job_have_one_key() -> None:
    found = {tuple(environment.selected(environ, (), ())) for environ in cluster.environments()}
    assert len(found) == 1
    assert [label for label, _value in found.pop()] == [
        "env NEURON_FSDP",
        "env NEURON_FUSE_SOFTMAX",
        "env NEURON_LOGICAL_NC_CONFIG",
        "env NEURON_TRANSFER_WITH_STATIC_RING_OPS",
        "env NKI_FRONTEND",
        "env XLA_DOWNCAST_BF16",
        "env XLA_FLAGS",
        "env XLA_IR_SHAPE_CACHE_SIZE",
        "env XLA_USE_BF16",
    ]


def test_the_ranks_do_differ() -> None:
    assert len({tuple(sorted(environ.items())) for environ in cluster.environments()}) == 8


@pytest.mark.parametrize("name", [b"NEURON_FSDP", b"XLA_USE_BF16", b"NEURON_LOGICAL_NC_CONFIG"])
def test_a_rank_that_would_compile_differently_has_a_key_of_its_own(name: bytes) -> None:
    environ = next(cluster.environments())
    changed = {**environ, name: b"7"}
    assert environment.selected(changed, (), ()) != environment.selected(environ, (), ())


def test_without_wishes_it_is_what_is_relevant() -> None:
    environ = next(cluster.environments())
    expected = [("env " + name.decode(), value) for name, value in environment.relevant(environ)]
    assert environment.selected(environ, (), ()) == expected


@pytest.mark.parametrize(
    ("ignore", "extra", "expected"),
    [
        ([b"XLA_A"], [], ["env NEURON_FSDP", "ignored environment"]),
        ([b"NEURON*", b"XLA_*"], [], ["ignored environment"]),
        ([b"OTHER"], [], ["env NEURON_FSDP", "env XLA_A", "ignored environment"]),
        ([], [b"PATH"], ["env NEURON_FSDP", "env PATH", "env XLA_A"]),
        ([], [b"NEURON_RT_*"], ["env NEURON_FSDP", "env NEURON_RT_X", "env XLA_A"]),
        ([b"XLA_A"], [b"XLA_*"], ["env NEURON_FSDP", "env XLA_A", "ignored environment"]),
        ([], [b"XLA"], ["env NEURON_FSDP", "env XLA_A"]),
    ],
)
def test_wishes(ignore: list[bytes], extra: list[bytes], expected: list[str]) -> None:
    assert labels(ignore, extra) == expected


def test_what_one_user_ignores_is_not_served_to_another() -> None:
    without = {name: value for name, value in ENVIRON.items() if name != b"XLA_A"}
    ignoring = environment.selected(ENVIRON, [b"XLA_A"], ())
    assert ignoring == environment.selected(without, [b"XLA_A"], ())
    assert ignoring != environment.selected(without, (), ())


def test_the_order_of_wishes_does_not_count() -> None:
    one, other = ([b"XLA_A", b"NKI_*"], [b"NKI_*", b"XLA_A", b"XLA_A"])
    assert environment.selected(ENVIRON, one, ()) == environment.selected(ENVIRON, other, ())


def test_xla_flags_that_were_asked_for_are_whole() -> None:
    environ = {b"XLA_FLAGS": b"--xla_dump_to=/a"}
    assert environment.selected(environ, (), ()) == []
    assert environment.selected(environ, (), [b"XLA_FLAGS"]) == [
        ("env XLA_FLAGS", b"--xla_dump_to=/a")
    ]


@pytest.mark.parametrize("pattern", [b"", b"*", b"A*B", b"**", b"A=1"])
def test_a_wish_that_is_no_name_is_a_problem(pattern: bytes) -> None:
    with pytest.raises(ValueError, match="name"):
        environment.check(pattern)


@pytest.mark.parametrize("pattern", [b"A", b"NEURON_*", b"N*"])
def test_names_and_beginnings_are_no_problem(pattern: bytes) -> None:
    environment.check(pattern)


WHY = {
    "NEURON_FSDP_X": (True, "sharded weights"),
    "NEURON_NEW": (True, "of the family NEURON*"),
    "XLA_FLAGS": (True, "options of XLA"),
    "XLA_NEW": (True, "of the family XLA_*"),
    "WANTED": (True, "NEFFCACHE_KEY_EXTRA_ENV"),
    "NKI_UNWANTED": (False, "NEFFCACHE_KEY_IGNORE_ENV"),
    "NEURON_RT_X": (False, "runtime"),
    "NEURON_PJRT_PROCESS_INDEX": (False, "ranks"),
    "NEFFCACHE_DIR": (False, "a setting of the cache"),
    "RANK": (False, "of no family"),
}


@pytest.mark.parametrize("name", WHY)
def test_every_variable_has_its_reason(name: str) -> None:
    environ = {other.encode(): b"--a" for other in WHY}
    found = {
        known.decode(): (within, reason)
        for known, within, reason in environment_reasons.explain(environ, [b"NKI_UN*"], [b"WANTED"])
    }
    assert found[name][0] == WHY[name][0]
    assert WHY[name][1] in found[name][1]


def test_flags_that_change_nothing_have_a_reason() -> None:
    found = environment_reasons.explain({b"XLA_FLAGS": b"--xla_dump_to=/a"}, (), ())
    assert found == [(b"XLA_FLAGS", False, "holds nothing but options that change no result")]


def test_all_variables_of_a_rank_are_explained() -> None:
    environ = next(cluster.environments())
    found = environment_reasons.explain(environ, (), ())
    assert [name for name, _within, _reason in found] == sorted(environ)
    assert all(reason for _name, _within, reason in found)
    within = [name for name, known, _reason in found if known]
    assert within == [name for name, _value in environment.relevant(environ)]
