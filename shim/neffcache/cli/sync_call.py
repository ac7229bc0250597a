"""Door: asking a remote on behalf of `synchronize`, by a process that is given up when silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neffcache import processes
from neffcache.cli import sync_helper
from neffcache.errors import RefusedError, RemoteError
from neffcache.hub import offline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from neffcache.cli.world import World
    from neffcache.remote import Spec

# Until it has loaded what the remote needs, from however slow a disk.
_TO_START = 30.0
# It gives up by itself first: its own words say more.
_PATIENCE, _LATER = 4, 3.0


def lines(world: World, spec: Spec, what: str, *arguments: str) -> Iterator[tuple[str, str]]:
    """What the helper says, as (word, rest), without `busy`; see `sync_helper`.

    Raises:
        RefusedError: the remote says no. RemoteError: it cannot be asked, or falls silent.
    """
    if spec.scheme == "hf" and offline.is_offline(world.environ):
        raise RemoteError(f"{spec.url} is not asked: HF_HUB_OFFLINE is set", "unset it")
    command = processes.python(sync_helper.MODULE, what, spec.text(), *arguments)
    try:
        helper = processes.Helper(command, world.environ)
    except OSError as error:
        raise RemoteError(f"no helper process ({error})") from error
    silence = _TO_START
    try:
        while (line := helper.line(silence)) is not None:
            silence = _PATIENCE * world.config.remote_timeout + _LATER
            word, _, rest = line.partition(" ")
            if word == "good":
                return
            if word in ("refused", "failed"):
                kind = RefusedError if word == "refused" else RemoteError
                raise kind(f"{spec.url}: {rest}")
            if word != "busy":
                yield word, rest
    except processes.Silent:
        raise RemoteError(f"{spec.url} is silent", "look at the network and its name") from None
    finally:
        helper.stop()
    raise RemoteError(f"{spec.url}: the process that asks it died")
