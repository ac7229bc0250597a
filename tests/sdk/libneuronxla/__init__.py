"""Stand-in for AWS's libneuronxla: its persistent compile cache and the compile that asks it."""

from libneuronxla.libncc import neuron_xla_compile

__all__ = ["neuron_xla_compile"]
__version__ = "2.2.12677.0"
