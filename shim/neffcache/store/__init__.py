"""World: the local store: one directory of bundles, owned by one user, safe against kill -9."""
