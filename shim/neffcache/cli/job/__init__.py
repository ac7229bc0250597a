"""Door: the parts of `neffcache run`."""
