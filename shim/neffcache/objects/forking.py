"""World: obstore hangs for ever in a process that was forked after its first use: refused there."""

from neffcache.errors import RemoteError

# What has happened in this process: "armed", and in a child of one that was "forked".
_state: "set[str]" = set()


def arm() -> None:
    """The library is about to be used here: what is forked from now on must not use it."""
    check()
    if "armed" not in _state:
        import os

        os.register_at_fork(after_in_child=_mark)
        _state.add("armed")


def check() -> None:
    """Raises RemoteError in a process whose parent had used the library when it forked."""
    if "forked" in _state:
        what = "object stores cannot be used in a process forked from one that uses them"
        raise RemoteError(what, "start a new process instead")


def _mark() -> None:
    _state.add("forked")
