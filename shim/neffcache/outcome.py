"""Ground: the only list of reasons; every call of the shim ends with exactly one of them."""

HIT, MISS, BYPASS, ERROR = "hit", "miss", "bypass", "error"

# id, kind, words. Ids are written into journals: never renamed, never reused.
OUTCOMES = (
    ("hit_local", HIT, "answered from the local store"),
    ("hit_remote", HIT, "answered from a remote, now also in the local store"),
    ("hit_waited", HIT, "answered by a compile of another process that this one waited for"),
    ("hit_native", HIT, "answered by an entry of libneuronxla's cache that a remote had"),
    ("compiled", MISS, "not stored anywhere: compiled and kept"),
    ("compiled_readonly", MISS, "compiled, not kept: the cache is set to read only"),
    ("compiled_store_failed", MISS, "compiled, not kept: the local store could not take it"),
    ("compiled_too_large", MISS, "compiled, not kept: larger than the store may grow"),
    ("compile_failed", MISS, "the compiler failed: failures are never kept"),
    ("compile_killed", MISS, "the compiler died by a signal: nothing is kept"),
    ("neff_not_written", MISS, "status 0, but this compile wrote no NEFF: not kept"),
    ("neff_incomplete", MISS, "status 0, but the NEFF is not complete: not kept"),
    ("wrapper_unproven", MISS, "wrapped_neff.hlo does not show this NEFF's bytes: not kept"),
    ("output_contended", MISS, "another process wrote to the same output meanwhile: not kept"),
    ("inputs_changed", MISS, "a graph or file in the key changed during the compile: not kept"),
    ("compiler_changed", MISS, "the compiler package changed during the compile: not kept"),
    ("required_hit_missing", ERROR, "not stored, and a hit was required: not compiled"),
    ("not_a_compile", BYPASS, "not a compile command: passed on"),
    ("disabled", BYPASS, "the cache is switched off"),
    ("nested", BYPASS, "started by a compile that is already ours: passed on"),
    ("bad_setting", BYPASS, "a setting is wrong: passed on"),
    ("bad_command_line", BYPASS, "the command line is not understood with certainty"),
    ("no_input", BYPASS, "no argument names an existing graph"),
    ("several_inputs", BYPASS, "several arguments name existing files"),
    ("no_target", BYPASS, "no --target: the compiler may take it from the host"),
    ("abbreviated_option", BYPASS, "an option may be an abbreviation of a known one"),
    ("special_pipeline", BYPASS, "--pipeline asks for more than a plain compile"),
    ("debug_mode", BYPASS, "a debugging option leaves more files than an entry holds"),
    ("value_is_directory", BYPASS, "the value of an option is a directory"),
    ("output_special", BYPASS, "the output is a link, a device, a pipe or a directory"),
    ("output_unreachable", BYPASS, "the output or log lies in a directory that is not there"),
    ("graph_unreadable", BYPASS, "the graph cannot be read"),
    ("graph_custom_code", BYPASS, "the graph names code in other files (AwsNeuronCustom...)"),
    ("graph_directory_odd", BYPASS, "the graph directory holds links or special files"),
    ("compiler_unidentified", BYPASS, "the compiler package cannot be identified"),
    ("store_unusable", BYPASS, "the local store cannot be used"),
    ("compiler_not_found", ERROR, "no real neuronx-cc on PATH"),
    ("internal_error", ERROR, "an unexpected fault in the cache: passed on"),
)

# Things noticed on the way to an outcome; counted beside it. id, words.
NOTES = (
    ("entry_damaged", "a damaged entry was dropped from the local store"),
    ("restore_failed", "an entry was found but its files could not be written"),
    ("remote_absent", "a remote does not have it"),
    ("remote_failed", "a remote was asked and failed"),
    ("remote_skipped", "a remote was not asked: it failed a moment ago"),
    ("remote_offline", "a remote was not asked: HF_HUB_OFFLINE is set"),
    ("remote_damaged", "a remote's entry was damaged and not used"),
    ("remote_slow", "a download was given up: compiling is quicker"),
    ("native_absent", "a remote does not have the entry of libneuronxla's cache"),
    ("native_refused", "a remote's entry of libneuronxla's cache is not whole, or not checked"),
    ("native_unwritten", "an entry could not be brought into libneuronxla's cache"),
    ("wait_timeout", "waited as long as allowed for another compile of the same key"),
    ("no_locks", "the file system has no working locks: not waited"),
    ("queue_failed", "the entry could not be queued for its remotes"),
    ("backfilled", "what a remote had was queued for a nearer one, which asks for that"),
    ("recache", "stored answers were passed over on request"),
    ("nondeterministic", "two compiles of one key gave different results"),
    ("lock_cleared", "a lock of libneuronxla's cache was removed: its taker is dead"),
    ("lock_unproven", "a lock of libneuronxla's cache is waited for that nobody seems to hold"),
    ("failure_set_aside", "a failed compile of libneuronxla's cache is tried again"),
)


def kind(outcome: str) -> str:
    """The kind (hit, miss, bypass, error) of an outcome id; KeyError when unknown."""
    for name, its_kind, _words in OUTCOMES:
        if name == outcome:
            return its_kind
    raise KeyError(outcome)


def words(outcome: str) -> str:
    """What an outcome or note id means, for people; KeyError when unknown."""
    for row in OUTCOMES + NOTES:
        if row[0] == outcome:
            return row[-1]
    raise KeyError(outcome)
