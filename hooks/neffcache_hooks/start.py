"""Door: what an interpreter with NEFFCACHE_HOOKS set runs at its start."""

from neffcache_hooks import importing

importing.enable()
