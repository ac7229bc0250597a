"""Stand-in for transformers-neuronx: how it has graphs compiled."""
