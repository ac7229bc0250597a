"""Hooks: how a library's `subprocess` is replaced, beside others who replace it, and put back."""

from __future__ import annotations

import pytest

from hooks import callers
from hosts import CONV, TRAIN, Host

HIT = "fresh(); assert forms.FORMS['captured']()[2] == 0\n"


@pytest.fixture
def filled(host: Host) -> Host:
    """A host whose store has the answer of every call below."""
    assert host.compile(host.root / "first", TRAIN).status == 0
    return host


def _answers(host: Host, text: str, **variables: str) -> list[str]:
    callers.run(callers.lay_out(host), text, variables=variables)
    return callers.answered(host)[1:]


def test_python_itself_keeps_its_module(filled: Host) -> None:
    text = """
import inspect, types
assert forms.subprocess is not subprocess and isinstance(forms.subprocess, types.ModuleType)
assert subprocess.run.__module__ == "subprocess" and not hasattr(subprocess.run, "__wrapped__")
assert forms.subprocess.PIPE is subprocess.PIPE and dir(forms.subprocess) == dir(subprocess)
assert forms.subprocess.__dict__ is subprocess.__dict__
assert repr(forms.subprocess) == repr(subprocess)
assert inspect.signature(forms.go) == inspect.signature(subprocess.run)
assert forms.go.__name__ == "run" and forms.subprocess.Popen[bytes]
fresh(); assert subprocess.run(LINE, stdout=subprocess.DEVNULL).returncode == 0
"""
    assert _answers(filled, text) == ["hit_local"]


def test_disable_gives_a_library_its_own_back(filled: Host) -> None:
    text = """
import neffcache_hooks
kept = forms.subprocess, forms.subprocess.Popen, forms.go
neffcache_hooks.disable()
assert (forms.subprocess, forms.go, forms.Started) == (subprocess, subprocess.run, subprocess.Popen)
fresh(); assert kept[0].run(LINE, stdout=-3).returncode == 0
fresh("two"); assert kept[1](LINE, stdout=-3).wait() == 0
fresh("three"); assert kept[2](LINE, stdout=-3).returncode == 0
"""
    assert _answers(filled, text.replace('fresh("', 'os.chdir(".."); fresh("')) == ["hit_local"] * 3


def test_disable_leaves_what_somebody_put_there_since(filled: Host) -> None:
    text = """
import neffcache_hooks
theirs = object()
forms.go = theirs
neffcache_hooks.disable()
assert forms.go is theirs and forms.subprocess is subprocess
"""
    assert _answers(filled, text) == []


def test_enabled_again_and_again_it_is_replaced_once(filled: Host) -> None:
    text = f"""
import neffcache_hooks
one = forms.subprocess, forms.go
neffcache_hooks.enable(); neffcache_hooks.enable()
assert (forms.subprocess, forms.go) == one
neffcache_hooks.disable(); neffcache_hooks.enable()
{HIT}"""
    assert _answers(filled, text) == ["hook"]


def test_a_module_that_is_loaded_anew_is_replaced_anew(filled: Host) -> None:
    text = f"""
import importlib
importlib.reload(forms)
{HIT}import neffcache_hooks
neffcache_hooks.disable()
assert forms.subprocess is subprocess
"""
    assert _answers(filled, text) == ["hook"]


def test_a_subprocess_module_that_is_loaded_anew_is_still_a_whole_one(filled: Host) -> None:
    text = """
import importlib
importlib.reload(subprocess)
fresh(); assert forms.subprocess.run(LINE, stdout=-3).returncode == 0
os.chdir(".."); importlib.reload(forms)
fresh("two"); assert forms.subprocess.run(LINE, stdout=-3).returncode == 0
"""
    assert _answers(filled, text) == ["hit_local", "hook"]


FIRST = """
import json, os, subprocess, sys
from pathlib import Path
seen = []
{theirs}
from jax_neuronx import forms
os.makedirs("here"); os.chdir("here"); Path("in.pb").write_bytes(Path({graph!r}).read_bytes())
assert forms.subprocess.run(forms.LINE, stdout=-3).returncode == 0
assert seen == [1], seen
"""
RUN = """
real = subprocess.run
def theirs(*args, **words):
    seen.append(1)
    return real(*args, **words)
subprocess.run = theirs
"""
POPEN = """
class Theirs(subprocess.Popen):
    def __init__(self, *args, **words):
        seen.append(1)
        super().__init__(*args, **words)
subprocess.Popen = Theirs
"""


@pytest.mark.parametrize("theirs", [RUN, POPEN])
def test_somebody_elses_replacement_that_was_first_is_called(filled: Host, theirs: str) -> None:
    text = FIRST.format(theirs=theirs, graph=str(TRAIN))
    done = callers.lay_out(filled).run(text)
    assert done.status == 0, done.err
    assert callers.answered(filled)[1:] == ["hit_local"]


@pytest.mark.parametrize("theirs", [RUN, POPEN])
def test_somebody_elses_replacement_that_is_later_is_called(filled: Host, theirs: str) -> None:
    text = f"""
seen = []
{theirs}
fresh(); assert forms.subprocess.run(LINE, stdout=-3).returncode == 0
assert seen == [1], seen
"""
    assert _answers(filled, text) == ["hit_local"]


def test_a_mock_in_a_librarys_subprocess_comes_and_goes(filled: Host) -> None:
    text = f"""
from unittest import mock
real = subprocess.run
with mock.patch("jax_neuronx.forms.subprocess.run", return_value=7):
    assert forms.subprocess.run(LINE) == 7
with mock.patch.object(forms.subprocess, "Popen", side_effect=KeyError):
    try:
        forms.subprocess.run(LINE)
    except KeyError:
        print("theirs")
assert subprocess.run is real
{HIT}"""
    assert _answers(filled, text) == ["hook"]


def test_a_popen_of_another_shape_is_left_alone(filled: Host) -> None:
    text = FIRST.format(
        theirs="""
seen.append(1)
real = subprocess.Popen._execute_child
subprocess.Popen._execute_child = lambda self, *values: real(self, *values)
""",
        graph=str(TRAIN),
    )
    state = """
import neffcache_hooks
(reason,) = {reason for label, state, reason in neffcache_hooks.status()
             if label.startswith("jax_neuronx.forms.") and state == "stands aside"}
assert "_execute_child" in reason, reason
"""
    done = callers.lay_out(filled).run(text + state)
    assert done.status == 0, done.err
    assert "jax_neuronx.forms.subprocess: stands aside" in done.err
    assert callers.answered(filled)[1:] == ["hit_local"]


BROKEN = """
from neffcache_hooks import calling
def broken(*_args):
    raise RuntimeError("no such thing")
calling.stored.serve = broken
"""


def test_a_fault_of_ours_costs_a_start_of_the_shim(filled: Host) -> None:
    text = BROKEN + "fresh(); assert forms.subprocess.run(LINE, stdout=-3).returncode == 0\n"
    caller = callers.lay_out(filled)
    done = caller.run(callers.START.format(graph=str(TRAIN)) + text, variables={**NOT_STRICT})
    assert done.status == 0, done.err
    (line,) = [line for line in done.err.splitlines() if "neffcache" in line]
    assert "compile call: RuntimeError" in line
    assert "no such thing" not in line
    assert callers.answered(filled)[1:] == ["hit_local"]


NOT_STRICT = {"NEFFCACHE_STRICT": "0"}


def test_a_fault_of_ours_is_raised_where_that_is_asked_for(filled: Host) -> None:
    text = BROKEN + (
        "fresh()\ntry:\n    forms.subprocess.run(LINE)\nexcept RuntimeError:\n    print('raised')\n"
    )
    assert callers.run(callers.lay_out(filled), text).out == "raised\n"


def test_wrong_settings_leave_the_call_to_the_shim(filled: Host) -> None:
    text = "fresh(); assert forms.subprocess.run(LINE, stdout=-3).returncode == 0\n"
    callers.run(callers.lay_out(filled), text, variables={"NEFFCACHE_KEY_LEVEL": "odd"})
    assert callers.answered(filled)[1:] == ["bad_setting"]


def test_settings_are_those_of_the_call(filled: Host) -> None:
    text = """
env = {**os.environ, "NEFFCACHE_RECACHE": "1"}
fresh(); assert forms.subprocess.run(LINE, stdout=-3, env=env).returncode == 0
os.environ["NEFFCACHE_DISABLE"] = "1"
assert forms.subprocess.run(LINE, stdout=-3).returncode == 0
"""
    assert _answers(filled, text) == ["compiled", "disabled"]


def test_a_variable_that_only_native_code_has_set_is_in_the_key(filled: Host) -> None:
    text = f"""
import ctypes
assert ctypes.CDLL(None).setenv(b"NEURON_FSDP", b"1", 1) == 0
assert "NEURON_FSDP" not in os.environ
{HIT}"""
    assert _answers(filled, text) == ["compiled"]
    assert _answers(filled, text.replace("fresh()", "fresh('two')")) == ["compiled", "hook"]


def test_many_threads_are_each_given_their_own(filled: Host) -> None:
    assert filled.compile(filled.root / "second", CONV).status == 0
    text = f"""
import hashlib
from concurrent.futures import ThreadPoolExecutor
graphs = [Path({str(TRAIN)!r}).read_bytes(), Path({str(CONV)!r}).read_bytes()]
def one(number):
    here = Path(str(number)).absolute()
    here.mkdir()
    (here / "in.pb").write_bytes(graphs[number % 2])
    done = forms.subprocess.run(LINE, cwd=here, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "Compiler status PASS\\n")
    return number % 2, hashlib.sha256((here / "out.neff").read_bytes()).hexdigest()
with ThreadPoolExecutor(8) as pool:
    made = set(pool.map(one, range(80)))
assert len(made) == 2
"""
    assert _answers(filled, text)[1:] == ["hook"] * 80


def test_forked_and_spawned_workers_are_answered_too(filled: Host) -> None:
    text = f"""
import multiprocessing
child = os.fork()
if child == 0:
    {HIT.strip()}
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
line = [sys.executable, "-c", "import os; os.chdir('here'); from jax_neuronx import forms; "
        "assert forms.FORMS['captured']()[2] == 0"]
subprocess.run(line, check=True)
"""
    assert _answers(filled, text) == ["hook"] * 2
