"""HLO digests: whatever is not understood steps down to a safer level, with a reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from graphs import codec, keys, zoo
from graphs.codec import Field
from neffcache.graph import hlo
from neffcache.invocation import Bypass

Fields = Callable[[list[Field]], list[Field] | None]
_ENTRY = (3, -1)
_LAST = [_ENTRY, (2, -1)]


def _graph(path: list[tuple[int, int]], change: Fields) -> bytes:
    return codec.edit(zoo.graph("mixed"), path, change)


def _add(*fields: Field) -> Fields:
    return lambda old: [*old, *fields]


def _set(number: int, value: bytes) -> Fields:
    def change(fields: list[Field]) -> None:
        next(field for field in fields if field.number == number).value = value

    return change


def _repeat(number: int) -> Fields:
    return lambda old: [*old, next(field for field in old if field.number == number)]


def _unpacked(fields: list[Field]) -> list[Field]:
    found: list[Field] = []
    for field in fields:
        if field.number != 36:
            found.append(field)
            continue
        rest = field.value
        while rest:
            size = next(at for at, byte in enumerate(rest) if byte < 128) + 1
            found.append(Field(36, codec.VARINT, rest[:size]))
            rest = rest[size:]
    return found


def _long_id(fields: list[Field]) -> None:
    own = next(field for field in fields if field.number == 35)
    own.value = codec.varint(codec.number(own.value), padding=2)


def _same_ids(fields: list[Field]) -> None:
    bodies = [field for field in fields if field.number == 2]
    ids = [codec.edit(bodies[0].value, [], lambda old: [f for f in old if f.number == 35])]
    bodies[1].value = codec.edit(
        bodies[1].value,
        [],
        lambda old: [*(f for f in old if f.number != 35), *codec.decode(ids[0])],
    )


UNKNOWN = Field(2000, codec.BYTES, b"new")
NOT_CANONICAL: dict[str, tuple[list[tuple[int, int]], Fields]] = {
    "unknown module field": ([], _add(UNKNOWN)),
    "unknown computation field": ([_ENTRY], _add(UNKNOWN)),
    "unknown instruction field": (_LAST, _add(UNKNOWN)),
    "unknown metadata field": ([*_LAST, (7, 0)], _add(UNKNOWN)),
    "module wire type": ([], _add(codec.text(11, b"x"))),
    "computation wire type": ([_ENTRY], _add(codec.text(7, b"x"))),
    "instruction wire type": (_LAST, _add(codec.text(26, b"x"))),
    "metadata wire type": ([*_LAST, (7, 0)], _add(codec.text(4, b"x"))),
    "schedule": ([], _add(codec.text(7, b"\x0a\x04\x08\x01\x12\x00"))),
    "recovery table": ([], _add(codec.text(20, b"\x0a\x00"))),
    "original value": (_LAST, _add(codec.text(88, b"\x0a\x00"))),
    "second entry id": ([], _repeat(6)),
    "second module name": ([], _repeat(1)),
    "second root": ([_ENTRY], _repeat(6)),
    "second instruction id": (_LAST, _repeat(35)),
    "second instruction name": (_LAST, _repeat(1)),
    "second list of operands": (_LAST, _repeat(36)),
    "list of operands in single fields": (_LAST, _unpacked),
    "operand that is nowhere": (_LAST, _set(36, codec.varint(1 << 40))),
    "operand in long form": (_LAST, _set(36, codec.varint(3, padding=1))),
    "callee that is nowhere": (_LAST, _add(codec.text(38, codec.varint(1 << 50)))),
    "root that is nowhere": ([_ENTRY], _set(6, codec.varint(1 << 40))),
    "entry that is nowhere": ([], _set(6, codec.varint(1 << 40))),
    "id in long form": (_LAST, _long_id),
    "negative id": ([_ENTRY, (2, 0)], _set(35, codec.varint((1 << 64) - 5))),
    "id twice": ([_ENTRY], _same_ids),
}
NOT_STRICT: dict[str, tuple[list[tuple[int, int]], Fields]] = {
    "second metadata": (_LAST, _add(codec.text(7, b"\x12\x01a"), codec.text(7, b"\x12\x01b"))),
    "second attributes": (_LAST, _add(*[codec.text(68, b"\x0a\x06\x0a\x01a\x12\x01b")] * 2)),
    "second opcode": (
        _LAST,
        lambda old: [*old, codec.text(2, b"tan"), codec.text(2, b"sin")][::-1],
    ),
    "group": (_LAST, _add(Field(60, 3, b""))),
    "empty computation": ([], _add(codec.text(3, b""))),
    "empty instruction": ([_ENTRY], _add(codec.text(2, b""))),
    "field longer than its message": (_LAST, _set(36, b"\x80")),
}


@pytest.mark.parametrize("name", NOT_CANONICAL)
def test_canonical_steps_down_to_strict(name: str) -> None:
    graph = _graph(*NOT_CANONICAL[name])
    found = keys.digest(graph, hlo.CANONICAL)
    assert (found.level, len(found.reasons)) == (hlo.STRICT, 1)
    assert found.hexdigest == keys.key(graph, hlo.STRICT)


@pytest.mark.parametrize("name", NOT_CANONICAL)
def test_what_is_not_canonical_still_counts(name: str) -> None:
    graph = _graph(*NOT_CANONICAL[name])
    for level in keys.NORMALISING:
        assert keys.key(graph, level) != keys.key(zoo.graph("mixed"), level)


@pytest.mark.parametrize("name", [name for name in NOT_STRICT if "longer" not in name])
def test_strict_steps_down_to_raw(name: str) -> None:
    found = keys.digest(_graph(*NOT_STRICT[name]), hlo.STRICT)
    assert (found.level, len(found.reasons)) == (hlo.RAW, 1)


@pytest.mark.parametrize("padding", [1, 2])
@pytest.mark.parametrize("number", [7, 43, 68])
def test_tag_in_long_form_is_not_hidden(number: int, padding: int) -> None:
    """No writer does that; it may be read as the field, or opaque, but never dropped."""
    hidden = codec.one(codec.text(number, b"\x12\x05other"), padding)
    graphs = {
        codec.edit(zoo.graph("mixed"), [_ENTRY], lambda old, tail=tail: _with_tail(old, tail))
        for tail in (b"", hidden, hidden.replace(b"other", b"anoth"))
    }
    assert len(graphs) == 3
    for level in keys.NORMALISING:
        assert len({keys.key(graph, level) for graph in graphs}) == 3


def _with_tail(fields: list[Field], tail: bytes) -> None:
    next(field for field in fields if field.number == 2).value += tail


def test_broken_module_with_custom_calls_is_refused() -> None:
    graph = codec.edit(zoo.graph("neuron_mlp"), _LAST, _add(Field(60, 3, b"")))
    with pytest.raises(Bypass):
        keys.digest(graph, hlo.STRICT)


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"module @x {}", b"ML\xefR\1\0", b"\x1a\x00", b"\x0a" * 99]
)
def test_what_is_no_module_is_raw(data: bytes) -> None:
    found = keys.digest(data, hlo.CANONICAL)
    assert (found.level, found.form) == (hlo.RAW, hlo.UNKNOWN)


def test_unexpected_exception_means_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: object, *_rest: object) -> None:
        raise RuntimeError("unexpected")

    monkeypatch.setattr("neffcache.graph.hlo_strict.Strict.finish", fail)
    found = keys.digest(zoo.graph("mixed"), hlo.STRICT)
    assert found.level == hlo.RAW
    assert "unexpected" in found.reasons[0]


def test_failing_read_is_not_hidden() -> None:
    def fail(_target: bytes, _config: bytes) -> bytes:
        raise OSError(5, "no")

    with pytest.raises(OSError, match="no"):
        keys.digest(zoo.graph("neuron_mlp"), hlo.STRICT, fail)
