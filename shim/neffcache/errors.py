"""Ground: the errors of the house; each type has exactly one catcher (named beside it)."""


class NeffcacheError(Exception):
    """One line: what is wrong, then what to do about it.

    Args:
        what: the cause, naming the thing at fault; no secrets.
        remedy: what the reader should do; may be empty.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(f"{what}; {remedy}" if remedy else what)
        self.what = what
        self.remedy = remedy


class SettingError(NeffcacheError):
    """A setting is unknown or malformed. Caught by the doors (CLI: status 2; shim: bypass)."""


class EntryError(NeffcacheError):
    """A stored entry is damaged or not the one asked for. Caught in store: drop it, miss."""


class RemoteError(NeffcacheError):
    """A remote could not answer. Caught in cache (next remote) and in the uploader.

    Args:
        pause: seconds for which it asked to be left alone; 0: it did not say.
    """

    def __init__(self, what: str, remedy: str = "", pause: float = 0.0) -> None:
        super().__init__(what, remedy)
        self.pause = pause


class RefusedError(RemoteError):
    """A remote said no for good (not permitted, not possible): trying again will not help."""


class CompilerNotFound(NeffcacheError):
    """No real neuronx-cc on PATH. Caught in the shim: status 127."""


class StoreError(NeffcacheError):
    """The local store cannot be used (owner, mode, not a directory). Caught in run."""
