"""The `neuronx-cc` program: what it is asked to do besides compiling, and its exit status."""

from __future__ import annotations

import io
import os
import sys

from neuronxcc import __version__
from neuronxcc.driver.arguments import COMMANDS, Request, parse
from neuronxcc.driver.options import OPTIONS
from neuronxcc.driver.switches import Switches, append_line
from neuronxcc.errors import CompileError, UsageError

_USAGE = "usage: neuronx-cc [-h] [-V] [--verbose LEVEL] {compile,list-operators} ..."
_OPERATORS = ("Add", "Broadcast", "Concatenate", "Convolution", "Dot", "Exp", "Reduce", "Tanh")
# The answer of --query-compute-placement is the exit status.
_ON_DEVICE, _ON_HOST = 0, 1


def main() -> int:
    """Entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        # names that are no text in this locale must not end a compile
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    switches = Switches.read(os.environ)
    if switches.dump:
        from neuronxcc.driver import dump

        dump.write(switches.dump)
    if switches.calls:
        append_line(switches.calls, {"argv": sys.argv[1:]})
    try:
        return _act(parse(sys.argv[1:]), switches)
    except UsageError as wrong:
        print(f"{_USAGE}\nneuronx-cc: error: {wrong}", file=sys.stderr)
        return 2


def _act(request: Request, switches: Switches) -> int:
    if request.has("version"):
        return _version()
    if request.has("help"):
        return _help()
    if request.has("query-compute-placement"):
        return _placement(request)
    if request.command == "list-operators":
        print("\n".join(_OPERATORS))
        return 0
    if request.command != "compile":
        raise UsageError(f"a command is required: {', '.join(COMMANDS)}")
    if request.has("print-nki"):
        print("# NKI is not printed by the stand-in")
    from neuronxcc.driver import compilation

    return compilation.run(request, switches)


def _version() -> int:
    """Slow, as the real one: the version is printed after the heavy imports."""
    try:
        from neuronxcc import xla

        xla.heavy()[0].make_cpu_client()
    except ImportError:
        pass
    python = ".".join(map(str, sys.version_info[:3]))
    print(f"NeuronX Compiler version {__version__}\n\nPython version {python}")
    return 0


def _help() -> int:
    print(_USAGE + "\n\noptions:")
    for option in OPTIONS.values():
        print(f"  --{option.name}")
    return 0


def _placement(request: Request) -> int:
    """On the device when there is matrix work in the graph, else on the host."""
    from neuronxcc.graph.load import load

    if len(request.inputs) != 1:
        raise UsageError("one model file is needed")
    try:
        graph = load(request.inputs[0]).graph
    except CompileError as failed:
        print(failed, file=sys.stderr)
        return 70
    heavy = b"dot" in graph or b"convolution" in graph
    return _ON_DEVICE if heavy else _ON_HOST
