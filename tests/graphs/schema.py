"""Graphs: XLA's own schema of its graphs, out of jaxlib, and the normal form that it gives."""

from __future__ import annotations

import functools
import mmap
from pathlib import Path
from typing import Any

import jaxlib
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_ROOT = "xla/service/hlo.proto"
# Fields of a FileDescriptorProto; behind them in the library lies something else.
_NUMBERS = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14}


@functools.cache
def message(name: str) -> Any:
    """A message class of jaxlib's schema, e.g. "xla.HloModuleProto"."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(name))


def knows(message: Any, name: str) -> bool:
    """Whether this jaxlib's schema has a field: Python 3.10 has an older one."""
    return name in message.DESCRIPTOR.fields_by_name


def too_old() -> str:
    """Why this jaxlib cannot judge fields by their numbers; "" when it can."""
    if knows(message("xla.HloModuleProto"), "pjrt_id"):
        return ""
    return f"the schema of jaxlib {jaxlib.__version__} lacks fields that the product knows"


@functools.cache
def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    library = max(Path(jaxlib.__file__).parent.rglob("*.so*"), key=lambda p: p.stat().st_size)
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _add(pool, data, _ROOT, set())
    return pool


def _add(pool: descriptor_pool.DescriptorPool, data: mmap.mmap, name: str, done: set[str]) -> None:
    if name in done:
        return
    done.add(name)
    found = _extract(data, name)
    for needed in found.dependency:
        _add(pool, data, needed, done)
    pool.Add(found)


def _extract(data: mmap.mmap, name: str) -> Any:
    """The descriptor of one .proto file as the C++ code carries it."""
    start = -1
    mark = bytes((10, len(name))) + name.encode()
    while (start := data.find(mark, start + 1)) >= 0:
        body = data[start : start + 400_000]
        try:
            found = descriptor_pb2.FileDescriptorProto.FromString(body[: _end(body)])
        except DecodeError:  # another place where the name stands
            continue
        if found.message_type or found.enum_type:
            return found
    raise LookupError(f"{name} is not in jaxlib")


def _end(body: bytes) -> int:
    """Where the fields of a FileDescriptorProto end."""
    at = 0
    while True:
        tag = body[at]
        if tag >> 3 not in _NUMBERS or tag & 7 not in {0, 2}:
            return at
        stop = at + 1
        size = shift = 0
        while True:
            byte = body[stop]
            size |= (byte & 127) << shift
            stop += 1
            shift += 7
            if byte < 128:
                break
        stop += size if tag & 7 == 2 else 0
        if stop > len(body):
            return at
        at = stop
