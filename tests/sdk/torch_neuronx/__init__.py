"""Stand-in for torch-neuronx: that it is there, and the one name that others import at once."""

__version__ = "2.8.0.2.10.16998"


class DataParallel:
    """For isinstance only: nothing runs here."""
