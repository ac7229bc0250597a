"""The parser by itself: spellings, order, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuronxcc.driver.arguments import parse
from neuronxcc.driver.effective import environment, flags
from neuronxcc.errors import UsageError

SPELLINGS = [
    ("-O1", "optlevel", "1"),
    ("-O 1", "optlevel", "1"),
    ("--optlevel=1", "optlevel", "1"),
    ("--optlevel 1", "optlevel", "1"),
    ("--optl 1", "optlevel", "1"),
    ("-O1 -O3", "optlevel", "3"),
    ("-lnc 1", "logical-nc-config", "1"),
    ("-lnc=2", "logical-nc-config", "2"),
    ("--lnc=1", "logical-nc-config", "1"),
    ("--logical-nc-config 1", "logical-nc-config", "1"),
    ("--lnc 1 --logical-nc-config 2", "logical-nc-config", "2"),
    ("--internal-enable-dge-levels a b c", "internal-enable-dge-levels", ["a", "b", "c"]),
    ("--internal-anything x y -O1", "internal-anything", ["x", "y"]),
    ("--internal-anything=x", "internal-anything", "x"),
    ("--internal-anything", "internal-anything", True),
    ("--fast-math x y", "fast-math", ["x", "y"]),
    ("--pipeline compile SaveTemps", "pipeline", ["compile", "SaveTemps"]),
    ("-o out.neff", "output", "out.neff"),
    ("--auto-cast none --auto-cast all", "auto-cast", "all"),
    (
        "--enable-mixed-precision-accumulation --disable-mixed-precision-accumulation",
        "mixed-precision-accumulation",
        "off",
    ),
]
REFUSED = [
    "explode",
    "compile --unknown-flag x",
    "compile --cache_dir=/x",
    "compile -Z",
    "compile --target=gpu",
    "compile --optlevel",
    "compile --auto-cast=some",
    "compile --auto-c none",
    "compile --native-int64=1",
]


@pytest.mark.parametrize(("words", "name", "value"), SPELLINGS)
def test_spellings(words: str, name: str, value: object) -> None:
    request = parse(["compile", "in.pb", *words.split()])
    assert request.options[name] == value
    assert request.inputs == ["in.pb"]


@pytest.mark.parametrize("words", REFUSED)
def test_refused(words: str) -> None:
    with pytest.raises(UsageError):
        parse(words.split())


def test_an_open_flag_leaves_the_input_alone(tmp_path: Path) -> None:
    graph = tmp_path / "in.pb"
    graph.touch()
    assert parse(["compile", "--internal-x", "y", str(graph)]).inputs == [str(graph)]


def test_a_directory_called_compile() -> None:
    request = parse(["compile", "compile", "--target", "trn1"])
    assert (request.command, request.inputs) == ("compile", ["compile"])


def test_where_and_how_loudly_is_no_effect() -> None:
    quiet = parse(["compile", "in.pb", "-O1"])
    loud = parse(["compile", "in.pb", "-O1", "--verbose=35", "-o", "x", "--logfile", "y"])
    assert flags(quiet, {}) == flags(loud, {})


def test_a_named_file_counts_by_its_content(tmp_path: Path) -> None:
    seen = []
    for name, content in (("a", "1"), ("b", "1"), ("c", "2")):
        path = tmp_path / name
        path.write_text(content)
        seen.append(flags(parse(["compile", "in.pb", "--io-config", str(path)]), {}))
    assert seen[0] == seen[1] != seen[2]


def test_the_environment_that_counts() -> None:
    environ = {
        "NEURON_FSDP": "1",
        "NEURON_RT_NUM_CORES": "2",
        "NKI_FRONTEND": "x",
        "XLA_FLAGS": "--xla_dump_to=/x --xla_foo=1",
        "HOME": "/root",
    }
    counting = {"NEURON_FSDP": "1", "NKI_FRONTEND": "x", "XLA_FLAGS": "--xla_foo=1"}
    assert environment(environ) == counting


def test_the_environment_overrides() -> None:
    environ = {"NEURON_LOGICAL_NC_CONFIG": "2", "NEURON_PLATFORM_TARGET_OVERRIDE": "trn2"}
    found = flags(parse(["compile", "in.pb", "--target=trn1"]), environ)
    assert (found["logical-nc-config"], found["target"]) == ("2", "trn2")
