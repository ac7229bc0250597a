"""Stand-in for vllm-neuron: how it has graphs compiled."""
