"""Every flag the compiler knows: how many words it takes, and whether it changes the result."""

from __future__ import annotations

from dataclasses import dataclass

NONE, ONE, MANY = "none", "one", "many"
TARGETS = ("inf2", "trn1", "trn1n", "trn2", "trn3")


@dataclass(frozen=True)
class Option:
    """One flag; `result` ones are part of what is compiled and stand in neff.json."""

    name: str
    words: str = ONE
    result: bool = True
    choices: tuple[str, ...] = ()
    names_file: bool = False


def _table(*options: Option) -> dict[str, Option]:
    return {option.name: option for option in options}


OPTIONS = _table(
    # where and how loudly
    Option("output", result=False),
    Option("logfile", result=False),
    Option("logfile-verbose", result=False),
    Option("temp-dir", result=False),
    Option("verbose", result=False),
    Option("version", NONE, result=False),
    Option("help", NONE, result=False),
    Option("query-compute-placement", NONE, result=False),
    Option("print-nki", NONE, result=False),
    # documented
    Option("framework", choices=("XLA",)),
    Option("target", choices=TARGETS),
    Option("model-type", choices=("generic", "transformer", "unet-inference", "cnn-training")),
    Option("auto-cast", choices=("none", "matmult", "all")),
    Option("auto-cast-type", choices=("bf16", "fp16", "tf32", "fp8_e4m3")),
    Option("distribution-strategy"),
    Option("logical-nc-config", choices=("1", "2")),
    Option("optlevel", choices=("1", "2", "3")),
    Option("enable-mixed-precision-accumulation", NONE),
    Option("disable-mixed-precision-accumulation", NONE),
    Option("enable-saturate-infinity", NONE),
    Option("enable-fast-context-switch", NONE),
    Option("enable-fast-loading-neuron-binaries", NONE),
    # seen in public command lines
    Option("native-int64", NONE),
    Option("implicit-integer-downcast", NONE),
    Option("tensorizer-options"),
    Option("hlo2tensorizer-options"),
    Option("hbm-scratchpad-page-size"),
    Option("fast-math", MANY),
    Option("pipeline", MANY),
    Option("policy"),
    Option("jobs"),
    Option("num-parallel-jobs"),
    Option("num-neuroncores"),
    Option("neuroncore-pipeline-cores"),
    Option("static-weights", NONE),
    Option("dump", result=False),
    Option("verify-hlo"),
    Option("lnc", choices=("1", "2")),
    Option("io-config", names_file=True),
    Option("tfpb", names_file=True),
    Option("autotune-config", names_file=True),
    # internal ones whose number of words matters
    Option("internal-enable-dge-levels", MANY),
    Option("internal-disable-dge-levels", MANY),
    Option("internal-hlo2tensorizer-options"),
    Option("internal-backend-options"),
    Option("internal-max-instruction-limit"),
    Option("enable-internal-neff-wrapper", NONE, result=False),
)
SHORT = {
    "-o": "output",
    "-O": "optlevel",
    "-V": "version",
    "-h": "help",
    "-v": "verbose",
    "-lnc": "logical-nc-config",
}
# Several spellings of one question: the right-most answer wins across all of them.
ALIASES = {"lnc": "logical-nc-config"}
SWITCHES = {
    "enable-mixed-precision-accumulation": ("mixed-precision-accumulation", "on"),
    "disable-mixed-precision-accumulation": ("mixed-precision-accumulation", "off"),
}
DEFAULTS: dict[str, str] = {
    "framework": "XLA",
    "model-type": "generic",
    "auto-cast": "matmult",
    "auto-cast-type": "bf16",
    "optlevel": "2",
    "logical-nc-config": "1",
    "mixed-precision-accumulation": "on",
}
# Accepted without being in the table; they take what follows them and is neither flag nor file.
OPEN_PREFIXES = ("internal-", "experimental-", "enable-internal-", "enable-experimental-")
