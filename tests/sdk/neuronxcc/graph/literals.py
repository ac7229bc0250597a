"""Constants: numpy arrays as XLA literals, and scaling an array by one."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuronxcc.graph.hlo import DTYPES, F32, Rewriter, Shape
from neuronxcc.graph.wire import Message, pack

# PrimitiveType -> field of LiteralProto; those in _RAW hold little-endian bytes, the others
# are packed repeated numbers (varints for integers, plain bytes for floats).
_FIELD = {
    1: 2,
    2: 15,
    3: 16,
    4: 4,
    5: 5,
    6: 3,
    7: 17,
    8: 6,
    9: 7,
    10: 11,
    11: 8,
    12: 9,
    15: 12,
    16: 13,
    18: 18,
    19: 19,
    20: 20,
}
_VARINT = {1, 4, 5, 8, 9}


def dtype_of(kind: int) -> np.dtype[Any]:
    """The numpy type of an XLA element type."""
    name = DTYPES[kind]
    if name.startswith(("bfloat", "float8")):
        import ml_dtypes

        found: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
        return found
    return np.dtype(name)


def retype(array: np.ndarray[Any, Any], kind: int) -> np.ndarray[Any, Any]:
    """Give an array that lost its type in a file (`|V2` for bf16) the type it had."""
    wanted = dtype_of(kind)
    if array.dtype.kind == "V" and array.dtype.itemsize == wanted.itemsize:
        return array.view(wanted)
    return array


def literal(array: np.ndarray[Any, Any], shape: Shape) -> bytes:
    """A LiteralProto; the array is already of the shape's type and size."""
    plain = Shape.make(shape.kind, shape.dims)
    flat = np.ascontiguousarray(array).reshape(-1)
    data = pack(flat.tolist()) if shape.kind in _VARINT else flat.tobytes()
    return Message().add(1, plain.raw).add(_FIELD[shape.kind], data).encode()


def constant(rewriter: Rewriter, value: float, shape: Shape) -> int:
    """Emit an array of one repeated value."""
    scalar = Shape.make(shape.kind)
    with np.errstate(all="ignore"):
        data = np.array(value).astype(dtype_of(shape.kind))
    attribute = Message().add(8, literal(data, scalar))
    found = rewriter.emit("constant", scalar, [], attribute)
    if not shape.dims:
        return found
    return rewriter.emit("broadcast", shape, [found])


def convert(rewriter: Rewriter, value: int, kind: int) -> int:
    """Emit a conversion unless the value is of that element type already."""
    shape = rewriter.shapes[value]
    if shape.kind == kind:
        return value
    return rewriter.emit("convert", Shape.make(kind, shape.dims), [value])


def linear(rewriter: Rewriter, value: int, scale: float, offset: float) -> int:
    """Emit value * scale + offset, computed in f32 whatever the element type."""
    kind = rewriter.shapes[value].kind
    wide = convert(rewriter, value, F32)
    shape = rewriter.shapes[wide]
    product = rewriter.emit("multiply", shape, [wide, constant(rewriter, scale, shape)])
    total = rewriter.emit("add", shape, [product, constant(rewriter, offset, shape)])
    return convert(rewriter, total, kind)
