"""Door: the process that asks a Hub for a command, so that a silent Hub never hangs one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from neffcache import processes, remote
from neffcache.cache import reports
from neffcache.errors import NeffcacheError, RefusedError, RemoteError
from neffcache.hub import answers, client, names, repos

if TYPE_CHECKING:
    from collections.abc import Callable

    from neffcache.hub.client import Client
    from neffcache.remote import Spec

NAME = "neffcache-ask"
MODULE = "neffcache.cli.hub_helper"
# Words of a detail: it is to be written to; it is to be public; whose it is to be: the user's.
WRITE, PUBLIC, OWN = "write", "public", "own"


def main(arguments: list[str]) -> None:
    """Ask one thing: `<what> <remote> <detail>`.

    Writes `busy` while at it, `fact NAME VALUE` for what it learns, and at the end `good`,
    `refused WHY` (the Hub says no) or `failed WHY`.
    """
    processes.become_helper(NAME)
    processes.hush()
    what, url, detail = arguments
    try:
        _WHAT[what](remote.parse(url), detail)
        reports.send("good")
    except RefusedError as error:
        reports.send("refused", str(error))
    except (NeffcacheError, OSError) as error:
        reports.send("failed", str(error))
    except Exception as error:  # outermost: the command is told, whatever it was
        reports.send("failed", f"unexpected {type(error).__name__}: {answers.harmless(str(error))}")
    reports.end()


def _open(spec: Spec) -> Client:
    environ = dict(os.environb)
    if spec.credential and not remote.secret(spec, environ):
        raise RemoteError(f"{spec.credential} is not set", "export it or remove credential=")
    opened = client.open_client(spec, environ)
    reports.send("busy")
    return opened


def _fact(name: str, value: str) -> None:
    reports.send(f"fact {name}", value)


def _tell(repo: repos.Repo) -> None:
    _fact("repo", repo.name)
    _fact("private", "yes" if repo.private else "")
    _fact("gated", "yes" if repo.gated else "")
    if repo.quota:
        _fact("quota", repo.quota)


def _info(spec: Spec, _detail: str) -> None:
    opened = _open(spec)
    _fact("endpoint", opened.endpoint)
    _tell(repos.info(opened, spec.location.partition("@")[0]))


def _look(spec: Spec, detail: str) -> None:
    """Everything that `doctor` shows."""
    opened = _open(spec)
    _fact("endpoint", opened.endpoint)
    if opened.token:
        _fact("user", repos.whoami(opened))
    name, _, revision = spec.location.partition("@")
    repo = repos.info(opened, name)
    if revision:
        repos.check_revision(opened, repo.name, revision)
    _tell(repo)
    if WRITE in detail.split():
        problem = names.write_problem(revision) or repos.write_problem(opened, repo.name)
        _fact("unwritable", problem)


def _create(spec: Spec, detail: str) -> None:
    """Make the repository; of the user himself: whatever organisation stands there."""
    opened = _open(spec)
    _fact("endpoint", opened.endpoint)
    user = repos.whoami(opened)
    _fact("user", user)
    words = detail.split()
    org, _, name = spec.location.partition("/")
    made, new = repos.create(opened, f"{user if OWN in words else org}/{name}", PUBLIC in words)
    _tell(made)
    _fact("new", "yes" if new else "")


_WHAT: dict[str, Callable[[Spec, str], None]] = {"info": _info, "look": _look, "create": _create}
