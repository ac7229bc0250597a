"""neffcache: a compiler cache in front of neuronx-cc."""

__version__ = "0.1.0"
