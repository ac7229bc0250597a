"""Hub peer: routes of the Xet store: xorbs and shards in, reconstructions out."""

from __future__ import annotations

import re

from hub.answers import Call, HubError, Reply, as_json, route
from hub.xet import Term, chunks, parse_shard

_HASH = "([0-9a-f]{64})"
_DONE = (
    b'{"type":"validating","verified":1,"total":1}\n'
    b'{"type":"committing","stage":"syncing"}\n'
    b'{"type":"result","result":1}\n'
)


def _allowed(call: Call, scope: str = "") -> None:
    granted = call.state.xet.tokens.get(call.token())
    if granted is None:
        raise HubError(401, "bad xet token")
    if scope not in ("", granted):
        raise HubError(403, f"{scope} scope needed")


def piece(call: Call, name: str) -> Reply:
    """A xorb's bytes, for the ranges that a reconstruction named."""
    path = call.state.objects.path("xorb", name)
    if not path.exists():
        raise HubError(404, "no xorb")
    return Reply(200, path, "application/octet-stream")


def known_chunks(call: Call) -> Reply:
    """Nothing is shared between files here."""
    _allowed(call)
    raise HubError(404, "not tracked")


def telemetry(call: Call) -> Reply:
    """Taken and forgotten."""
    _allowed(call)
    return as_json({})


def add_xorb(call: Call, name: str) -> Reply:
    """A xorb arrives."""
    _allowed(call, "write")
    return as_json({"was_inserted": call.state.objects.put("xorb", name, call.body)})


def add_shard(call: Call, version: str) -> Reply:
    """Files made of xorbs are announced."""
    _allowed(call, "write")
    for name, sha256, terms in parse_shard(call.body):
        call.state.xet.register(name, sha256, terms)
    if version == "2":
        return Reply(200, _DONE, "application/x-ndjson")
    return as_json({"result": 1})


def reconstruction(call: Call, version: str, name: str) -> Reply:
    """Which chunks of which xorbs make the wanted range of a file, and where they are."""
    _allowed(call)
    terms = call.state.xet.terms(name)
    wanted = _range(call, sum(term.size for term in terms))
    chosen: list[Term] = []
    position = skipped = 0
    for term in terms:
        if position < wanted.stop and position + term.size > wanted.start:
            if not chosen:
                skipped = wanted.start - position
            chosen.append(term)
        position += term.size
    described = [
        {"hash": term.xorb, "unpacked_length": term.size, "range": _chunks_of(term)}
        for term in chosen
    ]
    made: dict[str, object] = {"offset_into_first_range": skipped, "terms": described}
    if version == "1":
        made["fetch_info"] = _fetch_info(call, chosen)
    else:
        made["xorbs"] = {
            xorb: [
                {"url": row["url"], "ranges": [{"chunks": row["range"], "bytes": row["url_range"]}]}
                for row in rows
            ]
            for xorb, rows in _fetch_info(call, chosen).items()
        }
    return as_json(made)


def _range(call: Call, size: int) -> range:
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", call.headers.get("range", ""))
    if found is None:
        return range(size)
    if int(found[1]) >= size:
        raise HubError(416, "range not satisfiable")
    return range(int(found[1]), min(int(found[2]) + 1, size))


def _chunks_of(term: Term) -> dict[str, int]:
    return {"start": term.first, "end": term.last}


def _fetch_info(call: Call, terms: list[Term]) -> dict[str, list[dict[str, object]]]:
    made: dict[str, list[dict[str, object]]] = {}
    base = call.state.addresses["pieces"]
    for term in terms:
        table = chunks(call.state.objects.path("xorb", term.xorb).read_bytes())
        bytes_of = {"start": table[term.first].start, "end": table[term.last - 1].end - 1}
        url = f"{base}/xorb/{term.xorb}"
        row: dict[str, object] = {"range": _chunks_of(term), "url": url, "url_range": bytes_of}
        rows = made.setdefault(term.xorb, [])
        if row not in rows:
            rows.append(row)
    return made


ROUTES = [
    route("GET", f"/xorb/{_HASH}", piece),
    route("GET", "/v1/chunks/.*", known_chunks),
    route("POST", "/v1/telemetry", telemetry),
    route("POST", f"/v1/xorbs/default/{_HASH}", add_xorb),
    route("POST", "/v([12])/shards", add_shard),
    route("GET", f"/v([12])/reconstructions/{_HASH}", reconstruction),
]
