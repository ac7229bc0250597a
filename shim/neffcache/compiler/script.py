"""World: read a neuronx-cc script: is it a plain console script, and who runs it."""

from neffcache import files
from neffcache.invocation import Bypass

_MOST = 64 << 10
_UNIDENTIFIED = "compiler_unidentified"
_IMPORTS = ("from neuronxcc ", "from neuronxcc.")
# The lines that console scripts consist of, by whatever installer; each with nothing to choose.
_PLAIN = frozenset((
    "", "# -*- coding: utf-8 -*-", "import re", "import sys", "from re import sub",
    "if __name__ == '__main__':", 'if __name__ == "__main__":',
    "sys.exit(main())",
    "sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])",
    "sys.argv[0] = re.sub(r'(-script\\.pyw?|\\.exe)?$', '', sys.argv[0])",
    "sys.argv[0] = re.sub(r\"(-script\\.pyw|\\.exe)?$\", \"\", sys.argv[0])",
    "sys.argv[0] = sys.argv[0].removesuffix('.exe')",
    "if sys.argv[0].endswith('.exe'):", "sys.argv[0] = sys.argv[0][:-4]",
    'if sys.argv[0].endswith("-script.pyw"):', "sys.argv[0] = sys.argv[0][:-11]",
    'elif sys.argv[0].endswith(".exe"):',
))  # fmt: skip


class Script:
    """A console script.

    Attributes:
        interpreter: absolute path of the Python that runs it.
        entry: "module:function" that it calls.
    """

    __slots__ = ("entry", "interpreter")

    def __init__(self, interpreter: str, entry: str) -> None:
        self.interpreter = interpreter
        self.entry = entry

    @classmethod
    def read(cls, path: str) -> "Script":
        """Read a script.

        Raises:
            Bypass: not a console script of neuronxcc, or its interpreter cannot be told.
            OSError: unreadable or far too large.
        """
        try:
            text = files.read(path, _MOST).decode("utf-8")
        except UnicodeDecodeError:
            raise Bypass(_UNIDENTIFIED, f"{path} is not a script") from None
        lines = text.split("\n")
        interpreter, body = _interpreter(path, lines)
        return cls(interpreter, _entry(path, body))


def _interpreter(path: str, lines: "list[str]") -> "tuple[str, list[str]]":
    """The interpreter and the lines behind the ones that name it."""
    first = lines[0]
    if not first.startswith("#!"):
        raise Bypass(_UNIDENTIFIED, f"{path} is not a script")
    words = first[2:].split()
    if words == ["/bin/sh"] and len(lines) > 2 and lines[1].startswith("'''exec' "):
        # The form for interpreters with blanks or long paths: sh runs line 2, Python skips it.
        if lines[2] != "' '''":
            raise Bypass(_UNIDENTIFIED, f"{path} starts its interpreter in an unknown way")
        return _quoted(path, lines[1].removeprefix("'''exec' ")), lines[3:]
    if len(words) == 1 and words[0][0] == "/" and files.basename(words[0]).startswith("python"):
        return words[0], lines[1:]
    raise Bypass(_UNIDENTIFIED, f"{path} is not run by a Python named in its first line")


def _quoted(path: str, text: str) -> str:
    """The interpreter of the exec line, in quotes or not."""
    quote = text[:1]
    if quote in ('"', "'"):
        word, _, rest = text[1:].partition(quote)
    else:
        word, _, rest = text.partition(" ")
    if not word.startswith("/") or rest.split() != ['"$0"', '"$@"']:
        raise Bypass(_UNIDENTIFIED, f"{path} starts its interpreter in an unknown way")
    return word


def _entry(path: str, lines: "list[str]") -> str:
    """ "module:function" of a plain console script. Raises Bypass for anything else."""
    module = ""
    for line in lines:
        line = line.strip()
        if line.startswith(_IMPORTS) and line.endswith(" import main") and not module:
            module = line[len("from ") : -len(" import main")]
        elif line not in _PLAIN:
            raise Bypass(_UNIDENTIFIED, f"{path} is not a plain console script: {line[:60]}")
    if not module.replace(".", "").replace("_", "").isalnum():
        raise Bypass(_UNIDENTIFIED, f"{path} is not a console script of neuronxcc")
    return f"{module}:main"
