"""Door: what `synchronize --pull` brings: native entries for the compiler of this host."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from neffcache.cache import native_reading
from neffcache.cli import FINE, NO, UNREACHABLE, progress, sync_call, sync_helper, text
from neffcache.cli.sync_push import listed, some
from neffcache.compiler import find, identity
from neffcache.errors import CompilerNotFound, RefusedError, RemoteError, SettingError
from neffcache.hub.names import split
from neffcache.invocation import Bypass
from neffcache.native import names, planting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from neffcache.cli.world import World
    from neffcache.remote import Spec

_COMPILER = "neuronx-cc "
_LEFT_OUT = (native_reading.UNSAFE, native_reading.NOT_WHOLE, native_reading.DAMAGED)


@dataclass
class Pulled:
    """How bringing went.

    Attributes:
        versions: directories of the compiler versions asked for.
        brought: (how many entries, from where), here: how many stood here already.
        would: what a dry run found; left_out: what was not planted, and why.
        status: of the command.
    """

    versions: list[str]
    brought: list[tuple[int, str]] = field(default_factory=list)
    here: int = 0
    would: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    status: int = FINE

    def count(self, told: str, url: str) -> int:
        """Take in what the helper says of one entry: how many were planted."""
        word, entry, why = [*told.split(" ", 2), ""][:3]
        if word == native_reading.STANDS:
            self.here += 1
        elif word in _LEFT_OUT:
            self.left_out.append(f"{entry} of {url}: {why}")
            if word == native_reading.DAMAGED:
                self.status = max(self.status, NO)
        return int(word == native_reading.PLANTED)

    def lines(self) -> list[str]:
        """For people."""
        made = [
            f"{text.count(count, 'entry', 'entries')} brought from {url}"
            for count, url in self.brought
        ]
        if self.here:
            made.append(f"{text.count(self.here, 'entry', 'entries')} here already")
        made += some(self.would)
        return made + some([f"not brought: {line}" for line in self.left_out])


def pull(world: World, sources: Sequence[Spec], root: str, how: tuple[bool, bool]) -> Pulled:
    """Bring what remotes have, in their order; one that fails does not stop the others.

    Args:
        how: whether it is a dry run, and whether to show no progress.

    Raises:
        SettingError: no compiler is found whose entries could be asked for.
    """
    made = Pulled(_versions(world, root))
    if not made.versions:
        raise SettingError(
            "no compiler here whose entries could be brought",
            "activate the Neuron environment, or set NEFFCACHE_COMPILER",
        )
    dry, quiet = how
    for spec in sources:
        try:
            if dry:
                _look(world, spec, root, made)
            else:
                _bring(world, spec, (root, made, quiet))
        except RemoteError as error:
            made.left_out.append(str(error))
            made.status = NO if isinstance(error, RefusedError) else UNREACHABLE
    return made


def _versions(world: World, root: str) -> list[str]:
    """The directories of the compiler that is installed; without one, those that are here."""
    try:
        script = find.find(world.environ, os.getcwd(), world.config.compiler)
        name = dict(identity.identify(script, world.environ).parts).get("compiler", b"").decode()
        if name.startswith(_COMPILER) and names.is_version(names.VERSION + name[len(_COMPILER) :]):
            return [names.VERSION + name[len(_COMPILER) :]]
    except (CompilerNotFound, Bypass):
        pass
    return [name for name in listed(root) if names.is_version(name)]


def _look(world: World, spec: Spec, root: str, made: Pulled) -> None:
    """Say what would be brought, unchecked."""
    lines = sync_call.lines(world, spec, "entries", *made.versions)
    found = [entry for _word, entry in lines]
    new = [entry for entry in found if not planting.stands(root, entry)]
    made.here += len(found) - len(new)
    made.would += [f"would bring {entry} from {spec.url}, if it passes the checks" for entry in new]


def _bring(world: World, spec: Spec, what: tuple[str, Pulled, bool]) -> None:
    root, made, quiet = what
    repo, _revision = split(spec.location)
    trust = sync_helper.TRUSTED if repo in world.config.hub_trusted else sync_helper.CHECKED
    done = total = brought = 0
    with progress.Progress("bringing", quiet=quiet) as shown:
        for word, rest in sync_call.lines(world, spec, "pull", root, trust, *made.versions):
            if word == sync_helper.TOTAL:
                total = int(rest)
                continue
            done += 1
            brought += made.count(rest, spec.url)
            shown.show(done, total)
    made.brought.append((brought, spec.url))
