"""Checkpoints: a directory for each tag, every rank's part in it, the marker last."""

from __future__ import annotations

import os
import pickle
from typing import Any

from torch_xla import runtime


# Their signature, as far as scripts use it.
def save_checkpoint(  # noqa: PLR0913, PLR0917
    path: str,
    tag: str,
    model: Any = None,
    optimizer: Any = None,
    scheduler: Any = None,
    user_content: Any = None,
    num_workers: int = 8,
    use_xser: bool = False,
    num_kept_ckpts: int | None = None,
    async_save: bool = False,
) -> None:
    """Write what is given below `<path>/<tag>/`; all ranks call it."""
    del num_workers, use_xser, num_kept_ckpts, async_save
    rank = runtime.global_ordinal()
    parts = {"model": model, "optim": optimizer, "scheduler": scheduler}
    for name, content in parts.items():
        if content is not None:
            _write(os.path.join(path, tag, name, f"dp_rank_{rank:02}.pt"), content)
    if rank == 0:
        if user_content is not None:
            _write(os.path.join(path, tag, "user_content.pt"), user_content)
        _write(os.path.join(path, tag, "checkpoint"), {"done": True})


def _write(path: str, content: Any) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        pickle.dump(content, file)
