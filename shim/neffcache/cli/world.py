"""Door: what most commands look at: this process's environment, the settings, the store."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neffcache import config as settings
from neffcache import remote, targets
from neffcache.errors import SettingError
from neffcache.store import local

if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.options import Config
    from neffcache.remote import Spec
    from neffcache.store.local import Store


@dataclass(frozen=True)
class World:
    """The settings that hold for this process and the environment they come from."""

    environ: Mapping[bytes, bytes]
    config: Config

    @classmethod
    def here(cls) -> World:
        """As this process sees it. Raises SettingError, for a malformed remote as well."""
        environ = dict(os.environb)
        made = cls(environ, _load(environ))
        made.remotes()
        return made

    def store(self) -> Store | None:
        """The local store, None when there is none yet; looking does not make one.

        Raises:
            StoreError: there is something in its place that cannot be used.
        """
        if not os.path.lexists(local.location(self.config)):
            return None
        return local.open_store(self.config)

    def remotes(self) -> list[Spec]:
        """The remotes in order, each with where it is named. Raises SettingError."""
        return targets.specs(self.config, self.environ)

    def good_remotes(self) -> list[Spec]:
        """The same; only those that the settings name where one of the others is malformed."""
        try:
            return self.remotes()
        except SettingError:
            return remote.specs(self.config.remotes)

    def journal(self) -> str:
        """The directory of the journal, whether or not it is there."""
        return f"{local.location(self.config)}/{local.JOURNAL}"


def bare() -> tuple[Config, Mapping[bytes, bytes]]:
    """The settings and the environment, for a command that puts a wrong remote right.

    Raises:
        SettingError: one of our own settings is malformed.
    """
    environ = dict(os.environb)
    return settings.load(environ), environ


def tolerant(environ: Mapping[bytes, bytes]) -> tuple[Config, list[SettingError]]:
    """The settings without the ones that are wrong, and what is wrong with those and elsewhere."""
    made, errors = _tolerant(environ)
    try:
        targets.specs(made, environ)
    except SettingError as error:
        errors.append(error)
    return made, errors


def _tolerant(environ: Mapping[bytes, bytes]) -> tuple[Config, list[SettingError]]:
    try:
        return _load(environ), []
    except SettingError as error:
        first = error
    ours = {name: value for name, value in environ.items() if name.startswith(settings.PREFIX)}
    kept = {name: value for name, value in environ.items() if name not in ours}
    errors: list[SettingError] = []
    if not _loads(kept, errors):
        # A settings file is wrong: the defaults and the variables are all that can be shown.
        kept = {b"NEFFCACHE_CONFIG": b"/dev/null"}
        ours.pop(b"NEFFCACHE_CONFIG", None)
    for name, value in ours.items():
        if _loads(kept | {name: value}, errors):
            kept[name] = value
    return _load(kept), errors or [first]


def _load(environ: Mapping[bytes, bytes]) -> Config:
    made = settings.load(environ)
    remote.specs(made.remotes)
    return made


def _loads(environ: Mapping[bytes, bytes], errors: list[SettingError]) -> bool:
    try:
        _load(environ)
    except SettingError as error:
        errors.append(error)
        return False
    return True
