"""Helpers that die with their caller, and a process that outlives him and holds nothing of his."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import hung
from neffcache import processes
from neffcache.processes import Helper, Silent
from running import is_alive, kill
from waiting import until

SHIM = str(Path(processes.__file__).parent.parent)
_ACT = (
    f"import os,sys,time;sys.path.append({SHIM!r});from neffcache import processes;"
    "processes.become_helper('helper-of-test');"
)
_SAY = "sys.stdout.write(str(os.getpid())+'\\n');sys.stdout.flush();"
SLEEP = "time.sleep(1000)"
_LIST = "print(sorted(os.listdir('/proc/self/fd')))"


def start(code: str) -> Helper:
    return Helper([sys.executable, "-I", "-S", "-c", _ACT + code], dict(os.environb))


def say(what: str) -> str:
    return f"print({what});sys.stdout.flush();"


def test_lines_arrive_and_then_the_end() -> None:
    helper = start("print('one');print('two 2')")
    assert [helper.line(30), helper.line(30), helper.line(30)] == ["one", "two 2", None]
    helper.stop()
    assert processes.reap_abandoned() == 0


def test_what_a_library_prints_is_not_taken_for_a_word_of_the_helper() -> None:
    said = "processes.hush();print('done',flush=True);os.system('echo done');"
    helper = start(said + "processes.say(b'absent\\n')")
    assert [helper.line(30), helper.line(30)] == ["absent", None]
    helper.stop()


def test_silence_has_an_end_and_the_helper_too() -> None:
    helper = start(_SAY + SLEEP)
    pid = int(helper.line(30) or "")
    with pytest.raises(Silent):
        helper.line(0.05)
    helper.stop()
    assert not is_alive(pid)


def test_a_helper_that_has_said_all_ends_by_itself() -> None:
    # What it still has to do is not cut short by a signal: the job's own handler would see that.
    helper = start(_SAY + "os.close(1);time.sleep(0.02);os._exit(7)")
    pid = int(helper.line(30) or "")
    helper.let_go()
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    assert ended.si_status == 7
    helper.stop()


def test_letting_go_of_one_that_stays_ends_all_the_same() -> None:
    helper = start(_SAY + SLEEP)
    pid = int(helper.line(30) or "")
    helper.let_go()
    assert is_alive(pid)
    helper.stop()
    until(lambda: not is_alive(pid))


def test_a_stopped_helper_is_killed_all_the_same() -> None:
    helper = start(_SAY + "os.kill(os.getpid(),19)")
    pid = int(helper.line(30) or "")
    until(lambda: "T" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3])
    helper.stop()
    until(lambda: not is_alive(pid))
    until(lambda: processes.reap_abandoned() == 0)


def test_it_is_in_a_session_of_its_own_with_plain_signals() -> None:
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        helper = start(
            say("os.getsid(0)==os.getpid()")
            + "s=open('/proc/self/status').read();"
            # The C library keeps 32 and 33 for itself.
            + say("[int(s.split(n)[1].split()[0],16)&0x7fffffff for n in ('SigIgn:','SigBlk:')]")
            + say("open('/proc/self/comm').read().strip()")
        )
        answers = [helper.line(30) for _ in range(3)]
        helper.stop()
    finally:
        signal.signal(signal.SIGUSR1, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    assert answers == ["True", "[0, 0]", "helper-of-test"]


def test_it_inherits_no_descriptor(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(fd, True)
    try:
        helper = start(say("sorted(set(os.listdir('/proc/self/fd'))-{'3'})"))
        assert helper.line(30) == "['0', '1', '2']"
        helper.stop()
    finally:
        os.close(fd)


_CALLER = f"""
import os, signal, sys, time
sys.path.append({SHIM!r})
# Whoever runs the tests in the background has them ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
from neffcache.processes import Helper
helper = Helper(sys.argv[1:], dict(os.environb))
print(helper.line(30), flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_it_dies_with_its_caller(number: int) -> None:
    # In a call that never returns to Python: no handler, no thread could notice.
    code = _ACT + _SAY + "r,w=os.pipe();os.read(r,1)"
    argv = [sys.executable, "-c", _CALLER, sys.executable, "-I", "-S", "-c", code]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as caller:
        assert caller.stdout is not None
        pid = int(caller.stdout.readline())
        assert is_alive(pid)
        caller.send_signal(number)
    until(lambda: not is_alive(pid))


def test_a_caller_with_threads_can_start_many() -> None:
    answers: list[str | None] = []

    def one() -> None:
        helper = start("print('well')")
        answers.append(helper.line(30))
        helper.stop()

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["well"] * 8


def test_a_child_that_cannot_be_killed_is_abandoned(tmp_path: Path) -> None:
    problem = hung.why_not()
    if problem:
        pytest.skip(reason=f"no mount that hangs: {problem}")
    at = tmp_path / "hung"
    at.mkdir()
    with hung.mount(at) as asked:
        helper = start(_SAY + f"os.stat({str(at / 'x')!r})")
        pid = int(helper.line(30) or "")
        assert asked.wait(30)
        helper.stop()
        assert processes.reap_abandoned() == 1
        assert "D" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    until(lambda: processes.reap_abandoned() == 0)


def test_without_an_interpreter_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="interpreter"):
        Helper(processes.python("neffcache.cache.helper"), {})
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(FileNotFoundError):
        Helper(processes.python("neffcache.cache.helper"), {})
    assert os.listdir("/proc/self/fd") == before


def test_the_start_script_runs_only_our_modules() -> None:
    argv = processes.python("os")
    assert subprocess.run(argv, check=False).returncode == 2


_DETACHED = f"""
import os, sys, time
sys.path.append({SHIM!r})
from neffcache import processes
processes.detach("detached-test")
fds = {{n: os.readlink("/proc/self/fd/" + n) for n in "012"}}
said = [os.getpid(), os.getsid(0), os.getppid(), os.getcwd(), fds,
        open("/proc/self/comm").read().strip(), len(os.listdir("/proc/self/fd"))]
with open(sys.argv[1] + ".tmp", "w") as file:
    file.write(repr(said))
os.rename(sys.argv[1] + ".tmp", sys.argv[1])
time.sleep(1000)
"""
_STARTER = f"""
import os, sys
sys.path.append({SHIM!r})
from neffcache import processes
os.set_inheritable(os.dup(1), True)
os.dup2(1, 40)
processes.spawn_detached([sys.executable, "-I", "-S", "-c", {_DETACHED!r}, sys.argv[1]], {{}})
print("started", flush=True)
"""


def test_a_detached_process_holds_nothing_of_its_starter(tmp_path: Path) -> None:
    told = tmp_path / "told"
    argv = [sys.executable, "-c", _STARTER, str(told)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=tmp_path) as starter:
        out, _ = starter.communicate(timeout=60)  # EOF although what it started still runs
    assert out == b"started\n"
    until(told.exists)
    pid, session, above, cwd, fds, name, count = ast.literal_eval(told.read_text())
    try:
        assert is_alive(pid)
        assert session not in (pid, os.getsid(0))
        assert above not in (starter.pid, os.getpid())
        assert (cwd, name) == ("/", "detached-test")
        assert fds == dict.fromkeys("012", "/dev/null")
        assert count == 4  # the listing's own among them
    finally:
        kill(pid)
    until(lambda: not is_alive(pid))


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "0<&- 1>&-", "0<&- 2>&-", "0<&- 1>&- 2>&-"])
def test_a_caller_without_standard_descriptors(tmp_path: Path, closed: str) -> None:
    told = tmp_path / "told"
    script = tmp_path / "caller.py"
    script.write_text(
        f"import os, sys\nsys.path.append({SHIM!r})\nfrom neffcache.processes import Helper\n"
        f"code = {_ACT + _LIST!r}\n"
        "helper = Helper([sys.executable, '-I', '-S', '-c', code], dict(os.environb))\n"
        "line = helper.line(30)\nhelper.stop()\n"
        "with open(sys.argv[1], 'w') as file:\n    file.write(str(line))\n"
    )
    command = f'exec "$0" "$1" "$2" {closed}'
    argv = ["sh", "-c", command, sys.executable, str(script), str(told)]
    subprocess.run(argv, check=True, timeout=60)
    assert told.read_text() == "['0', '1', '2', '3']"


def test_our_own_processes_are_told_where_the_packages_are() -> None:
    command = [sys.executable, "-I", "-S", "-X", "neffcache=/a b=c", "-c"]
    code = f"import sys;sys.path.append({SHIM!r});from neffcache import processes;"
    code += "print(processes.python('neffcache.x', 'y')[:5])"
    done = subprocess.run([*command, code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout)[1:] == ["-I", "-S", "-X", "neffcache=/a b=c"]


def test_our_own_processes_are_told_nothing_where_nothing_is_known() -> None:
    assert "-X" not in processes.python("neffcache.x")


@pytest.mark.parametrize(
    ("name", "value"), [("frozen", True), ("orig_argv", []), ("orig_argv", [""])]
)
def test_a_program_that_python_is_a_part_of_is_not_started_again(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    assert processes.python("neffcache.some")[0] == sys.executable
    monkeypatch.setattr(sys, name, value, raising=False)
    with pytest.raises(OSError, match="does not know its interpreter"):
        Helper(processes.python("neffcache.some"), {})
