"""The watcher passes by what a remote brought: it is there already."""

from __future__ import annotations

import natives
from neffcache import planted
from neffcache.native import names
from watch.rig import Rig


def test_what_a_remote_brought_is_not_queued_and_what_is_compiled_is(rig: Rig) -> None:
    rig.job()
    brought, place = natives.OTHER, rig.root / natives.OTHER
    stage = natives.write(rig.root.parent / "stage", brought)
    planted.note(rig.store, str(place), str(stage / names.NEFF))
    place.parent.mkdir(parents=True, exist_ok=True)
    stage.rename(place)
    compiled = rig.entry()
    rig.exit()
    assert rig.queued() == [compiled]
