"""Door: `neffcache config --import FILE`: Olive's remote, written into the settings file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from neffcache import config as settings
from neffcache import files, olive, remote, targets
from neffcache.cli.answer import Answer
from neffcache.errors import NeffcacheError, SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.remote import Spec

_NAMED = b"NEFFCACHE_CONFIG"
_LIMIT = 1 << 20
_READABLE = 0o644


def take(path: str, environ: Mapping[bytes, bytes]) -> Answer:
    """Add the remote of a file of Olive's behind those of the settings files.

    Raises:
        SettingError: the file names no remote, or a settings file is wrong: nothing is changed.
        NeffcacheError: there is no place for settings. OSError: it cannot be written.
    """
    path = os.path.abspath(path)
    spec = olive.spec(path)
    if spec is None:
        return Answer(f"{path}: its cloud cache is switched off: nothing is changed\n")
    only_files = {
        name: value
        for name, value in environ.items()
        if not name.startswith(settings.PREFIX) or name == _NAMED
    }
    held = settings.load(only_files)
    found = [one for one in remote.specs(held.remotes) if remote.is_same(one, spec)]
    if found:
        return _there(found[0], spec, held.origins["remotes"])
    target = _target(environ)
    before = _modes(only_files)
    value = " ".join([*held.remotes, olive.url(path)])
    changed = _write(target, f"remotes = {value}", held.origins.get("remotes", ""))
    lines = [f"{target}: {changed}remotes = {value}"]
    lines += [
        f"{url} is only read from now on: the settings say where to write"
        for url, mode in _modes(only_files).items()
        if mode == "ro" and before.get(url, "ro") != "ro"
    ]
    return Answer("\n".join(lines) + "\n", notices=_hidden(environ, olive.url(path)))


def _there(one: Spec, spec: Spec, origin: str) -> Answer:
    """Named already: what a person wrote there is not changed."""
    if one.mode == spec.mode:
        return Answer(f"{origin}: names {spec.url} already: nothing is changed\n")
    raise NeffcacheError(
        f"{origin}: names {spec.url} with mode={one.mode}, not {spec.mode}: nothing is changed",
        "correct it there",
    )


def _hidden(environ: Mapping[bytes, bytes], url: str) -> tuple[str, ...]:
    if not environ.get(files.encode(remote.SETTING)):
        return ()
    return (f"{remote.SETTING} is set and holds instead of it; add {url} there or unset it",)


def _target(environ: Mapping[bytes, bytes]) -> str:
    """The settings file that holds here and is the user's to change; links are followed."""
    path = os.fsdecode(environ.get(_NAMED, b"")) or settings.user_file(environ)
    if not path:
        raise NeffcacheError("no home directory to hold settings", "correct HOME")
    return os.path.realpath(path)


def _modes(environ: Mapping[bytes, bytes]) -> dict[str, str]:
    """The remotes that hold here and their modes; none where one is malformed."""
    try:
        return {one.url: one.mode for one in targets.specs(settings.load(environ), environ)}
    except SettingError:
        return {}


def _write(target: str, line: str, origin: str) -> str:
    """Put a line in the place of the one that `origin` names, or behind all others: what it did."""
    mode = files.mode(target) & 0o777
    try:
        lines = files.decode(files.read(target, _LIMIT)).split("\n")
    except FileNotFoundError:
        lines = [""]
        files.make_directories(files.parent(target), 0o777)
    where, _, number = origin.rpartition(":")
    here = bool(where) and os.path.realpath(where) == target
    if here:
        lines[int(number) - 1] = line
    else:
        lines[len(lines) - (not lines[-1]) :] = [line, ""]
    files.publish(target, files.encode("\n".join(lines)), sync=True, mode=mode or _READABLE)
    if mode:
        os.chmod(target, mode)  # whatever the umask is
    return f"line {number} is now: " if here else "added: "
