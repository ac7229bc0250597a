"""Stand-in for AWS's libneuronxla: its persistent compile cache and the compile that asks it."""

from libneuronxla.generation import NAME
from libneuronxla.libncc import neuron_xla_compile, neuronx_cc

__all__ = ["neuron_xla_compile", "neuronx_cc"]
__version__ = f"{NAME}.12677.0" if NAME[0].isdigit() else f"3.0.{NAME}"
