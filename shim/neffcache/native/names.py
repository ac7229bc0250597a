"""Noun: the names in libneuronxla's cache; MODULE names are read, never computed."""

NEFF, DONE, FLAGS = "model.neff", "model.done", "compile_flags.json"
HLO, WRAPPED = "model.hlo_module.pb", "wrapped_neff.hlo"
LOG, LOCK = "model.log", ".lock"
# Of compilers up to 2.12, which leave no `model.done`: whether an entry is whole cannot be told.
OLD_HLO, OLD_FLAGS = "model.hlo.pb", "compile_flags.txt"
MANIFEST = "neffcache.json"
# What an entry may hold, in the order in which it is planted: `model.done` says that it is whole.
PLANTED = (HLO, FLAGS, WRAPPED, NEFF, DONE)
VERSION, MODULE = "neuronxcc-", "MODULE_"
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-._")
_LONGEST = 120


def is_version(name: str) -> bool:
    """Whether a directory of this name holds the entries of one compiler version."""
    return _is_name(name, VERSION)


def is_entry(entry: str) -> bool:
    """Whether a relative path is that of an entry: `neuronxcc-<version>/MODULE_<...>`.

    Nothing else may become a path: the name may come from a remote. A directory in the place of
    another entry's lock would keep everybody from compiling that one.
    """
    version, slash, module = entry.partition("/")
    plain = is_version(version) and _is_name(module, MODULE)
    return bool(slash) and plain and not module.endswith(LOCK)


def version_of(entry: str) -> str:
    """The directory that an entry lies in."""
    return entry.partition("/")[0]


def entry_of(path: str) -> "tuple[str, str]":
    """(entry, file) of a path of three parts below the root; ("", "") for any other path."""
    entry, _, name = path.rpartition("/")
    return (entry, name) if is_entry(entry) else ("", "")


def _is_name(text: str, start: str) -> bool:
    return (
        text.startswith(start)
        and len(start) < len(text) <= _LONGEST
        and _LETTERS.issuperset(text)
        and ".." not in text
    )
