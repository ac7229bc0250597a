"""Stand-in for torch-xla as it is on one host without devices: one process, rank 0."""

__version__ = "2.8.1"
