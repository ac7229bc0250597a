"""Noun: what stands for the custom calls of a graph, asked for once and remembered."""

from neffcache import files
from neffcache.graph import raw
from neffcache.graph.outside import Outside
from neffcache.invocation import Bypass

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Target and configuration of each custom call, and the digest of what stands for it ("": None).
    Calls = dict[tuple[bytes, bytes], str]


class Asked:
    """Answers for custom calls, remembered: while they stay the same, so does the graph's digest.

    Attributes:
        calls: what was asked and answered.
        outside: reads the files that are named.
    """

    __slots__ = ("_answers", "calls", "outside")

    def __init__(self, cwd: str) -> None:
        self.outside = Outside(cwd)
        self.calls: Calls = {}
        self._answers: dict[tuple[bytes, bytes], bytes | None] = {}

    def __call__(self, target: bytes, config: bytes) -> "bytes | None":
        """What stands for a configuration. Raises Bypass."""
        call = (target, config)
        if call not in self.calls:
            answer = self._answers[call] = self.outside(target, config)
            self.calls[call] = "" if answer is None else files.digest(answer)
        return self._answers[call]

    def changed(self) -> int:
        """When any file that was read last changed (ns); 0 for none."""
        try:
            return max(map(raw.changed, self.outside.references), default=0)
        except OSError as error:
            raise Bypass(raw.UNREADABLE, str(error)) from error
