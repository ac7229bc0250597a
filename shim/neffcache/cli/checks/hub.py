"""Door: a repository on the Hub: who this user is there, what he may, what is left of his quota."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neffcache import remote
from neffcache.cli import hub_call, hub_helper
from neffcache.cli.create import visibility
from neffcache.cli.finding import OK, WARN, Finding, Scene
from neffcache.hub import client, offline, publicity, saved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from neffcache.remote import Spec

_AGAIN = "compiles go on without it"


def look(spec: Spec, scene: Scene) -> Iterator[Finding]:
    """The findings about one remote on the Hub."""
    named = f"{remote.shown(spec.url)}, named by {spec.origin}"
    if offline.is_offline(scene.environ):
        remedy = "unset it where the Hub may be asked"
        yield Finding("remotes", WARN, f"{named}: not asked, HF_HUB_OFFLINE is set", remedy)
        return
    facts: dict[str, str] = {}
    detail = hub_helper.WRITE if spec.writes else ""
    world = (scene.config, scene.environ, facts)
    word, why = hub_call.answer("look", spec, detail, world)
    who = f"{facts['user']} at {facts['endpoint']}" if "user" in facts else ""
    if word != "good":
        what = "does not answer" if word == "failed" else "cannot be used"
        as_whom = f" (as {who})" if who else ""
        cause, _, remedy = why.partition("; ")
        line = f"{named}: {what}{as_whom}: {cause}"
        yield Finding("remotes", WARN, line, remedy or _AGAIN)
        return
    who = who or f"nobody (no token) at {facts['endpoint']}"
    yield Finding("remotes", OK, f"{named}: answers ({spec.mode}, {visibility(facts)}) to {who}")
    if "user" in facts and _is_open(facts["endpoint"]):
        line = f"{named}: the token goes to {facts['endpoint']} unencrypted"
        yield Finding("remotes", WARN, line, "name an https:// address: HF_ENDPOINT, or endpoint=")
    if facts["repo"] != spec.location.partition("@")[0]:
        line = f"{named}: it is called {facts['repo']} now"
        yield Finding("remotes", WARN, line, "name it so: each request costs two until then")
    if spec.writes:
        yield from _writing(spec, scene, facts)
    if facts.get("quota"):
        yield Finding("remotes", OK, f"{remote.shown(spec.url)}: {facts['quota']}")


def _is_open(endpoint: str) -> bool:
    """Whether everybody between here and there reads along."""
    scheme, host, _port = client.origin(endpoint)
    return scheme == "http" and host not in ("localhost", "::1") and not host.startswith("127.")


def _writing(spec: Spec, scene: Scene, facts: dict[str, str]) -> Iterator[Finding]:
    """Whether entries can go there, and may."""
    shown = remote.shown(spec.url)
    if facts["unwritable"]:
        cause, _, remedy = facts["unwritable"].partition("; ")
        line = f"{shown}: not to be written to by {facts.get('user', 'nobody')}: {cause}"
        yield Finding("remotes", WARN, line, remedy or "use a token that may write there")
        return
    yield Finding("remotes", OK, f"{shown}: {facts.get('user', 'this user')} may write there")
    refused = publicity.refusal(
        facts["repo"], bool(facts["private"]), scene.config, scene.environ, facts["endpoint"]
    )
    if refused is not None:
        yield Finding("remotes", WARN, refused.what, refused.remedy)


def unread(scene: Scene) -> Iterator[Finding]:
    """A saved name that cannot be read: compiles go on as if there were none."""
    file = saved.path(scene.environ)
    try:
        saved.read(file)
    except OSError as error:
        line = f"{file} cannot be read ({error.strerror}): it names no remote"
        yield Finding("remotes", WARN, line, "correct its owner and mode, or HF_HOME")
