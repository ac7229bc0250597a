"""Door: hooks in a training process: `enable`, `disable`, `status`; importing changes nothing."""
