"""Door: what an interpreter with NEFFCACHE_HOOKS set runs at its start."""
