"""A copy of the package for one host, in which a room can be broken on purpose."""

from __future__ import annotations

import shutil
from pathlib import Path

import neffcache
from hosts import Host

PACKAGE = Path(neffcache.__file__).parent


def break_room(host: Host, module: str, code: str) -> None:
    """Let the host's shim run a copy of the package with `code` at the end of a module.

    Without NEFFCACHE_STRICT, which turns faults into failures.
    """
    copy = host.root / "package" / "neffcache"
    if not copy.exists():
        shutil.copytree(PACKAGE, copy)
        shim = host.shims / "neuronx-cc"
        text = shim.read_text().replace(f"{PACKAGE}/", f"{copy}/")
        assert str(copy) in text
        shim.write_text(text)
        host.variables["NEFFCACHE_STRICT"] = ""
    path = copy / Path(*module.split(".")).with_suffix(".py")
    with path.open("a") as file:
        file.write(f"\n\n{code}\n")
