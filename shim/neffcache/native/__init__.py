"""Noun: libneuronxla's own compile cache: `<root>/neuronxcc-<version>/MODULE_*/<files>`."""
