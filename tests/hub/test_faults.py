"""Hub peer: everything that can go wrong by rule does, and nothing else."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from urllib.parse import urlsplit

import pytest

from hub.asking import WRITER, Answer, ask
from hub.peer import Peer
from waiting import until

REPO = "alice/cache"
NOISE = bytes(range(256)) * 1000
WHO = "/api/whoami-v2"
FILE = f"/{REPO}/resolve/main/a.tar"


@pytest.fixture(autouse=True)
def _a_repository(hub: Peer) -> None:
    hub.create(REPO)
    hub.commit(REPO, {"a.tar": NOISE})


def _signed(hub: Peer) -> str:
    """Where the CDN has the file."""
    return ask(hub.url + FILE).headers["location"]


def _commit(hub: Peer) -> Answer:
    lines = [
        {"key": "header", "value": {"summary": "s"}},
        {"key": "file", "value": {"path": "new.txt", "content": "", "encoding": "base64"}},
    ]
    body = "\n".join(map(json.dumps, lines)).encode()
    return ask(f"{hub.url}/api/models/{REPO}/commit/main", "POST", body=body)


def test_a_status_with_code_and_headers(hub: Peer) -> None:
    later = {"Retry-After": "7"}
    fault = hub.fault("whoami", status=429, message="later", code="Busy", headers=later)
    answer = ask(hub.url + WHO)
    assert answer.status == 429
    assert answer.json() == {"error": "later"}
    assert answer.headers["x-error-code"] == "Busy"
    assert answer.headers["retry-after"] == "7"
    assert fault.hits == 1


def test_a_fault_strikes_as_often_as_it_says(hub: Peer) -> None:
    hub.fault("whoami", status=500, times=2, skip=1)
    assert [ask(hub.url + WHO).status for _ in range(5)] == [200, 500, 500, 200, 200]


def test_a_fault_for_ever_ends_when_mended(hub: Peer) -> None:
    hub.fault("whoami", status=500, times=None)
    assert [ask(hub.url + WHO).status for _ in range(3)] == [500, 500, 500]
    hub.mend()
    assert ask(hub.url + WHO).status == 200


def test_a_fault_leaves_other_requests_alone(hub: Peer) -> None:
    hub.fault("whoami", "POST", status=500)
    hub.fault("whoami", server="cdn", status=500)
    hub.fault("/never/", status=500)
    assert ask(hub.url + WHO).status == 200


def test_an_unknown_action_is_a_mistake_of_the_test(hub: Peer) -> None:
    with pytest.raises(AssertionError, match="stutter"):
        hub.fault("whoami", stutter=True)


def test_headers_alone_are_added_to_the_true_answer(hub: Peer) -> None:
    hub.fault("whoami", headers={"X-Repo-Commit": "lie"})
    answer = ask(hub.url + WHO)
    assert answer.status == 200
    assert answer.headers["x-repo-commit"] == "lie"


def test_a_reset(hub: Peer) -> None:
    hub.fault("whoami", reset=True)
    with pytest.raises(ConnectionResetError):
        ask(hub.url + WHO)
    assert [request.status for request in hub.requests()] == [-1]


def test_a_truncated_body(hub: Peer) -> None:
    url = _signed(hub)
    hub.fault("/lfs/", server="cdn", truncate=1000)
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(url, token="")
    assert caught.value.partial == NOISE[:1000]


def test_a_range_continues_after_the_cut(hub: Peer) -> None:
    answer = ask(_signed(hub), token="", headers={"Range": "bytes=1000-"})
    assert answer.status == 206
    assert answer.body == NOISE[1000:]
    assert answer.headers["content-range"] == f"bytes 1000-{len(NOISE) - 1}/{len(NOISE)}"


def test_a_range_behind_the_end(hub: Peer) -> None:
    headers = {"Range": f"bytes={len(NOISE)}-"}
    assert ask(_signed(hub), token="", headers=headers).status == 416


@pytest.mark.parametrize("part", [0, 500])
def test_silence_lasts_until_the_peer_closes(hub: Peer, part: int) -> None:
    url = _signed(hub)
    hub.fault("/lfs/", server="cdn", silence=True, truncate=part or None)
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
        connection.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        until(lambda: hub.requests("cdn"))
        got = _read(connection, part)
        assert got.partition(b"\r\n\r\n")[2] == NOISE[:part]
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(None)
        hub.close()
        assert connection.recv(1) == b""


def _read(connection: socket.socket, part: int) -> bytes:
    """The head and so many bytes of body; nothing for 0."""
    got = b""
    while part and len(got.partition(b"\r\n\r\n")[2]) < part:
        got += connection.recv(4096)
    return got


def test_a_commit_that_landed_although_its_answer_did_not(hub: Peer) -> None:
    hub.fault("/commit/", status=504, after=True)
    assert _commit(hub).status == 504
    assert "new.txt" in hub.paths(REPO)


def test_a_commit_that_failed_did_not_land(hub: Peer) -> None:
    hub.fault("/commit/", status=504)
    assert _commit(hub).status == 504
    assert "new.txt" not in hub.paths(REPO)


def test_a_delay_holds_one_request_only(hub: Peer) -> None:
    hub.fault("whoami", delay=30)
    errors: list[Exception] = []

    def held() -> None:
        try:
            ask(hub.url + WHO)
        except (OSError, http.client.HTTPException) as error:
            errors.append(error)

    thread = threading.Thread(target=held)
    thread.start()
    until(hub.requests)
    assert ask(hub.url + WHO).status == 200
    assert [request.status for request in hub.requests()] == [0, 200]
    hub.close()
    thread.join()


def test_a_slow_body_arrives_whole(hub: Peer) -> None:
    hub.fault("/lfs/", server="cdn", rate=len(NOISE) * 5)
    assert ask(_signed(hub), token="").body == NOISE


def test_a_corrupted_object_keeps_size_and_digests(hub: Peer) -> None:
    before = ask(hub.url + FILE).headers
    hub.corrupt(REPO, "a.tar")
    after = ask(hub.url + FILE).headers
    body = ask(after["location"], token="").body
    assert body != NOISE
    assert len(body) == len(NOISE)
    assert after["x-linked-etag"] == before["x-linked-etag"]


def test_the_storage_refuses_tokens(hub: Peer) -> None:
    assert ask(_signed(hub), token=WRITER).status == 400


def test_the_storage_refuses_a_forged_address(hub: Peer) -> None:
    assert ask(_signed(hub)[:-1] + "x", token="").status == 403


def test_the_storage_has_another_host_name(hub: Peer) -> None:
    assert urlsplit(hub.url).hostname == "127.0.0.1"
    assert urlsplit(_signed(hub)).hostname == "localhost"


def test_requests_of_a_window_are_limited_and_counted_down(hub: Peer) -> None:
    hub.settings.api_quota = 2
    answers = [ask(hub.url + WHO) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    left = [answer.headers["ratelimit"].split(";")[:2] for answer in answers]
    assert left == [['"api"', "r=1"], ['"api"', "r=0"], ['"api"', "r=0"]]
    assert ask(hub.url + FILE).headers["ratelimit"].startswith('"resolvers"')


def test_an_absence_names_its_commit(hub: Peer) -> None:
    answer = ask(f"{hub.url}/{REPO}/resolve/main/no.tar", "HEAD")
    assert answer.status == 404
    assert answer.headers["x-error-code"] == "EntryNotFound"
    assert answer.headers["x-repo-commit"] == hub.head(REPO)


def test_the_refusal_of_the_anonymous_may_carry_a_code(hub: Peer) -> None:
    assert "x-error-code" not in ask(hub.url + FILE, token="").headers
    hub.settings.code_on_401 = True
    assert ask(hub.url + FILE, token="").headers["x-error-code"] == "RepoNotFound"


def test_nowhere_refuses_connections(hub: Peer) -> None:
    with pytest.raises(ConnectionRefusedError):
        ask(hub.nowhere)
