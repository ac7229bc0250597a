"""Hooks: odd calls end exactly as without us: programs, modes and environments of a start."""

from __future__ import annotations

import pytest

from hooks import callers
from hosts import TRAIN, Host

# Another PATH for what this process starts than os.environ tells of: Python looks in the latter.
ELSEWHERE = """
import ctypes
fresh()
library, there = ctypes.CDLL(None), os.environb[b"PATH"]
if sys.argv[1] == "native":
    os.environ["PATH"] = "/usr/bin:/bin"
    library.setenv(b"PATH", there, 1)
else:
    library.setenv(b"PATH", b"/usr/bin:/bin", 1)
try:
    print(forms.subprocess.run(LINE, capture_output=True).returncode)
except OSError as error:
    print(type(error).__name__)
"""
MODES = """
fresh()
print(forms.subprocess.run(LINE, stdout=-3, umask=int(sys.argv[1])).returncode)
print(oct(os.stat("out.neff").st_mode & 0o777))
"""
TWICE = """
fresh()
environ = {**os.environb, b"NEURON_FSDP": b"1"}
two = {"NEURON_FSDP": "2"}
environ = {**two, **environ} if sys.argv[1] == "first" else {**environ, **two}
print(forms.subprocess.run(LINE, stdout=-3, env=environ).returncode)
"""


@pytest.fixture
def filled(host: Host) -> Host:
    """A host whose store has the answer."""
    assert host.compile(host.root / "first", TRAIN).status == 0
    return host


def _both(host: Host, text: str, *words: str) -> tuple[str, str]:
    """What it comes to with the hooks, and without."""
    made = []
    for on in (True, False):
        caller = callers.lay_out(host, hooks=on)
        made.append(callers.run(caller, text.replace("fresh()", f"fresh('at-{on}')"), *words).out)
    return made[0], made[1]


@pytest.mark.parametrize("where", ["native", "python"])
def test_a_program_is_looked_for_where_python_looks(filled: Host, where: str) -> None:
    with_hooks, without = _both(filled, ELSEWHERE, where)
    assert with_hooks == without


@pytest.mark.parametrize("umask", ["0", "7", "-1"])
def test_files_have_the_modes_that_a_start_asks_for(filled: Host, umask: str) -> None:
    with_hooks, without = _both(filled, MODES, umask)
    assert with_hooks == without


@pytest.mark.parametrize("order", ["first", "last"])
def test_an_environment_with_two_values_of_a_name_is_the_shims_to_read(
    filled: Host, order: str
) -> None:
    for value in "12":
        filled.compile(filled.root / f"f{value}", TRAIN, variables={"NEURON_FSDP": value})
    before = {str(one["key"]) for one in filled.journal()}
    keys = []
    for on in (False, True):
        caller = callers.lay_out(filled, hooks=on)
        callers.run(caller, TWICE.replace("fresh()", f"fresh('at-{on}')"), order)
        keys.append(filled.journal()[-1]["key"])
    assert callers.answered(filled)[-2:] == ["hit_local", "hit_local"]
    assert keys[0] == keys[1]
    assert keys[0] in before


BEFORE_US = """
import json, os, posix, sys
from pathlib import Path
from jax_neuronx import forms
from neffcache_hooks import surroundings
try:
    print(surroundings.current()[b"NEURON_FSDP"])
except ValueError as error:
    print(error)
"""
OUTER = """
import ctypes, os
library = ctypes.CDLL(None)
pairs = [name + b"=" + value for name, value in os.environb.items()]
pairs += [b"NEURON_FSDP=1", b"NEURON_FSDP=2"]
words = [os.fsencode(sys.executable), b"-c", os.fsencode(sys.argv[1])]
sys.stdout.flush()
library.execve(
    words[0],
    (ctypes.c_char_p * (len(words) + 1))(*words, None),
    (ctypes.c_char_p * (len(pairs) + 1))(*pairs, None),
)
"""


def test_a_variable_that_we_were_given_twice_is_told_to_be_so(host: Host) -> None:
    assert callers.run(callers.lay_out(host), OUTER, BEFORE_US).out == "a variable twice\n"
