"""A Hub-protocol server of our own on 127.0.0.1, for tests with the real clients."""
