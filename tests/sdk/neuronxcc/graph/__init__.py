"""The graph: reading it, and rewriting it as flags, weights, kernels and collectives demand."""
