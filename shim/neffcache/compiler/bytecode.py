"""World: asks the jaxlib of an interpreter to take the debug information out of MLIR bytecode."""

import sys

from neffcache import files, processes
from neffcache.graph.mlir_bytecode import Stripped
from neffcache.graph.mlir_locations import Doubt

_HELPER = "neffcache.compiler.bytecode_helper"
# A parser that says nothing for so long is given up; the graph then keeps its locations.
_SILENCE = 60.0

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Asker:
    """Knows one bytecode file; called with the digest of its bytes as the caller read them."""

    __slots__ = ("_environ", "_path", "_python", "_silence")

    def __init__(
        self,
        path: str,
        environ: "Mapping[bytes, bytes]",
        python: str = "",
        silence: float = _SILENCE,
    ) -> None:
        """Nothing is started yet.

        Args:
            python: an interpreter whose site-packages hold jaxlib; "": the one that runs us.
        """
        self._path = path
        self._environ = environ
        self._python = python or sys.executable
        self._silence = silence

    def __call__(self, digest: str) -> Stripped:
        """What a parser, in a process of its own, left of the file. Raises Doubt."""
        start = files.join(files.parent(processes.__file__), "start.py")
        argv = [self._python, "-I", start, _HELPER, self._path, digest]  # with its site-packages
        try:
            helper = processes.Helper(argv, self._environ)
        except OSError as error:
            raise Doubt(f"{self._python}: {error.strerror}") from error
        try:
            return self._hear(helper)
        except processes.Silent:
            raise Doubt(f"{self._python}: silent for {self._silence:g} s") from None
        except ValueError:
            raise Doubt(f"{self._python}: an answer that is not understood") from None
        finally:
            helper.stop()

    def _hear(self, helper: processes.Helper) -> Stripped:
        calls: list[tuple[bytes, bytes]] = []
        while (line := helper.line(self._silence)) is not None:
            word, _, rest = line.partition(" ")
            if word == "call":
                target, _, config = rest.partition(" ")
                calls.append((bytes.fromhex(target), bytes.fromhex(config)))
            elif word == "done":
                digest, _, parser = rest.partition(" ")
                if len(bytes.fromhex(digest)) != 32 or not parser:
                    raise ValueError(line)
                return Stripped(parser, digest, calls)
            elif word == "failed":
                raise Doubt(rest)
        raise Doubt(f"{self._python}: no answer")
