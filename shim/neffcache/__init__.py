"""neffcache: a compiler cache in front of neuronx-cc."""

from neffcache.version import __version__

__all__ = ["__version__"]
