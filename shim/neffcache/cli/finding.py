"""Door: what a check of `neffcache doctor` finds, and what it looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.options import Config

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        topic: what was looked at: path, shim, compiler, store, remotes, queue, settings,
            environment, hooks, watcher, locks, failures.
        level: ok; warn (hits still happen); fail (this stops hits).
        line: what is so; remedy: what to do, "" when ok.
    """

    topic: str
    level: str
    line: str
    remedy: str = ""


@dataclass(frozen=True)
class Scene:
    """What the checks look at: the settings as far as they are right, and the surroundings."""

    environ: Mapping[bytes, bytes]
    config: Config
    cwd: str
