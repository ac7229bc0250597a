"""Door: hooks in a training process: `enable`, `disable`, `status`; importing changes nothing."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache_hooks.trainer import NeffcacheCallback

__all__ = ("NeffcacheCallback", "disable", "enable", "status")


def enable() -> None:
    """Patch the target libraries: those that are imported now, the others when they are.

    Does nothing inside a compile of our own; calling it again changes nothing. Never raises.
    """
    from neffcache_hooks import importing

    importing.enable()


def disable() -> None:
    """Put everything back that is still ours, and look at no further imports."""
    from neffcache_hooks import importing

    importing.disable()


def status() -> "list[tuple[str, str, str]]":
    """What became of each target: (label, state, reason).

    States: applied, waiting (not imported yet), stands aside, reverted.
    """
    from neffcache_hooks import importing

    return importing.status()


def __getattr__(name: str) -> object:
    if name == "NeffcacheCallback":  # imports transformers
        from neffcache_hooks.trainer import NeffcacheCallback

        return NeffcacheCallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
