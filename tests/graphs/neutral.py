"""Graphs: changes that cannot decide the binary, for strict and for canonical."""

from __future__ import annotations

import random
from typing import Any, Protocol

from graphs import codec, schema, semantic


class Change(Protocol):
    """Changes a module in place."""

    def __call__(self, module: Any, rng: random.Random) -> None: ...


def _module_ids(module: Any, rng: random.Random) -> None:
    module.id = rng.randrange(1 << 40)
    _set_known(module, "pjrt_id", rng.randrange(1 << 20))


def _set_known(message: Any, name: str, value: int) -> None:
    """Set a field that an older schema may lack."""
    if schema.knows(message, name):
        setattr(message, name, value)


def _moved_source(module: Any, rng: random.Random) -> None:
    frames = module.stack_frame_index
    frames.file_names.append("elsewhere.py")
    for place in frames.file_locations:
        place.line += 137
    for found in semantic.instructions(module):
        found.metadata.source_file = rng.choice(["a.py", "/b/c.py", "x" * 200])
        found.metadata.source_line = rng.randrange(1 << 20)
        for name in ("source_end_line", "source_column", "source_end_column"):
            _set_known(found.metadata, name, rng.randrange(3))
        found.metadata.stack_frame_id = rng.choice([1, 126, 127, 128, 16383, 16384, 1 << 24])


def _no_source(module: Any, rng: random.Random) -> None:
    del rng
    module.ClearField("stack_frame_index")
    for found in semantic.instructions(module):
        for name in ("source_file", "source_line", "stack_frame_id"):
            found.metadata.ClearField(name)
        found.metadata.SetInParent()


def _labels(module: Any, rng: random.Random) -> None:
    module.name = f"jit_renamed.{rng.random()}"
    for found in semantic.instructions(module):
        found.metadata.op_name = "f/" * rng.choice([1, 70, 100]) + str(rng.random())
        found.metadata.op_type = rng.choice(["", "mul"])
        found.metadata.deduplicated_name = rng.choice(["", "d"])


def _names(module: Any, rng: random.Random) -> None:
    """Other names for instructions that nobody names, other counters for the rest."""
    attributes = [module.frontend_attributes]
    attributes += [found.frontend_attributes for found in semantic.instructions(module)]
    words = " ".join(text for one in attributes for pair in one.map.items() for text in pair)
    for at, computation in enumerate(module.computations):
        entry = computation.id == module.entry_computation_id
        if computation.name not in words:
            computation.name = computation.name.rstrip("0123456789").rstrip(".") + f".{70000 + at}"
        for found in computation.instructions:
            if found.name not in words and not (entry and found.opcode == "parameter"):
                found.name = f"{rng.choice('ab' * 60)}{rng.randrange(1 << 30)}"


def _renumber(step: int, high: int) -> Change:
    """Other ids in the same order, as old writers (one counter) or new ones (high) number."""

    def apply(module: Any, rng: random.Random) -> None:
        ordered = sorted(found.id for found in module.computations)
        outer = {old: 5 + step * at for at, old in enumerate(ordered)}
        base = 0
        for computation in module.computations:
            old = sorted(found.id for found in computation.instructions)
            base = base + step * len(old) if not high else outer[computation.id] << 32
            inner: dict[int, int] = {}
            for at, one in enumerate(old):
                inner[one] = base + 1 + step * at + rng.randrange(step)
            base += 1
            for found in computation.instructions:
                found.id = inner[found.id]
                for name in ("operand_ids", "control_predecessor_ids"):
                    ids = getattr(found, name)
                    ids[:] = [inner[one] for one in ids]
                called = found.called_computation_ids
                called[:] = [outer[one] for one in called]
            computation.id = outer[computation.id]
            computation.root_id = inner[computation.root_id]
        module.entry_computation_id = outer[module.entry_computation_id]

    return apply


STRICT: dict[str, Change] = {
    "module ids": _module_ids,
    "source moved": _moved_source,
    "no source": _no_source,
}
CANONICAL: dict[str, Change] = {
    "labels": _labels,
    "names": _names,
    "ids from one counter": _renumber(1, 0),
    "ids with gaps": _renumber(300, 0),
    "ids below their computation's": _renumber(1, 1),
}


def reordered_maps(graph: bytes, rng: random.Random) -> bytes:
    """The same module with every attribute map in another order."""
    return _shuffled(graph, _MAPS, rng)


# Where attribute maps are: field number → what is inside; an empty one is a map.
_Maps = dict[int, "_Maps"]
_MAPS: _Maps = {19: {}, 3: {2: {68: {}}}}


def _shuffled(message: bytes, maps: _Maps, rng: random.Random) -> bytes:
    fields = codec.decode(message)
    if not maps:
        rng.shuffle(fields)
    for field in fields:
        if field.number in maps:
            field.value = _shuffled(field.value, maps[field.number], rng)
    return codec.encode(fields)
