"""What a training script imports."""

from neuronx_distributed.trainer.checkpoint import save_checkpoint

__all__ = ["save_checkpoint"]
