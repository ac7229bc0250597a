"""Noun: what is documented of the compiler's options; everything else counts as unknown."""

# Options followed by one value, whose value is a word or number and never a file.
WORD_VALUES = frozenset((
    "--framework", "--target", "--model-type", "--auto-cast", "--auto-cast-type",
    "--distribution-strategy", "--logical-nc-config", "--lnc", "-lnc", "--optlevel", "-O",
    "--verbose", "--logfile-verbose", "--jobs", "--num-parallel-jobs",
))  # fmt: skip
# Different spellings of one documented option: one name in the key.
SPELLINGS = {"-O": "--optlevel", "-lnc": "--logical-nc-config", "--lnc": "--logical-nc-config"}
# Options followed by one value that may name a file or say something with files in it.
OTHER_VALUES = frozenset(("--tensorizer-options", "--io-config", "--tfpb"))
# Options whose value is a file that matters by its content alone.
FILE_VALUES = frozenset(("--io-config", "--tfpb"))
# Options that take every bare word up to the next option.
MANY_VALUES = frozenset(("--internal-enable-dge-levels", "--pipeline", "--fast-math"))
# Options without a value.
SWITCHES = frozenset((
    "--native-int64", "--enable-mixed-precision-accumulation",
    "--disable-mixed-precision-accumulation", "--enable-saturate-infinity",
    "--enable-fast-context-switch", "--enable-fast-loading-neuron-binaries",
    "--enable-internal-neff-wrapper",
))  # fmt: skip
OUTPUT = ("--output", "-o")
LOGFILE = "--logfile"
TEMP_DIR = "--temp-dir"
WRAPPER = "--enable-internal-neff-wrapper"
# Options that only say where the result and the log go.
PLACES = frozenset((*OUTPUT, LOGFILE, TEMP_DIR))
# Options that turn the command into something other than a compile.
ANSWERS = frozenset(("-V", "--version", "-h", "--query-compute-placement"))
ANSWER_PREFIXES = ("--help",)
# Options that print or dump more than an entry holds.
DEBUG_PREFIXES = ("--print-nki", "--debug", "--dump", "--save-temps", "--keep-temps")
# Words of --verbose (and numbers from 20) that only say how loudly; debug may change the NEFF.
QUIET_WORDS = ("info", "warning", "error", "critical")
QUIET_FROM = 20

ONE_VALUE = WORD_VALUES | OTHER_VALUES | PLACES
KNOWN = ONE_VALUE | MANY_VALUES | SWITCHES | ANSWERS | {"--help", "--print-nki"}


def is_quiet(option: str, value: str) -> bool:
    """Whether this is a verbosity option whose value cannot change the result."""
    if option != "--verbose":
        return option == "--logfile-verbose"
    if value.isascii() and value.isdigit():
        return int(value) >= QUIET_FROM
    return value in QUIET_WORDS


def may_abbreviate(option: str) -> bool:
    """Whether a long option is a proper prefix of a documented one, or a joined -oFILE."""
    if option in KNOWN:
        return False
    if option.startswith("-o"):
        return True
    return option.startswith("--") and any(known.startswith(option) for known in KNOWN)
