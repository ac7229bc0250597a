"""Noun: the bundle, the one file that holds an entry (format: shim/README.md)."""
