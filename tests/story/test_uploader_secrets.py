"""Two jobs, two repos, two tokens: no entry goes up with another job's secret."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from entries import has, key_of
from neffcache import backlog, jobs, queue
from running import environ_of
from servers.moto import Moto
from story.uploads import Uploads
from waiting import until

KEY = key_of("a")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Uploads]:
    made = Uploads(tmp_path)
    yield made
    made.end()


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_two_jobs_two_repos_two_tokens(host: Uploads, order: str) -> None:
    """Each goes up with its own job's token only; after kill -9 of everything as well."""
    jobs = {name: (f"{host.url(name)}?credential=env:TOK", f"token-{name}") for name in "ab"}
    markers = {name: host.enqueue(name, url, TOK=tok) for name, (url, tok) in jobs.items()}
    first, second = order[0], order[1]
    host.start(markers[first], TOK=jobs[first][1])
    host.kill_uploaders()  # at any moment: perhaps before it sent, perhaps after
    # The other job starts one for both, with its own token: only its own entry may go.
    host.start(markers[first] + markers[second], TOK=jobs[second][1])
    until(lambda: has(host.root(second), key_of(second)))
    flushed = backlog.flush(host.store, host.with_({"TOK": jobs[second][1]}))
    assert all("env:TOK holds another secret" in one.reason for one in flushed.left)
    assert backlog.flush(host.store, host.with_({"TOK": jobs[first][1]})).left == []
    assert has(host.root(first), key_of(first))
    for name in "ab":
        assert not has(host.root(name), key_of("b" if name == "a" else "a"))


def test_no_process_carries_another_jobs_token(host: Uploads) -> None:
    down = {name: f"file://{host.path}/not-mounted/{name}?credential=env:TOK" for name in "ab"}
    for name, url in down.items():
        marker = host.enqueue(name, url, TOK=f"token-{name}")
        host.start(marker, TOK=f"token-{name}")
        host.until_failed(marker[0])
    found = {}
    for pid in host.uploaders():
        name = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[-2].decode()
        found[queue.read_destination(host.store, name).remote] = environ_of(pid)
    assert len(found) == 2
    for name, url in down.items():
        assert f"TOK=token-{name}".encode() in found[url]


def test_without_the_credential_it_waits_and_tells_for_what(host: Uploads) -> None:
    url = f"{host.url('r')}?credential=env:TOK"
    host.start(host.enqueue("a", url, TOK="x"))
    assert host.uploaders() == []
    assert [one.reason for one in backlog.pending(host.store, {})] == ["env:TOK is not set"]
    assert backlog.flush(host.store, host.with_({"TOK": "x"})).sent == 1
    assert has(host.root("r"), KEY)


def _variables(moto: Moto) -> dict[str, str]:
    """Keys of a session: they are renewed, so what waits is not bound to them."""
    return {**moto.environ, "AWS_SESSION_TOKEN": "session"}


def _without_keys(moto: Moto) -> dict[str, str]:
    return {name: text for name, text in moto.environ.items() if "KEY" not in name}


def test_flush_sends_with_its_own_keys_what_an_uploader_without_fails_at(
    host: Uploads, moto: Moto
) -> None:
    bucket = moto.bucket()
    markers = host.enqueue("a", moto.remote(bucket), data=b"neff", **_variables(moto))
    host.start(markers, **_without_keys(moto))
    assert "no AWS credentials" in host.until_failed(markers[0])
    done = backlog.flush(host.store, host.with_(_variables(moto)))
    assert (done.sent, done.left) == (1, [])
    assert moto.names(bucket)


def test_a_job_sends_with_its_own_keys_what_an_uploader_without_fails_at(
    host: Uploads, moto: Moto
) -> None:
    markers = host.enqueue("a", moto.remote(), data=b"neff", **_variables(moto))
    host.start(markers, **_without_keys(moto))
    host.until_failed(markers[0])
    (before,) = host.uploaders()
    jobs.try_again(host.store, markers[0].destination.name)
    until(lambda: before not in host.uploaders())
    host.start(markers, **_variables(moto))
    host.until_empty()


def test_an_uploader_that_does_well_stays_when_somebody_flushes(host: Uploads) -> None:
    host.start(host.enqueue("a", host.url("r")))
    host.until_empty()
    (pid,) = host.uploaders()
    os.kill(pid, signal.SIGSTOP)
    marker = host.enqueue("b", host.url("r"))[0]
    queue.ask_flush(host.store, marker.destination.name, "other terms")
    os.kill(pid, signal.SIGCONT)
    host.until_empty()
    assert host.uploaders() == [pid]
