"""Meeting points of the processes of a job, and the saving of what they have."""

from __future__ import annotations

import importlib.util
import os
import pickle
from typing import IO, Any

from torch_xla import runtime


def get_ordinal() -> int:
    return runtime.global_ordinal()


def get_local_ordinal() -> int:
    return runtime.local_ordinal()


def is_master_ordinal(local: bool = True) -> bool:
    return (runtime.local_ordinal() if local else runtime.global_ordinal()) == 0


def rendezvous(tag: str, payload: bytes = b"", replicas: list[int] | None = None) -> list[bytes]:
    """Nobody is waited for here; returns what the caller has brought."""
    del tag, replicas
    return [payload]


def save(
    data: Any,
    file_or_path: str | os.PathLike[str] | IO[bytes],
    master_only: bool = True,
    global_master: bool = False,
) -> None:
    """Save data: the first process of a host (or of all), or with `master_only=False` everybody.

    The real one calls torch.save; where there is no torch, pickle writes.
    """
    if not master_only or is_master_ordinal(local=not global_master):
        _save(data, file_or_path)
    rendezvous("torch_xla.core.xla_model.save")


def _save(data: Any, target: Any) -> None:
    if importlib.util.find_spec("torch"):
        importlib.import_module("torch").save(data, target)
    elif hasattr(target, "write"):
        pickle.dump(data, target)
    else:
        with open(target, "wb") as file:
            pickle.dump(data, file)
