"""Whole: the remotes behind the local store: ask them in order, keep what they have."""

from neffcache.cache.reading import Fetched, Reader

__all__ = ["Fetched", "Reader"]
