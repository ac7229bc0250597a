"""Graphs: changes that may decide the binary, by what they change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from graphs import schema

# Changes the module in place; False: it has nothing of the kind.
Change = Callable[[Any], bool]


def instructions(module: Any, *opcodes: str) -> Iterator[Any]:
    """The entry's instructions first, as the rest may be small."""
    for computation in reversed(module.computations):
        for found in computation.instructions:
            if not opcodes or found.opcode in opcodes:
                yield found


def _first(field: str, change: Callable[[Any], None], *opcodes: str) -> Change:
    """Change the first instruction that has a field."""

    def apply(module: Any) -> bool:
        for found in instructions(module, *opcodes):
            value = getattr(found, field)
            if value.ByteSize() if hasattr(value, "ByteSize") else value:
                change(found)
                return True
        return False

    return apply


def _set(field: str, value: Any) -> Change:
    """Give the first instruction that can have it another value."""
    return _first("opcode", lambda found: setattr(found, field, value))


def _module(change: Callable[[Any], object]) -> Change:
    def apply(module: Any) -> bool:
        change(module)
        return True

    return apply


def _constant(module: Any) -> bool:
    for found in instructions(module, "constant"):
        values = next((v for _, v in found.literal.ListFields()[1:]), None)
        if isinstance(values, bytes):
            return False
        if values and not isinstance(values[0], bool):
            values[0] = 8 if values[0] == 7 else 7
            return True
    return False


def _swap(field: str) -> Change:
    def apply(module: Any) -> bool:
        for found in instructions(module):
            values = list(getattr(found, field))
            if len(set(values)) > 1:
                getattr(found, field)[:] = values[::-1]
                return True
        return False

    return apply


def _other_operand(module: Any) -> bool:
    computation = module.computations[-1]
    last = computation.instructions[-1]
    if not last.operand_ids:
        return False
    last.operand_ids[0] = next(
        found.id for found in computation.instructions if found.id not in last.operand_ids
    )
    return True


def _root(module: Any) -> bool:
    computation = module.computations[-1]
    others = [i.id for i in computation.instructions if i.id != computation.root_id]
    computation.root_id = others[0]
    return True


def _exchange_ids(module: Any) -> bool:
    """Two instructions trade ids, and every reference follows: XLA sorts by id."""
    computation = module.computations[-1]
    one, other = computation.instructions[0], computation.instructions[1]
    names = {one.id: other.id, other.id: one.id}
    for found in computation.instructions:
        found.id = names.get(found.id, found.id)
        found.operand_ids[:] = [names.get(i, i) for i in found.operand_ids]
    computation.root_id = names.get(computation.root_id, computation.root_id)
    return True


def _exchange_computations(module: Any) -> bool:
    if len(module.computations) < 3:
        return False
    one, other = module.computations[0], module.computations[1]
    if one.SerializeToString() == other.SerializeToString():
        return False
    names = {one.id: other.id, other.id: one.id}
    for computation in module.computations:
        computation.id = names.get(computation.id, computation.id)
        for found in computation.instructions:
            called = [names.get(i, i) for i in found.called_computation_ids]
            found.called_computation_ids[:] = called
    return True


def _control(module: Any) -> bool:
    found = module.computations[-1].instructions
    found[-1].control_predecessor_ids.append(found[0].id)
    return True


def _other_callee(module: Any) -> bool:
    for found in instructions(module):
        for called in found.called_computation_ids:
            others = [c.id for c in module.computations[:1] if c.id != called]
            if others:
                found.called_computation_ids[0] = others[0]
                return True
    return False


def _renamed_referent(module: Any) -> bool:
    """What an attribute names is called otherwise; the attribute stays."""
    words = ",".join(module.frontend_attributes.map.values())
    for computation in module.computations[:-1]:
        if computation.name and computation.name in words:
            computation.name = computation.name.rpartition(".")[0] + ".99999"
            return True
    return False


def _renamed_instruction(module: Any) -> bool:
    for found in instructions(module):
        for value in found.frontend_attributes.map.values():
            if value.endswith(":" + found.name):
                found.name += "9"
                return True
    return False


def _attribute(module: Any) -> bool:
    for found in instructions(module):
        found.frontend_attributes.map["has_collectives"] = "1"
        return True
    return False


def _alias(module: Any) -> None:
    entry = module.input_output_alias.entries.add()
    entry.output_shape_index.append(7)
    entry.parameter_number = 1


def _donor(module: Any) -> None:
    module.buffer_donor.entries.add().parameter_number = 1


def _sharding(found: Any) -> None:
    found.sharding.type = (found.sharding.type + 1) % 3


def _group(found: Any) -> None:
    found.replica_groups.add().replica_ids.extend([0, 5])


def _direction(found: Any) -> None:
    found.comparison_direction = "NE" if found.comparison_direction != "NE" else "EQ"


def _iota(instruction: Any) -> None:
    """Groups by a formula; an older schema has groups one by one only."""
    if schema.knows(instruction, "iota_collective_device_list"):
        instruction.iota_collective_device_list.num_replica_groups = 4
    else:
        instruction.replica_groups.add().replica_ids.append(77)


CHANGES: dict[str, Change] = {
    "constant": _constant,
    "dtype": _first("shape", lambda i: setattr(i.shape, "element_type", 12)),
    "shape": _first("shape", lambda i: i.shape.dimensions.append(3)),
    "layout": _first("shape", lambda i: i.shape.layout.minor_to_major.append(5)),
    "operand order": _swap("operand_ids"),
    "operand": _other_operand,
    "root": _root,
    "opcode": _first("opcode", lambda i: setattr(i, "opcode", "negate")),
    "order of ids": _exchange_ids,
    "order of computation ids": _exchange_computations,
    "control dependency": _control,
    "callee": _other_callee,
    "comparison direction": _first("comparison_direction", _direction),
    "comparison type": _set("comparison_type", "TOTALORDER"),
    "dimensions": _first("dimensions", lambda i: i.dimensions.append(1)),
    "dimension order": _swap("dimensions"),
    "window": _first("window", lambda i: setattr(i.window.dimensions[0], "stride", 7)),
    "convolution": _first(
        "convolution_dimension_numbers",
        lambda i: setattr(i.convolution_dimension_numbers, "kernel_input_feature_dimension", 3),
    ),
    "dot": _first(
        "dot_dimension_numbers",
        lambda i: i.dot_dimension_numbers.lhs_batch_dimensions.append(0),
    ),
    "slice": _first("slice_dimensions", lambda i: setattr(i.slice_dimensions[0], "limit", 99)),
    "padding": _first(
        "padding_config", lambda i: setattr(i.padding_config.dimensions[0], "interior_padding", 9)
    ),
    "gather": _first("gather_dimension_numbers", lambda i: i.gather_slice_sizes.append(4)),
    "scatter": _first(
        "scatter_dimension_numbers",
        lambda i: setattr(i.scatter_dimension_numbers, "index_vector_dim", 3),
    ),
    "tuple index": _set("tuple_index", 3),
    "parameter number": _first("opcode", lambda i: setattr(i, "parameter_number", 9), "parameter"),
    "fft length": _first("fft_length", lambda i: i.fft_length.append(3)),
    "precision": _first("opcode", lambda i: i.precision_config.operand_precision.append(2)),
    "reduced precision": _set("mantissa_bits", 3),
    "distribution": _set("distribution", 2),
    "rng algorithm": _set("rng_algorithm", 2),
    "stable": _set("is_stable", True),
    "epsilon": _set("epsilon", 0.5),
    "feature groups": _set("feature_group_count", 2),
    "batch groups": _set("batch_group_count", 2),
    "channel": _set("channel_id", 42),
    "replica groups": _first("opcode", _group),
    "iota groups": _first("opcode", _iota),
    "device list": _first(
        "opcode",
        lambda i: i.collective_device_list.replica_groups.add().replica_ids.append(1),
    ),
    "global device ids": _set("use_global_device_ids", True),
    "permutation": _first("opcode", lambda i: i.source_target_pairs.add()),
    "sharding": _first("opcode", _sharding),
    "sharding's axes": _first("opcode", lambda i: i.sharding.tile_assignment_dimensions.append(2)),
    "custom-call target": _first(
        "custom_call_target", lambda i: setattr(i, "custom_call_target", "Other")
    ),
    "custom-call config": _first(
        "backend_config", lambda i: setattr(i, "backend_config", i.backend_config + b"=")
    ),
    "custom-call side effect": _set("custom_call_has_side_effect", True),
    "attribute": _attribute,
    "module attribute": _module(lambda m: m.frontend_attributes.map.update({"x": "y"})),
    "name that an attribute refers to": _renamed_referent,
    "instruction that an attribute refers to": _renamed_instruction,
    "alias": _module(_alias),
    "donor": _module(_donor),
    "device assignment": _module(lambda m: setattr(m.device_assignment, "replica_count", 9)),
    "partitioned output": _module(lambda m: setattr(m.spmd_output_sharding, "type", 2)),
    "partitioned parameters": _module(lambda m: m.spmd_parameters_shardings.add()),
    "automatic partitioning": _module(lambda m: setattr(m, "use_auto_spmd_partitioning", True)),
    "dynamic": _module(lambda m: setattr(m, "is_dynamic", not m.is_dynamic)),
    "profile": _module(lambda m: m.profile_info.add()),
    "entry layout": _module(lambda m: m.host_program_shape.result.layout.minor_to_major.append(3)),
    "parameter's name": _module(lambda m: m.host_program_shape.parameter_names.append("other")),
    "execution thread": _module(lambda m: setattr(m.computations[0], "execution_thread", "t")),
    "fusion": _module(lambda m: setattr(m.computations[0], "is_fusion_computation", True)),
    "computation's name": _module(lambda m: setattr(m.computations[0], "name", "other")),
    "scheduling name": _first("opcode", lambda i: setattr(i.metadata, "scheduling_name", "s")),
    "profile type": _first("opcode", lambda i: i.metadata.profile_type.append(1)),
    "literal's bytes": _first("opcode", lambda i: setattr(i.literal, "u8s", b"\1\2"), "constant"),
    "aliased operand": _first("opcode", lambda i: i.output_operand_aliasing.add()),
    "result accuracy": _first("opcode", lambda i: setattr(i.result_accuracy.tolerance, "ulps", 3)),
}
