"""Hooks: whatever way a caller starts the compiler, a hook's hit is to him what the shim's is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hooks import callers, forms
from hosts import TRAIN, Host

GROUP = f"""
forms.main(sys.argv[1], {str(TRAIN)!r}, sys.argv[2])
"""


def _come_of(host: Host, group: str, hooks: bool) -> Any:
    caller = callers.lay_out(host, hooks=hooks)
    place = host.root / f"hooks-{hooks}"
    variables = {"SHIM": str(host.shims / "neuronx-cc")}
    return json.loads(callers.run(caller, GROUP, place, group, variables=variables).out)


@pytest.fixture
def filled(host: Host) -> Host:
    """A host whose store has the answer of every form."""
    (host.root / "in.pb").write_bytes(TRAIN.read_bytes())
    assert host.compile(host.root / "first", TRAIN).status == 0
    return host


@pytest.mark.parametrize("group", ["FORMS", "STARTED", "OTHERS"])
def test_each_form_comes_to_the_same_with_the_hooks(filled: Host, group: str) -> None:
    assert _come_of(filled, group, hooks=True) == _come_of(filled, group, hooks=False)
    assert filled.compiles == 1


def test_what_is_understood_starts_no_process(filled: Host) -> None:
    made = _come_of(filled, "FORMS", hooks=True)
    assert list(made) == list(forms.FORMS)
    assert callers.answered(filled)[1:] == ["hook"] * len(forms.FORMS)
    for left in (left for _said, left in made.values()):
        assert set(left) - {"said"} == {"in.pb", "out.neff", "log-neuron-cc.txt"}


def test_what_is_not_understood_goes_to_the_shim(filled: Host) -> None:
    _come_of(filled, "STARTED", hooks=True)
    assert callers.answered(filled)[1:] == ["hit_local"] * len(forms.STARTED)


def test_nothing_of_a_start_is_left_open(filled: Host) -> None:
    text = """
fresh()
listed = lambda: sorted(os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
                        if os.path.exists(f"/proc/self/fd/{n}"))
forms.FORMS["captured"]()
before = listed()
for form in forms.FORMS.values():
    form()
assert listed() == before, (before, listed())
"""
    variables = {"SHIM": str(filled.shims / "neuronx-cc")}
    callers.run(callers.lay_out(filled), text, variables=variables)


def test_a_process_number_is_nobodys(filled: Host) -> None:
    text = """
fresh()
one, two = (forms.subprocess.Popen(LINE, stdout=subprocess.DEVNULL) for _ in "12")
assert one.pid != two.pid and min(one.pid, two.pid) > 1 << 22
for ask in (lambda pid: os.kill(pid, 0), lambda pid: os.killpg(pid, 0), os.getpgid):
    try:
        ask(one.pid)
    except ProcessLookupError:
        continue
    raise AssertionError("somebody is there")
try:
    os.waitpid(one.pid, 0)
except ChildProcessError:
    print("gone")
one.wait(), two.wait()
"""
    said = callers.run(callers.lay_out(filled), text)
    assert said.out == "gone\n"
    assert callers.answered(filled)[1:] == ["hook"] * 2


def test_a_pipe_that_is_full_delays_nobody(filled: Host) -> None:
    text = """
import fcntl
fresh()
end, start = os.pipe()
os.set_blocking(start, False)
filled = 0
try:
    while True:
        filled += os.write(start, b"x" * 4096)
except BlockingIOError:
    os.set_blocking(start, True)
process = forms.subprocess.Popen(LINE, stdout=start)  # comes back although nobody reads
os.close(start)
said = b""
while part := os.read(end, 65536):
    said += part
assert process.wait() == 0
print(said[filled:].decode(), end="")
"""
    said = callers.run(callers.lay_out(filled), text)
    assert said.out == "Compiler status PASS\n"
    assert callers.answered(filled)[1:] == ["hit_local"]


@pytest.mark.parametrize("name", ["SIGPIPE", "SIGXFSZ"])
def test_a_signal_that_would_end_the_caller_is_not_risked(filled: Host, name: str) -> None:
    text = f"""
import signal
fresh()
signal.signal(signal.{name}, signal.SIG_DFL)
with open("said", "wb") as file:
    assert forms.subprocess.run(LINE, stdout=file).returncode == 0
"""
    callers.run(callers.lay_out(filled), text)
    assert callers.answered(filled)[1:] == ["hit_local"]


def test_a_stranger_to_the_compiler_is_started_as_ever(host: Host) -> None:
    text = """
said = [forms.go(["echo", "one"], capture_output=True, text=True).stdout]
said += [forms.subprocess.check_output("echo two", shell=True, text=True)]
said += [forms.subprocess.getoutput("echo three"), forms.Started(["false"]).wait()]
print(json.dumps(said))
"""
    said = callers.run(callers.lay_out(host), text)
    assert json.loads(said.out) == ["one\n", "two\n", "three", 1]
    assert not host.store.exists() or host.journal() == []
