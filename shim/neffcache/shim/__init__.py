"""Door: the program that stands in for neuronx-cc."""
