"""Unit: the process's name and its prctl switches."""

from __future__ import annotations

from unit import makers

NAMED = """
from neffcache import kernel
kernel.rename("neuronx-cc")
print(open("/proc/self/comm").read())
"""
DUMPABLE = """
import ctypes
from neffcache import kernel
kernel.load_prctl()(kernel.PR_SET_DUMPABLE, 0)
PR_GET_DUMPABLE = 3
print(ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0))
"""
DEATH_SIGNAL = """
import ctypes
from neffcache import kernel
kernel.load_prctl()(kernel.PR_SET_PDEATHSIG, 9)
PR_GET_PDEATHSIG = 2
found = ctypes.c_int()
ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(found), 0, 0, 0)
print(found.value)
"""
NO_CTYPES = """
import sys
from neffcache import kernel
sys.modules["_ctypes"] = None
print(kernel.load_prctl()(kernel.PR_SET_DUMPABLE, 0))
"""
NO_PROC = """
import posix
from neffcache import kernel
def missing(*_arguments):
    raise OSError(2, "no /proc")
posix.open = missing
kernel.rename("neuronx-cc")
print("fine")
"""


def test_rename_shows_in_comm() -> None:
    assert makers.run(NAMED) == "neuronx-cc"


def test_rename_without_proc_changes_nothing() -> None:
    assert makers.run(NO_PROC) == "fine"


def test_prctl_reaches_the_kernel() -> None:
    assert makers.run(DUMPABLE) == "0"
    assert makers.run(DEATH_SIGNAL) == "9"


def test_without_ctypes_prctl_does_nothing() -> None:
    assert makers.run(NO_CTYPES) == "None"
