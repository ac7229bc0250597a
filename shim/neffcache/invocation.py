"""Noun: a command line of the compiler, understood with certainty or not for the cache."""

from neffcache import files, flags

DEFAULT_OUTPUT = "file.neff"
DEFAULT_LOG = "log-neuron-cc.txt"
WRAPPED = "wrapped_neff.hlo"
_ODD = "bad_command_line"


class Bypass(Exception):
    """This call is not for the cache.

    Attributes:
        outcome: an id of the outcome table.
        detail: what exactly, for people.
    """

    def __init__(self, outcome: str, detail: str = "") -> None:
        super().__init__(outcome, detail)
        self.outcome = outcome
        self.detail = detail


class Invocation:
    """One compile: what goes in, what comes out, and the options that decide the result.

    Attributes:
        argv: the arguments behind the program's name, untouched.
        cwd: absolute working directory.
        graph: absolute path of the input; graph_name: as written.
        output: absolute path of the NEFF.
        logfile: absolute path of the compiler's log.
        wrapper: whether wrapped_neff.hlo is asked for.
        options: every argument that may decide the result, in order.
        named_files: (option, absolute path) of each option value that is a file.
        target: whether --target is given.
    """

    __slots__ = (
        "argv",
        "cwd",
        "graph",
        "graph_name",
        "logfile",
        "named_files",
        "options",
        "output",
        "target",
        "wrapper",
    )
    argv: "list[str]"
    cwd: str
    graph: str
    graph_name: str
    logfile: str
    named_files: "list[tuple[str, str]]"
    options: "list[str]"
    output: str
    target: bool
    wrapper: bool


class _Reader:
    """Walks the arguments once, left to right; the right-most of competing options wins."""

    __slots__ = ("allow_savetemps", "argv", "at", "inputs", "loose", "made", "subcommand")

    def __init__(self, argv: "list[str]", cwd: str, allow_savetemps: bool) -> None:
        self.argv = argv
        self.at = 0
        self.allow_savetemps = allow_savetemps
        self.inputs: list[str] = []
        self.loose = False  # an unknown option stands before: the next word may be its value
        self.subcommand = ""
        self.made = made = Invocation()
        made.argv = argv
        made.cwd = cwd
        made.options = []
        made.named_files = []
        made.output = files.join(cwd, DEFAULT_OUTPUT)
        made.logfile = files.join(cwd, DEFAULT_LOG)
        made.wrapper = made.target = False

    def read(self) -> Invocation:
        while self.at < len(self.argv):
            word = self.argv[self.at]
            self.at += 1
            if word[:1] == "-" and len(word) > 1:
                self._option(word)
            elif self.subcommand:
                self._bare(word)
            elif word == "compile":
                self.subcommand = word
            else:
                raise Bypass("not_a_compile", word)
        if not self.subcommand:
            raise Bypass("not_a_compile", "no subcommand")
        return self._finish()

    def _finish(self) -> Invocation:
        if not self.inputs:
            raise Bypass("no_input")
        if len(self.inputs) > 1:
            raise Bypass("several_inputs", " ".join(self.inputs))
        self.made.graph_name = self.inputs[0]
        self.made.graph = files.join(self.made.cwd, self.inputs[0])
        return self.made

    def _bare(self, word: str) -> None:
        if word[:1] == "@" or not word:
            raise Bypass(_ODD, word)
        if _exists(files.join(self.made.cwd, word)):
            self.inputs.append(word)
            if self.loose:  # whether it is the input or a value, its place matters
                self.made.options.append("")
        else:
            self.made.options.append(word)

    def _option(self, word: str) -> None:
        name, equals, value = word.partition("=")
        self._refuse(word, name)
        self.loose = False
        if name in flags.SWITCHES and not equals:
            self._switch(name)
        elif name in flags.MANY_VALUES:
            self._many(word, name, [value] if equals else [])
        elif name in flags.ONE_VALUE and not (equals and _is_short(name)):
            self._one(name, value if equals else self._next(name))
        elif name.startswith("-O") and name[2:].isdigit() and not equals:
            self._one("-O", name[2:])
        elif equals or name.startswith("-O"):
            self._value(name, value)
            self.made.options.append(word)
        elif self.subcommand:
            self.loose = True
            self.made.options.append(word)
        else:
            raise Bypass(_ODD, f"unknown {name} before the subcommand")

    def _refuse(self, word: str, name: str) -> None:
        if name in flags.ANSWERS or name.startswith(flags.ANSWER_PREFIXES):
            raise Bypass("not_a_compile", name)
        if name.startswith(flags.DEBUG_PREFIXES):
            raise Bypass("debug_mode", name)
        if word == "--" or word.startswith(flags.WRAPPER + "="):
            raise Bypass(_ODD, word)
        if flags.may_abbreviate(name):
            raise Bypass("abbreviated_option", name)
        if word.startswith("-o="):  # the value may be "x" or "=x"
            raise Bypass(_ODD, word)

    def _next(self, name: str) -> str:
        if self.at >= len(self.argv) or self.argv[self.at][:1] == "-":
            raise Bypass(_ODD, f"{name} without a value")
        self.at += 1
        return self.argv[self.at - 1]

    def _switch(self, name: str) -> None:
        if name == flags.WRAPPER:
            self.made.wrapper = True
        self.made.options.append(name)

    def _one(self, name: str, value: str) -> None:
        made = self.made
        if not value:
            raise Bypass(_ODD, f"{name} with an empty value")
        if name in flags.OUTPUT:
            made.output = files.join(made.cwd, value)
        elif name == flags.LOGFILE:
            made.logfile = files.join(made.cwd, value)
        elif name == flags.TEMP_DIR:
            return
        elif flags.is_quiet(name, value) and not self._overrides(name):
            return
        elif name in flags.FILE_VALUES and _exists(files.join(made.cwd, value)):
            self._value(name, value)
            made.options.append(name)
        else:
            if name not in flags.WORD_VALUES:
                self._value(name, value)
            made.target = made.target or name == "--target"
            made.options.append(f"{flags.SPELLINGS.get(name, name)}={value}")

    def _overrides(self, name: str) -> bool:
        """Whether the option stands before already, with a value that is in the key."""
        return any(option.startswith(f"{name}=") for option in self.made.options)

    def _many(self, word: str, name: str, values: "list[str]") -> None:
        start = self.at
        while self.at < len(self.argv) and self.argv[self.at][:1] != "-":
            self.at += 1
        values += self.argv[start : self.at]
        plain = (["compile"], ["compile", "SaveTemps"]) if self.allow_savetemps else (["compile"],)
        if name == "--pipeline" and values not in plain:
            raise Bypass("special_pipeline", " ".join(values))
        self.made.options += [word, *self.argv[start : self.at]]

    def _value(self, name: str, value: str) -> None:
        """Note every file that the value names, whole or in part."""
        for piece in dict.fromkeys((value, *_pieces(value))):
            path = files.join(self.made.cwd, piece)
            mode = files.mode(path) if piece else 0
            if not mode:
                continue
            if files.is_regular(mode):
                self.made.named_files.append((name, path))
            else:
                raise Bypass("value_is_directory", f"{name} {piece}")


def _is_short(name: str) -> bool:
    """Whether it has one dash: what "=" means behind such a name is not documented."""
    return not name.startswith("--")


def _pieces(value: str) -> "list[str]":
    """The parts of an option's value that may be paths."""
    for mark in "=,:;'\"":
        value = value.replace(mark, " ")
    return value.split()


def _exists(path: str) -> bool:
    return files.mode(path) != 0


def parse(argv: "list[str]", cwd: str, *, allow_savetemps: bool = False) -> Invocation:
    """Understand a command line (the arguments behind the program's name).

    Looks at the file system only to tell which arguments are files.

    Raises:
        Bypass: the call is not a compile, or not one whose meaning is certain.
    """
    return _Reader(argv, cwd, allow_savetemps).read()
