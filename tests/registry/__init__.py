"""Registry peer: a small honest OCI registry of the tests' own, and tests with it."""
