"""Door: asking a Hub on behalf of a command, by a process that is given up when it is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neffcache import processes
from neffcache.cli import hub_helper
from neffcache.errors import RefusedError, RemoteError
from neffcache.hub import offline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.options import Config
    from neffcache.remote import Spec

# Until it has loaded the Hub's client, from however slow a disk.
_TO_START = 30.0
# It gives up by itself first: its own words say more.
_LATER = 3.0


def ask(
    what: str, spec: Spec, detail: str, config: Config, environ: Mapping[bytes, bytes]
) -> dict[str, str]:
    """What the Hub says of a repository.

    Args:
        what: `info`, `look` or `create`: see `hub_helper`, and there for the detail.

    Returns:
        Facts by name: repo, private, gated, user, quota, ...; "" where one does not hold.

    Raises:
        RefusedError: the Hub says no. RemoteError: it cannot be asked.
    """
    facts: dict[str, str] = {}
    word, why = answer(what, spec, detail, (config, environ, facts))
    if word == "good":
        return facts
    raise RefusedError(why) if word == "refused" else RemoteError(why)


def answer(
    what: str,
    spec: Spec,
    detail: str,
    world: tuple[Config, Mapping[bytes, bytes], dict[str, str]],
) -> tuple[str, str]:
    """`ask`, with how it ended as (good, refused or failed; why) and the facts put into a dict."""
    config, environ, facts = world
    if offline.is_offline(environ):
        return "failed", "the Hub is not asked: HF_HUB_OFFLINE is set; unset it"
    command = processes.python(hub_helper.MODULE, what, spec.text(), detail)
    try:
        helper = processes.Helper(command, environ)
    except OSError as error:
        return "failed", f"no helper process ({error})"
    silence = _TO_START
    try:
        while (line := helper.line(silence)) is not None:
            silence = 2 * config.remote_timeout + _LATER
            word, _, rest = line.partition(" ")
            if word == "fact":
                name, _, value = rest.partition(" ")
                facts[name] = value
            elif word != "busy":
                return word, rest
    except processes.Silent:
        host = spec.options.get("endpoint", "the Hub")
        return "failed", f"{host} is silent; look at the network, the proxy and the name server"
    finally:
        helper.stop()
    return "failed", "the process that asks the Hub died"
