"""`neffcache run` at its end: uploads by mode, faults, the grace of a pod, impatience, one line."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import hung
from cli.sites import Site, compiling, until_there
from hosts import FORWARD, TRAIN, Host, finish
from hub.peer import Peer
from natives import ENTRY, REPO, write
from running import end_all, is_alive, kill, working_for
from waiting import until

WATCHER, UPLOADER, SENDER = "neffcache-watch", "neffcache-sync", "neffcache-send"


@pytest.fixture
def site(host: Host, tmp_path: Path) -> Iterator[Site]:
    made = Site(host, tmp_path / "remote")
    yield made
    made.end()
    end_all(tmp_path)


@pytest.mark.parametrize("mode", ["save", "exit"])
def test_what_was_compiled_is_sent_at_the_end_and_not_before(site: Site, mode: str) -> None:
    script = f"{compiling(TRAIN)}; touch compiled; {until_there('go')}"
    process = site.start(script, variables={"NEFFCACHE_UPLOAD": mode})
    site.wait_for("compiled")
    assert working_for(site.host.root, UPLOADER) == []
    assert len(site.queued()) == 1
    site.touch("go")
    done = finish(process)
    assert site.is_sent()
    assert (done.status, done.err) == (0, "neffcache: 0 hits, 1 compiled, 1 uploaded\n")


def test_eager_sends_while_the_command_runs(site: Site) -> None:
    script = f"{compiling(TRAIN)}; {until_there('go')}"
    process = site.start(script, variables={"NEFFCACHE_UPLOAD": "eager"})
    until(site.is_sent)
    site.touch("go")
    assert "1 compiled, 1 uploaded\n" in finish(process).err


def test_off_queues_and_nobody_sends_until_flush(site: Site) -> None:
    variables = {"NEFFCACHE_UPLOAD": "off", "NEFFCACHE_UPLOAD_WAIT": "600"}
    done = site.run(compiling(TRAIN), variables=variables)
    assert "0 uploaded (1 waits: uploads are off, `neffcache flush` sends it)" in done.err
    assert len(site.queued()) == 1
    assert working_for(site.host.root, UPLOADER) == []
    assert site.host.neffcache("flush").out == "1 entry sent\n"
    assert site.is_sent()


@pytest.mark.parametrize("mode", ["save", "exit", "eager"])
def test_outside_of_a_job_a_compile_has_its_entry_sent_at_once(site: Site, mode: str) -> None:
    site.host.compile(site.work, TRAIN, variables={"NEFFCACHE_UPLOAD": mode})
    until(site.is_sent)


def test_another_host_is_answered_by_the_remote(site: Site, tmp_path: Path) -> None:
    site.run(compiling(TRAIN, FORWARD))
    other = Site(Host(tmp_path / "other", {"SDKSTANDIN_FAKE": "1"}), site.remote)
    done = other.run(compiling(TRAIN, FORWARD, TRAIN))
    assert other.host.compiles == 0
    assert done.err.startswith("neffcache: 3 hits (1 local, 2 remote), 0 compiled, 0 uploaded, ")


def test_a_compile_is_sent_at_once_where_its_caller_waits_for_that(site: Site) -> None:
    script = f"{compiling(TRAIN)}; find {site.remote} -name entry"
    done = site.run(script, variables={"NEFFCACHE_UPLOAD_WAIT": "60"})
    assert done.out.endswith("/entry\n")


def test_without_network_the_job_ends_and_the_next_start_sends(site: Site) -> None:
    site.remote = site.host.root / "not-mounted" / "r"
    site.host.variables["NEFFCACHE_REMOTES"] = f"file://{site.remote}"
    done = site.run(f"{compiling(TRAIN)}; exit 3", "--flush-timeout", "600")
    assert done.status == 3
    assert "0 uploaded (1 waits: failed" in done.err
    assert len(site.queued()) == 1
    end_all(site.host.root)
    site.remote.parent.mkdir()
    process = site.start(until_there("go"))
    until(site.is_sent)
    site.touch("go")
    assert finish(process).err == "neffcache: 0 hits, 0 compiled, 0 uploaded\n"


def test_a_remote_that_asked_to_be_left_alone_is(site: Site) -> None:
    site.remote = site.host.root / "not-mounted" / "r"
    site.host.variables["NEFFCACHE_REMOTES"] = f"file://{site.remote}"
    site.run(compiling(TRAIN))
    end_all(site.host.root)
    (stamp,) = site.host.store.glob("breakers/write-*")
    _restate(stamp)
    site.remote.parent.mkdir()
    done = site.run(compiling(FORWARD))
    assert "0 uploaded (1 waits: failed: it asked to be left alone" in done.err
    assert len(site.queued()) == 2


def _restate(stamp: Path) -> None:
    """Make a stamp say that the remote itself stated a pause of an hour."""
    from neffcache import breaker
    from neffcache.store.local import Store

    store = Store(str(stamp.parent.parent))
    breaker.clear(store, stamp.name)
    permit = breaker.ask(store, stamp.name)
    assert permit is not None
    permit.fail(f"{breaker.ASKED} until tomorrow: busy", 3600)


@pytest.fixture
def hanging(site: Site, tmp_path: Path) -> Iterator[Site]:
    """A site whose remote never answers; an upload then takes a minute to be given up."""
    if hung.why_not():
        pytest.skip(reason=hung.why_not())
    at = tmp_path / "hung"
    at.mkdir()
    site.host.variables["NEFFCACHE_REMOTES"] = f"file://{at}/r?mode=wo"
    with hung.mount(at):
        yield site
    end_all(tmp_path)


def test_a_hanging_remote_holds_a_job_up_no_longer_than_it_may(hanging: Site) -> None:
    done = hanging.run(f"{compiling(TRAIN)}; exit 3", "--flush-timeout", "1")
    assert (done.status, done.err) == (
        3,
        "neffcache: 0 hits, 1 compiled, 0 uploaded (1 waits: on its way)\n",
    )
    assert len(hanging.queued()) == 1


def test_the_setting_says_how_long_too(hanging: Site) -> None:
    done = hanging.run(compiling(TRAIN), variables={"NEFFCACHE_FLUSH_TIMEOUT": "0.5"})
    assert "(1 waits: on its way)" in done.err


@pytest.mark.parametrize("by", ["option", "setting"])
def test_after_sigterm_no_more_than_the_grace_is_used(hanging: Site, by: str) -> None:
    options = ["--flush-timeout", "600"]
    variables = {"NEFFCACHE_GRACE": "5"}
    if by == "option":
        options += ["--grace", "5"]
        variables["NEFFCACHE_GRACE"] = "600"
    script = f"trap 'exit 9' TERM; {compiling(TRAIN)}; touch compiled; {until_there('go')}"
    process = hanging.start(script, *options, variables=variables)
    hanging.wait_for("compiled")
    process.terminate()
    done = finish(process)
    assert (done.status, "(1 waits: on its way)" in done.err) == (9, True)


def test_at_sigterm_what_waits_goes_while_the_command_winds_down(site: Site) -> None:
    """The command ends only once its entry has arrived: nobody could have sent it later."""
    arrived = (
        f"while ! find '{site.remote}' -name entry 2>/dev/null | grep -q .; do sleep 0.02; done"
    )
    script = f"trap '{arrived.replace(chr(39), '')}; exit 4' TERM; {compiling(TRAIN)}; "
    process = site.start(script + f"touch compiled; {until_there('go')}", "--grace", "60")
    site.wait_for("compiled")
    process.terminate()
    done = finish(process)
    assert (done.status, done.err) == (4, "neffcache: 0 hits, 1 compiled, 1 uploaded\n")


def test_a_pod_with_five_seconds_sends_what_it_compiled(site: Site) -> None:
    script = f"{compiling(TRAIN)}; touch compiled; exec sleep 600"
    process = site.start(script, "--grace", "5")
    site.wait_for("compiled")
    process.terminate()
    done = finish(process)
    assert (done.status, done.err) == (
        -signal.SIGTERM,
        "neffcache: 0 hits, 1 compiled, 1 uploaded\n",
    )
    assert site.is_sent()


@pytest.mark.parametrize("numbers", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT,)])
def test_whoever_is_impatient_ends_the_waiting(
    hanging: Site, numbers: tuple[signal.Signals, ...]
) -> None:
    script = f"echo $$; {compiling(TRAIN)}; exit 6"
    process = hanging.start(script, "--flush-timeout", "600", "--grace", "600")
    assert process.stdout is not None
    command = int(process.stdout.readline())
    until(lambda: not os.path.exists(f"/proc/{command}"))
    process.send_signal(numbers[0])

    def ends() -> bool:
        if len(numbers) > 1 and process.poll() is None:
            process.send_signal(numbers[1])
        return process.poll() is not None

    until(ends)
    done = finish(process)
    assert (done.status, "(1 waits: on its way)" in done.err) == (6, True)


def test_one_signal_sent_twice_is_one(site: Site) -> None:
    """As `timeout` does it: to the process, and again to its group."""
    script = f"trap 'exit 4' TERM; {compiling(TRAIN)}; touch compiled; {until_there('go')}"
    process = site.start(script, "--grace", "60")
    site.wait_for("compiled")
    for _ in range(5):
        process.terminate()
    assert finish(process).err == "neffcache: 0 hits, 1 compiled, 1 uploaded\n"


@pytest.mark.parametrize("name", ["KILL", "SEGV", "ABRT"])
def test_what_a_killed_command_compiled_is_sent(site: Site, name: str) -> None:
    done = site.run(f"{compiling(TRAIN)}; kill -{name} $$")
    assert done.status == -getattr(signal, f"SIG{name}")
    assert done.err.endswith("neffcache: 0 hits, 1 compiled, 1 uploaded\n")
    assert site.is_sent()


def test_killed_itself_it_leaves_the_sending_to_the_watcher(site: Site) -> None:
    process = site.start(f"echo $$; {compiling(TRAIN)}; touch compiled; {until_there('go')}")
    site.wait_for("compiled")
    until(lambda: working_for(site.host.root, WATCHER))
    process.kill()
    process.communicate()
    until(site.is_sent)


def test_a_watcher_that_was_killed_is_started_again(site: Site) -> None:
    script = f"{compiling(TRAIN)}; touch compiled; {until_there('go')}"
    process = site.start(script)
    site.wait_for("compiled")
    until(lambda: working_for(site.host.root, WATCHER))
    (watcher,) = working_for(site.host.root, WATCHER)
    kill(watcher)
    until(lambda: not is_alive(watcher))
    site.touch("go")
    assert finish(process).err == "neffcache: 0 hits, 1 compiled, 1 uploaded\n"


def test_processes_of_a_job_outlive_it_only_as_long_as_they_work(site: Site) -> None:
    site.run(compiling(TRAIN))
    until(lambda: not working_for(site.host.root))


def test_entries_that_are_found_are_sent_and_counted(hub: Peer, host: Host, tmp_path: Path) -> None:
    hub.create(REPO)
    host.variables |= hub.environ() | {
        "CUSTOM_CACHE_REPO": REPO,
        "NEURON_COMPILE_CACHE_URL": str(tmp_path / "native"),
    }
    write(tmp_path / "made elsewhere")
    write(tmp_path / "native", "neuronxcc-0/MODULE_0+0", {})  # the directories are there before
    script = f"cp -r '{tmp_path}/made elsewhere/{ENTRY.split('/')[0]}' '{tmp_path}/native/'"
    done = host.neffcache("run", "--", "sh", "-c", script)
    end_all(tmp_path)
    assert done.err == "neffcache: 0 hits, 0 compiled, 1 uploaded\n"
    assert f"{ENTRY}/model.neff" in hub.paths(REPO)


def test_what_the_remote_refuses_is_named(site: Site) -> None:
    site.remote.write_text("a file in the way\n")
    done = site.run(compiling(TRAIN))
    assert "0 uploaded (1 refused, see `neffcache stats`)" in done.err


def test_four_workers_have_one_watcher_and_one_uploader(site: Site) -> None:
    """As under torchrun: an agent starts workers that compile side by side."""
    graphs = [TRAIN, FORWARD, TRAIN, FORWARD]
    wait = until_there("../go")
    workers = [
        f"(mkdir {rank} && cd {rank} && {compiling(graph)}; touch compiled; {wait}) &"
        for rank, graph in enumerate(graphs)
    ]
    script = "\n".join([*workers, "wait"])
    process = site.start(script, variables={"NEFFCACHE_UPLOAD": "eager"})
    until(lambda: len(list(site.work.glob("?/compiled"))) == 4)
    until(site.is_sent)
    assert len(working_for(site.host.root, WATCHER)) == 1
    until(lambda: len(working_for(site.host.root, UPLOADER)) <= 1)
    site.touch("go")
    done = finish(process)
    assert site.host.compiles == 2
    assert done.err.startswith("neffcache: 2 hits (2 local, 0 remote), 2 compiled, 2 uploaded")
