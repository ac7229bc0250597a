"""Stand-in for the AWS Neuron compiler: same command line and files, XLA on the CPU inside."""

__version__ = "2.21.33363.0+82129205"
