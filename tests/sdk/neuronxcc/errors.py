"""The two ways a call can fail: used wrongly, or the compile broke."""


class UsageError(Exception):
    """The command line makes no sense; exit status 2."""


class CompileError(Exception):
    """The compile failed with one of the compiler's own codes; exit status 70."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"[{code}] {message}")
