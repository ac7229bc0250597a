"""Stand-in for nkipy: how it has graphs compiled."""
