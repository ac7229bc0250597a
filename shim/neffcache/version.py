"""Ground: the version; a room of its own, as the shim starts without the front room."""

__version__ = "0.1.0"
