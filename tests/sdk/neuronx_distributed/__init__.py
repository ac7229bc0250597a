"""Stand-in for neuronx-distributed: its checkpoints, and how it has graphs compiled."""
