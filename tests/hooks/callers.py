"""A target library of a test's own, whose one module starts the compiler."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from frameworks import Framework
from hosts import TRAIN, Done, Host

PACKAGE = "jax_neuronx"
FORMS = Path(__file__).parent / "forms.py"
# Prints nothing but what the tests' text does. Words: whatever it takes.
START = """
import json, os, sys, subprocess
from pathlib import Path
from jax_neuronx import forms
LINE = forms.LINE
def fresh(name="here", graph={graph!r}):
    os.makedirs(name)
    os.chdir(name)
    Path("in.pb").write_bytes(Path(graph).read_bytes())
"""


def lay_out(host: Host, **named: Any) -> Framework:
    """A host's Python in which `jax_neuronx.forms` can be imported."""
    made = Framework(host, ("libneuronxla",), **named)
    folder = made.packages / PACKAGE
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").write_text("")
    (folder / "forms.py").write_text(FORMS.read_text())
    return made


def run(
    caller: Framework, text: str, *words: str | Path, variables: Mapping[str, str] | None = None
) -> Done:
    """Run a test's text in such a Python; it must end well."""
    done = caller.run(START.format(graph=str(TRAIN)) + text, *words, variables=variables)
    assert done.status == 0, done.err
    return done


def answered(host: Host) -> list[str]:
    """Who answered each call of the compiler: a hook's are "hook"; the shim's by their outcome."""
    return [
        str(record.get("door") or record["outcome"])
        for record in host.journal()
        if record["outcome"]
    ]
