"""Meeting points of the processes of a job, of which there is one."""

from __future__ import annotations


def get_local_ordinal() -> int:
    return 0


def rendezvous(tag: str, payload: bytes = b"", replicas: list[int] | None = None) -> list[bytes]:
    """Everybody is here already; returns what each has brought."""
    del tag, replicas
    return [payload]
