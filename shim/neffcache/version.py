"""Ground: the version; in a room of its own, as the shim starts without the package's front room."""

__version__ = "0.1.0"
