"""Stand-in for torch-xla as it is without devices: ranks as torchrun gives them."""

__version__ = "2.8.1"
