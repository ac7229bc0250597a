"""World: OCI registries, on the standard library: names, logins, requests."""
