"""Comparing arrays: a NaN anywhere is a failure, whatever stands on the other side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

Array = np.ndarray[Any, Any]


def same(left: Any, right: Any, rtol: float = 0.0, atol: float = 0.0) -> bool:
    """Whether two arrays (or lists of arrays) agree: types, shapes, and every number."""
    if _is_list(left) or _is_list(right):
        lists = _is_list(left) and _is_list(right) and len(left) == len(right)
        return lists and all(same(a, b, rtol, atol) for a, b in zip(left, right, strict=True))
    one, other = _array(left), _array(right)
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.kind not in "biu":
        wide = np.complex128 if one.dtype.kind == "c" else np.float64
        one, other = one.astype(wide), other.astype(wide)
        if np.isnan(one).any() or np.isnan(other).any():
            return False
    if rtol or atol:
        return bool(np.allclose(one, other, rtol=rtol, atol=atol))
    return bool(np.array_equal(one, other))


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence)


def _array(value: Any) -> Array:
    """An array; two bytes of no known type are the bfloat16 that npz cannot name."""
    found = np.asarray(value)
    return found.view(ml_dtypes.bfloat16) if found.dtype == np.dtype("V2") else found
