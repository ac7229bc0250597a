"""Noun: what differs between two HLO modules, in words; for people, not for keys."""

from __future__ import annotations

import functools
import itertools

from neffcache.graph import hlo_fields as known
from neffcache.graph import wire

_LONGEST = 60  # of a value in a line
_ENOUGH = "… and more"
_MODULE = (
    "1 name, 2 entry_computation_name, 3 computations, 4 host_program_shape, 5 id, "
    "6 entry_computation_id, 7 schedule, 8 input_output_alias, 9 dynamic_parameter_binding, "
    "10 cross_program_prefetches, 11 is_dynamic, 12 spmd_output_sharding, 13 profile_info, "
    "14 spmd_parameters_shardings, 15 device_assignment, 16 use_auto_spmd_partitioning, "
    "17 stack_frame_index, 18 buffer_donor, 19 frontend_attributes, "
    "20 original_value_recovery_table, 21 device_type, 22 payloads, 23 pjrt_id"
)
_COMPUTATION = (
    "1 name, 2 instructions, 4 program_shape, 5 id, 6 root_id, 7 is_fusion_computation, "
    "8 execution_thread"
)
_INSTRUCTION = (
    "1 name, 2 opcode, 3 shape, 7 metadata, 8 literal, 9 parameter_number, 11 fusion_kind, "
    "13 tuple_index, 14 dimensions, 15 window, 16 convolution_dimension_numbers, "
    "17 slice_dimensions, 18 exponent_bits, 19 mantissa_bits, 20 dynamic_slice_sizes, "
    "21 padding_config, 22 outfeed_config, 23 distribution, 24 epsilon, 25 feature_index, "
    "26 channel_id, 27 infeed_config, 28 custom_call_target, 29 outfeed_shape, "
    "30 dot_dimension_numbers, 31 fft_type, 32 fft_length, 33 gather_dimension_numbers, "
    "34 gather_slice_sizes, 35 id, 36 operand_ids, 37 control_predecessor_ids, "
    "38 called_computation_ids, 40 sharding, 43 backend_config, 45 all_reduce_id, "
    "47 is_host_transfer, 48 scatter_dimension_numbers, 49 replica_groups, "
    "50 feature_group_count, 51 precision_config, 52 source_target_pairs, "
    "54 domain_entry_sharding, 55 domain_exit_sharding, 56 constrain_layout, "
    "57 operand_shapes_with_layout, 58 batch_group_count, 59 triangular_solve_options, "
    "60 is_stable, 61 parameter_replication, 62 cholesky_options, 63 comparison_direction, "
    "65 custom_call_has_side_effect, 66 delta, 67 indices_are_sorted, 68 frontend_attributes, "
    "69 unique_indices, 70 rng_algorithm, 71 use_global_device_ids, 72 comparison_type, "
    "73 is_cross_program_prefetch, 74 output_operand_aliasing, 75 padding_type, "
    "76 custom_call_schedule, 77 custom_call_api_version, 78 async_group_id, "
    "79 async_execution_thread, 80 cross_program_prefetch_index, 81 k, 82 statistics_viz, "
    "85 largest, 86 dot_sparsity, 87 collective_device_list, 88 original_value, "
    "89 is_composite, 90 ragged_dot_dimension_numbers, 91 result_accuracy, "
    "92 iota_collective_device_list, 93 mesh_axes_replica_group_list, 94 is_reverse, "
    "95 num_carries, 96 is_associative, 97 conv_kind, 98 sparsity_config, "
    "99 backend_config_payload"
)
_READABLE = frozenset((1, 2, 11, 28, 43, 63, 72, 79))

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Message = dict[int, list[bytes]]  # number → values, of varints their bytes
    Places = tuple[dict[bytes, str], dict[bytes, str]]  # id → place, in both modules


def compare(first: bytes, second: bytes, level: str, most: int = 50) -> list[str]:
    """The differences that count at a level, at most so many lines.

    Raises:
        ValueError: one of them is no HLO module.
    """
    try:
        found = list(itertools.islice(_modules(first, second, level == "canonical"), most + 1))
    except (wire.Malformed, IndexError, KeyError) as error:
        raise ValueError(f"not an HLO module: {error}") from error
    return [*found[:most], _ENOUGH] if len(found) > most else found


def _modules(first: bytes, second: bytes, canonical: bool) -> Iterator[str]:
    a, b = _message(first), _message(second)
    skip = {3, 5, 17, 23} | ({1, 6} if canonical else set())
    yield from _fields("module", (a, b), _MODULE, skip)
    if not a.get(3) or not b.get(3):
        raise wire.Malformed("no computation")
    ours, theirs = _computations(a), _computations(b)
    if len(ours) != len(theirs):
        yield f"module: {len(ours)} computations, and {len(theirs)}"
    outer = (_numbers(ours), _numbers(theirs))
    if canonical and _ranks(ours) != _ranks(theirs):
        yield "module: the order of computation ids differs"
    words = _words(a, ours) | _words(b, theirs) if canonical else None
    for one, other in zip(ours, theirs, strict=False):
        entry = _last(one, 5) == _last(a, 6)
        yield from _computation((one, other), outer, words, entry)


def _words(module: Message, computations: list[Message]) -> set[bytes]:
    """Names that attributes may refer to."""
    found = known.words(_last(module, 19))
    for computation in computations:
        for body in computation.get(2, []):
            if b"\xa2\x04" in body:
                found |= known.words(_last(_message(body), 68))
    return found


def _computations(module: Message) -> list[Message]:
    return [_message(body) for body in module[3]]


def _numbers(items: list[Message]) -> dict[bytes, str]:
    """Id → place and name, which is how a reference is told."""
    return {_last(item, _id_of(item)): f"{at}" for at, item in enumerate(items)}


def _id_of(item: Message) -> int:
    return 35 if 35 in item else 5


def _computation(
    pair: tuple[Message, Message], outer: Places, words: set[bytes] | None, entry: bool
) -> Iterator[str]:
    """`words` are the names that count; None: all do."""
    a, b = pair
    where = f"computation {_text(_last(a, 1))}"
    ours, theirs = ([_message(body) for body in side.get(2, [])] for side in pair)
    inner = (_numbers(ours), _numbers(theirs))
    if words is not None and _last(a, 1) not in words:
        for side in pair:
            side[1] = [known.stem(_last(side, 1))]
    yield from _fields(where, pair, _COMPUTATION, {2, 6} if words is None else {2, 5, 6})
    if inner[0].get(_last(a, 6)) != inner[1].get(_last(b, 6)):
        yield f"{where}: another root"
    if words is not None and _ranks(ours) != _ranks(theirs):
        yield f"{where}: the order of ids differs"
    at = _first_gap(ours, theirs)
    for one, other in zip(ours[:at], theirs[:at], strict=True):
        named = words is None or _name_counts(one, other, words, entry)
        yield from _instruction(where, (one, other), (inner, outer), (words is not None, named))
    if at < max(len(ours), len(theirs)):
        names = [_text(_last(side[at], 1)) if at < len(side) else "none" for side in (ours, theirs)]
        yield (
            f"{where}: {len(ours)} instructions, and {len(theirs)}; "
            f"from {names[0]} and {names[1]} on they are not the same"
        )


def _ranks(items: list[Message]) -> list[int]:
    ids = [int.from_bytes(_last(item, _id_of(item)), "little") for item in items]
    return sorted(range(len(ids)), key=ids.__getitem__)


def _first_gap(ours: list[Message], theirs: list[Message]) -> int:
    """Where the lists part, if they have not the same length; else their end."""
    if len(ours) == len(theirs):
        return len(ours)
    pairs = enumerate(zip(ours, theirs, strict=False))
    return next(
        (at for at, (a, b) in pairs if _last(a, 2) != _last(b, 2)), min(len(ours), len(theirs))
    )


def _instruction(
    where: str,
    pair: tuple[Message, Message],
    places: tuple[Places, Places],
    reading: tuple[bool, bool],
) -> Iterator[str]:
    canonical, named = reading
    where = f"{where}, instruction {_text(_last(pair[0], 1))}"
    inner, outer = places
    skip = {7, 35, 36, 37, 38} | (set() if named else {1})
    yield from _fields(where, pair, _INSTRUCTION, skip)
    for number, known_places in ((36, inner), (37, inner), (38, outer)):
        told = [
            [ids.get(one, "?") for one in wire.split(_last(side, number))]
            for side, ids in zip(pair, known_places, strict=True)
        ]
        if told[0] != told[1]:
            yield f"{where}: {_names(_INSTRUCTION)[number]} differs"
    kept = [known.reduced_metadata(_last(side, 7), canonical) for side in pair]
    if kept[0] != kept[1]:
        yield f"{where}: metadata differs"
    if not canonical and _last(pair[0], 35) != _last(pair[1], 35):
        yield f"{where}: id differs"


def _name_counts(one: Message, other: Message, words: set[bytes], entry: bool) -> bool:
    names = [_last(one, 1), _last(other, 1)]
    if not words.isdisjoint(names):
        return True
    stems = {known.stem(name) for name in names}
    return entry and _last(one, 2) == b"parameter" and len(stems) == 2


def _fields(where: str, pair: tuple[Message, Message], names: str, skip: set[int]) -> Iterator[str]:
    a, b = pair
    words = _names(names)
    for number in sorted((a.keys() | b.keys()) - skip):
        ours, theirs = a.get(number, []), b.get(number, [])
        if words.get(number) == "frontend_attributes":
            ours, theirs = ([known.sorted_map(one) for one in side] for side in (ours, theirs))
        if ours != theirs:
            name = words.get(number, f"unknown field {number}")
            yield f"{where}: {name} {_how(ours, theirs, number)}"


def _how(ours: list[bytes], theirs: list[bytes], number: int) -> str:
    if not ours or not theirs:
        return f"is only in the {'second' if not ours else 'first'}"
    if number in _READABLE and len(ours) == len(theirs) == 1:
        return f"differs: {_text(ours[0])} and {_text(theirs[0])}"
    return "differs"


@functools.cache
def _names(table: str) -> dict[int, str]:
    pairs = [entry.split(" ") for entry in table.split(", ")]
    return {int(number): name for number, name in pairs}


def _message(body: bytes) -> Message:
    found: Message = {}
    for tag, _start, value, stop in wire.fields(body, 0, len(body)):
        found.setdefault(tag >> 3, []).append(body[value:stop])
    return found


def _last(message: Message, number: int) -> bytes:
    return message.get(number, [b""])[-1]


def _text(value: bytes) -> str:
    shown = value.decode("utf-8", "backslashreplace")
    shown = "".join(one if one.isprintable() else "?" for one in shown)
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"
